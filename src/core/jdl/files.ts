import type { InputFile, OutputFile } from './description.ts';
import type { AttributeReader, Text } from './reader.ts';

/** Name of a file in a job's directory: flat, no leading dot. The directory of a job holds no others that we know of. */
export const isFileName = (name: string): boolean => /^[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,127}$/.test(name);
export const fileNameForm = 'up to 128 of A-Z a-z 0-9 . _ + -, no dot first, no slash';

const schemeOf = (text: string): string | undefined => /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
const shown = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
const control = /\p{Cc}/u;
const wildcards = /[*?[\]]/;

/** `InputSandbox` with `InputSandboxBaseURI`. */
export function readInputs(reader: AttributeReader): readonly InputFile[] {
  const base = reader.text('InputSandboxBaseURI');
  if (base !== undefined && !remote('InputSandboxBaseURI', base, reader)) return [];
  const inputs: InputFile[] = [];
  const names = new Set<string>();
  for (const entry of reader.texts('InputSandbox') ?? []) {
    const input = readInput(entry, base?.text, reader);
    if (input === undefined) continue;
    if (names.has(input.name)) reader.problem('InputSandbox', `two files have the base name ${input.name}`, 'base names that all differ', entry.at);
    else inputs.push(input);
    names.add(input.name);
  }
  return inputs;
}

function readInput({ text, at }: Text, base: string | undefined, reader: AttributeReader): InputFile | undefined {
  const complain = (what: string, valid: string): undefined => reader.problem('InputSandbox', what, valid, at) as undefined;
  const scheme = schemeOf(text);
  if (scheme !== undefined && !inputSchemes.has(scheme))
    return complain(`${shown(text)} has the scheme ${scheme}`, 'a path, or gsiftp:// https:// http:// file://');
  if (control.test(text)) return complain(`${shown(text)} has a control character`, 'a path or a URI without them');
  const uri = scheme === undefined && base !== undefined ? `${base.replace(/\/+$/, '')}/${text.replace(/^\/+/, '')}` : text;
  const kind = scheme === 'file' || (scheme === undefined && base === undefined) ? 'path' : 'uri';
  const source = kind === 'path' ? uri.replace(/^file:\/\/(localhost)?(?=\/)/i, '') : uri;
  const name = (kind === 'uri' ? source.replace(/\?.*$/s, '') : source).split('/').at(-1) ?? '';
  if (!isFileName(name)) return complain(`${shown(text)} has the base name ${shown(name)}`, fileNameForm);
  return { name, source, kind };
}
const inputSchemes: ReadonlySet<string> = new Set(['gsiftp', 'https', 'http', 'file']);

/** `OutputSandbox` with exactly one of `OutputSandboxDestURI` and `OutputSandboxBaseDestURI`. */
export function readOutputs(reader: AttributeReader): readonly OutputFile[] {
  const entries = reader.texts('OutputSandbox');
  const list = reader.texts('OutputSandboxDestURI', true);
  const base = reader.text('OutputSandboxBaseDestURI');
  const [hasList, hasBase] = [reader.has('OutputSandboxDestURI'), reader.has('OutputSandboxBaseDestURI')];
  const oneForm = 'exactly one of OutputSandboxDestURI and OutputSandboxBaseDestURI, and OutputSandbox with it';
  if (!reader.has('OutputSandbox')) {
    const stray = hasList ? 'OutputSandboxDestURI' : hasBase ? 'OutputSandboxBaseDestURI' : undefined;
    if (stray !== undefined) reader.problem(stray, 'there is no OutputSandbox', oneForm);
    return [];
  }
  if (hasList && hasBase) reader.problem('OutputSandboxDestURI', 'OutputSandboxBaseDestURI is given too', oneForm);
  if (!hasList && !hasBase)
    reader.problem(
      'OutputSandbox',
      'neither OutputSandboxDestURI nor OutputSandboxBaseDestURI is given',
      `${oneForm}; "gsiftp://localhost" keeps the files until they are fetched`,
    );
  if (entries === undefined) return [];
  if (list !== undefined && list.length !== entries.length) {
    reader.problem('OutputSandboxDestURI', `${list.length} destinations for ${entries.length} files of OutputSandbox`, 'lists of the same length');
  }
  for (const uri of list ?? []) remote('OutputSandboxDestURI', uri, reader);
  if (base !== undefined) remote('OutputSandboxBaseDestURI', base, reader);
  return collectOutputs(entries, hasBase, (entry, i) => (base === undefined ? (list?.[i]?.text ?? '') : under(base.text, entry)), reader);
}

const under = (base: string, { text }: Text): string => (wildcards.test(text) ? base : `${base.replace(/\/+$/, '')}/${text}`);

function collectOutputs(
  entries: readonly Text[],
  baseForm: boolean,
  destination: (entry: Text, i: number) => string,
  reader: AttributeReader,
): readonly OutputFile[] {
  const outputs: OutputFile[] = [];
  const names = new Set<string>();
  for (const [i, entry] of entries.entries()) {
    const { text, at } = entry;
    const wildcard = wildcards.test(text);
    if (wildcard && !baseForm) reader.problem('OutputSandbox', `${shown(text)} has a wildcard`, 'wildcards with OutputSandboxBaseDestURI alone', at);
    else if (names.has(text)) reader.problem('OutputSandbox', `${text} is listed twice`, 'base names that all differ', at);
    else if (!isFileName(wildcard ? text.replaceAll(/[*?[\]]/g, 'x') : text))
      reader.problem('OutputSandbox', `${shown(text)} is no name of a file`, fileNameForm, at);
    else outputs.push({ name: text, wildcard, destination: destination(entry, i) });
    names.add(text);
  }
  return outputs;
}

/** Whether it is a URI of another host or of the place where the job is kept; a problem is told if not. */
function remote(attribute: string, { text, at }: Text, reader: AttributeReader): boolean {
  const scheme = schemeOf(text);
  if ((scheme === 'gsiftp' || scheme === 'https' || scheme === 'http') && !control.test(text) && /^\w+:\/\/[^/\s]/.test(text)) return true;
  reader.problem(attribute, `${shown(text)} is no URI that is known here`, 'gsiftp:// https:// or http:// and a host', at);
  return false;
}

/**
 * A program, or with StdInput a file: an absolute path on the machine, in which `$VAR` may stand, or a name listed in the input sandbox.
 * Undefined: not given, or wrong, which has been told.
 */
export function readProgram(attribute: string, inputs: readonly InputFile[], reader: AttributeReader): string | undefined {
  const given = reader.text(attribute);
  if (given === undefined) return undefined;
  const { text, at } = given;
  const valid = 'an absolute path, or a name listed in InputSandbox';
  const complain = (what: string): undefined => reader.problem(attribute, what, valid, at) as undefined;
  if (wildcards.test(text)) return complain(`${shown(text)} has a wildcard`);
  if (/^(?:\/|\$\{?\w)/.test(text)) {
    const plain = text.replaceAll(/\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})/g, '');
    if (control.test(text) || /[$`"'\\{}]/.test(plain)) return complain(`${shown(text)} has a character that no path here may have`);
    if (!plain.startsWith('/')) return complain(`${shown(text)} is no absolute path`);
    return text.length <= 1024 ? text : complain('longer than 1024 characters');
  }
  if (!isFileName(text)) return complain(`${shown(text)} is neither an absolute path nor a plain name`);
  return inputs.some((input) => input.name === text) ? text : complain(`${text} is not listed in InputSandbox`);
}

/** StdOutput, StdError: a file in the job's directory. */
export function readStream(attribute: string, reader: AttributeReader): string | undefined {
  const given = reader.text(attribute);
  if (given === undefined || isFileName(given.text)) return given?.text;
  reader.problem(attribute, `${shown(given.text)} is no name of a file in the job's directory`, fileNameForm, given.at);
  return undefined;
}
