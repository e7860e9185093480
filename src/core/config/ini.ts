import type { Place } from './problem.ts';

/**
 * The INI dialect of `vac.conf` (spec/factory.md §3.1). The reader never throws, whatever the bytes: every line that it cannot use
 * becomes a fault, and everything else is read. Time is linear in the size of the file.
 */
export interface IniFile {
  readonly file: string;
  readonly sections: readonly IniSection[];
  readonly faults: readonly IniFault[];
}

/** One `[header]` as it stands in a file; the same header may come again. */
export interface IniSection {
  /** Text between the brackets, as written. */
  readonly header: string;
  readonly place: Place;
  readonly options: ReadonlyMap<string, IniValue>;
}

export interface IniValue {
  /** Lines joined with line feeds, each without surrounding blanks and trailing comment. */
  readonly text: string;
  /** Where the name of the option stands. */
  readonly name: Place;
  /** Where the text begins. */
  readonly place: Place;
  /** Place of each line of `text`, for errors in the middle of a list. */
  readonly lines: readonly Place[];
  /** The old name under which it was given, when it has been moved to the present one. */
  readonly writtenAs?: string;
}

export interface IniFault {
  readonly place: Place;
  readonly severity: 'error' | 'warning';
  readonly text: string;
  /** Header of the section that the line belongs to; absent: before the first. */
  readonly header?: string;
  readonly option?: string;
}

/** Place of the character at `offset` in a value's text. */
export function placeIn(value: IniValue, offset: number): Place {
  let start = 0;
  const rows = value.text.split('\n');
  for (const [i, row] of rows.entries()) {
    const at = value.lines[i];
    if (at && offset <= start + row.length) return { ...at, column: at.column + offset - start };
    start += row.length + 1;
  }
  return value.place;
}

const isBlank = (c: string | undefined): boolean => c === ' ' || c === '\t' || c === '\v' || c === '\f' || c === '\r';
// Line feed and tab are the only control characters that a value may hold.
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b-\u001f\u007f]/;

/** Reads one file. Accepts a byte order mark, CRLF, and ISO 8859-1 where a line is not UTF-8 (with a warning when it matters). */
export function readIni(file: string, content: string | Uint8Array): IniFile {
  const reader = new Reader(file);
  let number = 0;
  for (const { text, isUtf8 } of linesOf(content)) reader.line(text, ++number, isUtf8);
  return { file, sections: reader.sections, faults: reader.faults };
}

interface Row {
  readonly text: string;
  readonly place: Place;
}
interface OpenSection {
  readonly header: string;
  readonly place: Place;
  readonly options: Map<string, IniValue>;
}

class Reader {
  readonly sections: OpenSection[] = [];
  readonly faults: IniFault[] = [];
  readonly #file: string;
  /** Option that a line beginning with a blank continues. */
  #open: { readonly name: string; readonly rows: Row[]; broken: boolean } | undefined;
  #missedHeader = false;

  constructor(file: string) {
    this.#file = file;
  }

  line(raw: string, number: number, isUtf8: boolean): void {
    const end = trimmedEnd(raw, 0, raw.length);
    if (end === 0 || raw[0] === '#' || raw[0] === ';') return;
    const at = (column: number): Place => ({ file: this.#file, line: number, column: column + 1 });
    if (!isUtf8) this.#fault(at(0), 'warning', 'this line is not UTF-8; it is read as ISO 8859-1');
    if (isBlank(raw[0])) this.#continue(raw, at);
    else if (raw[0] === '[') this.#header(raw, end, at);
    else this.#option(raw, end, at);
  }

  #header(raw: string, end: number, at: (column: number) => Place): void {
    this.#open = undefined;
    const close = raw.indexOf(']');
    const header = raw.slice(1, close === -1 ? end : close);
    this.sections.push({ header, place: at(0), options: new Map() });
    if (close === -1) return this.#fault(at(0), 'error', 'the section header has no closing bracket; write [section] or [section NAME]');
    if (control.test(header)) return this.#fault(at(0), 'error', 'the section header contains a control character');
    const rest = skipBlanks(raw, close + 1);
    if (rest < end && raw[rest] !== ';' && raw[rest] !== '#') this.#fault(at(rest), 'warning', 'text after the section header is ignored');
  }

  #option(raw: string, end: number, at: (column: number) => Place): void {
    this.#open = undefined;
    const section = this.sections.at(-1);
    if (!section) {
      // One message for a whole file without sections is enough.
      if (!this.#missedHeader) this.#fault(at(0), 'error', 'a section header such as [settings] must come before the first option');
      this.#missedHeader = true;
      return;
    }
    const delimiter = raw.search(/[=:]/);
    if (delimiter === -1) {
      const hint = /^[a-z_]{1,40}(?=[ \t]|$)/i.exec(raw)?.[0];
      const what = hint === undefined ? 'this line' : `the line of ${hint.toLowerCase()}`;
      return this.#fault(at(0), 'error', `${what} has neither = nor :; write option = value, or begin the line with a blank to continue the value above`);
    }
    const name = raw.slice(0, trimmedEnd(raw, 0, delimiter)).toLowerCase();
    if (name === '') return this.#fault(at(0), 'error', 'there is no option name before the delimiter; write option = value');
    if (control.test(name)) return this.#fault(at(0), 'error', 'the option name contains a control character');
    const row = rowOf(raw, delimiter + 1, at);
    const { text, place } = row.text === '""' ? { text: '', place: row.place } : row;
    const previous = section.options.get(name);
    if (previous) this.#fault(at(0), 'warning', `given twice in this section; line ${previous.name.line} is replaced`, name);
    const rows = [{ text, place }];
    this.#open = { name, rows, broken: false };
    section.options.set(name, { text, name: at(0), place, lines: [place] });
    this.#refuseControl(rows[0], section);
  }

  #continue(raw: string, at: (column: number) => Place): void {
    const row = rowOf(raw, 0, at);
    const section = this.sections.at(-1);
    if (row.text === '') return;
    if (!this.#open || !section) {
      return this.#fault(row.place, 'error', 'the line begins with a blank but there is no option above that it could continue');
    }
    if (row.text[0] === '#') {
      this.#fault(row.place, 'warning', 'this comment is part of the value above; a comment line begins with # in the first column', this.#open.name);
    } else if (row.text[0] === '[') {
      this.#fault(row.place, 'warning', 'this line continues the value above; a section header begins in the first column', this.#open.name);
    }
    const { rows, name } = this.#open;
    if (rows.length === 1 && rows[0]?.text === '') rows.pop();
    rows.push(row);
    this.#refuseControl(row, section);
    const first = section.options.get(name);
    const place = rows[0]?.place;
    if (this.#open.broken || !first || !place) return;
    section.options.set(name, grown(first.name, place, rows));
  }

  #refuseControl(row: Row | undefined, section: OpenSection): void {
    if (!row || !this.#open || !control.test(row.text)) return;
    const column = row.place.column + row.text.search(control);
    this.#fault({ ...row.place, column }, 'error', 'the value contains a control character; only printable text and tabs are valid', this.#open.name);
    section.options.delete(this.#open.name);
    this.#open.broken = true;
  }

  #fault(place: Place, severity: IniFault['severity'], text: string, option?: string): void {
    const header = this.sections.at(-1)?.header;
    this.faults.push({ place, severity, text, ...(header !== undefined && { header }), ...(option !== undefined && { option }) });
  }
}

/** A value whose text is put together when it is first read, so that a value of n lines costs n steps and not n². */
function grown(name: Place, place: Place, rows: readonly Row[]): IniValue {
  let text: string | undefined;
  return {
    name,
    place,
    get text() {
      return (text ??= rows.map((row) => row.text).join('\n'));
    },
    get lines() {
      return rows.map((row) => row.place);
    },
  };
}

/** The text from `from` on, without surrounding blanks and without a comment that a blank and a semicolon begin. */
function rowOf(raw: string, from: number, at: (column: number) => Place): Row {
  const start = skipBlanks(raw, from);
  let end = raw.length;
  for (let i = raw.indexOf(';', start); i !== -1; i = raw.indexOf(';', i + 1)) {
    if (i > 0 && isBlank(raw[i - 1])) {
      end = i;
      break;
    }
  }
  end = trimmedEnd(raw, start, end);
  return { text: raw.slice(start, end), place: at(start) };
}

function skipBlanks(raw: string, from: number): number {
  let i = from;
  while (i < raw.length && isBlank(raw[i])) i++;
  return i;
}

function trimmedEnd(raw: string, start: number, from: number): number {
  let end = from;
  while (end > start && isBlank(raw[end - 1])) end--;
  return end;
}

function* linesOf(content: string | Uint8Array): Generator<{ readonly text: string; readonly isUtf8: boolean }> {
  if (typeof content === 'string') {
    for (const text of content.replace(/^\ufeff/, '').split('\n')) yield { text, isUtf8: true };
    return;
  }
  const strict = new TextDecoder('utf-8', { fatal: true });
  try {
    yield* linesOf(strict.decode(content));
    return;
  } catch {
    // Not UTF-8 as a whole: line by line, so that only the lines concerned are read otherwise.
  }
  for (let start = 0; start <= content.length; ) {
    const feed = content.indexOf(10, start);
    const end = feed === -1 ? content.length : feed;
    const bytes = content.subarray(start, end);
    try {
      yield { text: strict.decode(bytes), isUtf8: true };
    } catch {
      yield { text: Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''), isUtf8: false };
    }
    start = end + 1;
  }
}
