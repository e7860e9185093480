/** A place in a configuration file. `line` and `column` are 1-based; line 0: the file as a whole. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * What is disabled by a problem: everything, one space at a cloud, one machinetype, one pipe, one execution environment, or nothing (the option alone is ignored).
 * Machinetypes and pipes of a space have its name before theirs: `vcycle01.example.org prod`.
 */
export type Disables =
  | { readonly kind: 'configuration' | 'nothing' }
  | { readonly kind: 'space' | 'machinetype' | 'pipe' | 'environment'; readonly name: string };

/** One thing wrong with the configuration, printed as `file:line:column: option: text`. */
export interface Problem extends Place {
  readonly severity: 'error' | 'warning';
  readonly section?: string;
  readonly option?: string;
  /** What is wrong and what would be valid. */
  readonly text: string;
  readonly disables: Disables;
}

export const nothing: Disables = { kind: 'nothing' };
export const everything: Disables = { kind: 'configuration' };

/** Gathers problems, so that all of them are told at once and not only the first. */
export class ProblemList {
  readonly all: Problem[] = [];
  readonly #told = new Set<string>();
  warn(at: Place, option: string | undefined, text: string, section?: string): void {
    this.#add('warning', at, option, text, nothing, section);
  }
  error(at: Place, option: string | undefined, text: string, disables: Disables, section?: string): void {
    this.#add('error', at, option, text, disables, section);
  }
  /**
   * Takes over what was found in a document (`file`) that somebody outside the site has written: its first `most` errors, its first
   * `most` warnings, and how many more there are. What belongs to other files is taken over whole.
   */
  absorb(found: readonly Problem[], document: { readonly file: string; readonly section: string; readonly most: number }): void {
    const told = { error: 0, warning: 0 };
    for (const p of found) {
      if (p.file === document.file && ++told[p.severity] > document.most) continue;
      this.#add(p.severity, p, p.option, p.text, p.disables, p.section);
    }
    const more = Math.max(0, told.error - document.most) + Math.max(0, told.warning - document.most);
    const at = { file: document.file, line: 0, column: 0 };
    if (more > 0) this.warn(at, undefined, `… and ${more} more problems of this document`, document.section);
  }
  #add(severity: Problem['severity'], { file, line, column }: Place, option: string | undefined, text: string, disables: Disables, section?: string): void {
    // A section that several machinetypes inherit is read once for each of them, but told once.
    const key = `${severity} ${file}:${line}:${column} ${option} ${line === 0 ? section : ''} ${text}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.all.push({ severity, file, line, column, ...(section !== undefined && { section }), ...(option !== undefined && { option }), text, disables });
  }
}

/** Whether an error has disabled this space, machinetype or pipe or, with `configuration`, everything. */
export const isDisabled = (problems: readonly Problem[], kind: Disables['kind'], name = ''): boolean =>
  problems.some((p) => p.severity === 'error' && p.disables.kind === kind && (!('name' in p.disables) || p.disables.name === name));

/** `file:line:column: option: text`; the parts that are not known are left out, and what only warns says so at the end. */
export function problemLine(p: Problem): string {
  const at = p.line > 0 ? `${p.file}:${p.line}:${p.column}` : p.file;
  const section = p.section === undefined ? undefined : `[${p.section}]`;
  // Without a line, the section is what tells one entry of a pipe from another.
  const what = p.line === 0 ? [section, p.option].filter(Boolean).join(' ') || undefined : (p.option ?? section);
  return `${at}: ${what === undefined ? '' : `${what}: `}${p.text}${p.severity === 'warning' ? ' (warning)' : ''}`;
}

const longestShown = 80;

/** Text of a file or a pipe, quoted for a message: one line, printable, cut. Never for secrets. */
export function quoted(text: string): string {
  const shown = text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
  return JSON.stringify(maskUrl(shown)).replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
}

/** A URL without what may open a door: user, password and query. Other text is returned as it is. */
export function maskUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return text;
  const authority = text.replace(/^([^/]*\/\/)[^/?#]*@/, '$1***@');
  const query = authority.search(/[?#]/);
  return query === -1 ? authority : `${authority.slice(0, query)}?***`;
}
