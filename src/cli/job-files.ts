import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type JobDescription, parseJdl, problemText } from '../core/jdl/jdl.ts';
import { CliError } from './context.ts';

/** A job to be submitted: its text, and the local file of each input by name. */
export interface LocalJob {
  readonly text: string;
  readonly description: JobDescription;
  readonly files: ReadonlyMap<string, string>;
}

/** Text of a job description. Throws a CliError. */
export function readJdlFile(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'it is not UTF-8';
    throw new CliError(2, `${file} cannot be read (${code})`, 'Name a file with a job description in JDL; examples/ has some.', error);
  }
}

/**
 * Checks a job description before anything is sent, input files included: paths are relative to the directory of the description.
 * Throws a CliError with one line `file:line:column: attribute: …` for each problem.
 */
export function localJob(file: string, text: string): LocalJob {
  const { description, problems } = parseJdl(text);
  if (description === undefined) throw refused(problems.map((problem) => `${file}:${problemText(problem)}`));
  const place = description.places.get('inputsandbox') ?? { line: 0, column: 0 };
  const complain = (what: string): CliError =>
    refused([`${file}:${problemText({ attribute: 'InputSandbox', ...place, text: what, valid: 'a file that can be read' })}`]);
  const files = new Map<string, string>();
  for (const { name, source, kind } of description.inputs) {
    if (kind === 'uri') throw complain(`${source}: a queue fetches nothing`);
    const path = resolve(dirname(file), source);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() !== true) throw complain(`${path} ${found === undefined ? 'does not exist' : 'is not a file'}`);
    files.set(name, path);
  }
  return { text, description, files };
}

/** Each problem on a line of its own. */
const refused = ([first = '', ...rest]: readonly string[]): CliError =>
  new CliError(2, first, [...rest, 'Nothing was submitted. docs/jdl.md lists the attributes.'].join('\n'));
