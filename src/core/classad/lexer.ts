import { ParseProblem } from './parse-error.ts';
import { isInt64 } from './value.ts';

export type Token =
  /** `quoted`: written in single quotes, so that it is neither reserved nor a side. */
  | { readonly kind: 'name'; readonly at: number; readonly end: number; readonly text: string; readonly quoted: boolean }
  /** An integer may be 2^63, which only a minus sign in front makes valid. */
  | { readonly kind: 'number'; readonly at: number; readonly end: number; readonly value: bigint | number }
  | { readonly kind: 'string'; readonly at: number; readonly end: number; readonly value: string }
  | { readonly kind: 'symbol'; readonly at: number; readonly end: number; readonly text: string }
  | { readonly kind: 'end'; readonly at: number; readonly end: number };

export interface LexerOptions {
  /** A line whose first character other than a blank is `#` is a comment, as in job descriptions. */
  readonly hashComments?: boolean;
}

const blank = /[ \t\r\n\f\v]*/y;
const word = /[A-Za-z_][A-Za-z0-9_]*/y;
const lineRest = /[^\n]*/y;
const digits = /0[xX][0-9A-Fa-f]*|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const symbol = />>>|=\?=|=!=|\|\||&&|==|!=|<=|>=|<<|>>|\?:|[-+*/%<>!~&|^?:;,.=(){}[\]]/y;
const factors = 'bkmgt';
const escapes: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r' };

/** Reads one token at a time, so that a long text is given up at its first error. Throws ParseProblem. */
export class Lexer {
  readonly #text: string;
  readonly #hash: boolean;
  #at = 0;
  constructor(text: string, options: LexerOptions = {}) {
    this.#text = text;
    this.#hash = options.hashComments ?? false;
  }

  next(): Token {
    this.#skip();
    const at = this.#at;
    const char = this.#text[at];
    if (char === undefined) return { kind: 'end', at, end: at };
    const name = this.#match(word);
    if (name !== undefined) return { kind: 'name', at, end: this.#at, text: name, quoted: false };
    if (char === '"') return { kind: 'string', at, end: this.#at, value: this.#quoted('"', 'a string') };
    if (char === "'") {
      const text = this.#quoted("'", 'a quoted name');
      if (text === '') throw new ParseProblem(at, "'' is no name", 'at least one character between the quotes');
      return { kind: 'name', at, end: this.#at, text, quoted: true };
    }
    const number = this.#match(digits);
    if (number !== undefined) return { kind: 'number', value: this.#number(at, number), at, end: this.#at };
    const text = this.#match(symbol);
    if (text !== undefined) return { kind: 'symbol', at, end: this.#at, text };
    throw new ParseProblem(at, `the character ${JSON.stringify(String.fromCodePoint(this.#text.codePointAt(at) ?? 0))} means nothing here`);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skip(): void {
    const text = this.#text;
    for (;;) {
      this.#match(blank);
      const at = this.#at;
      if (text.startsWith('//', at) || (this.#hash && text[at] === '#' && /^[ \t]*$/.test(text.slice(text.lastIndexOf('\n', at - 1) + 1, at))))
        this.#match(lineRest);
      else if (text.startsWith('/*', at)) {
        const close = text.indexOf('*/', at + 2);
        if (close < 0) throw new ParseProblem(at, 'the comment /* is not closed', '*/ at its end');
        this.#at = close + 2;
      } else return;
    }
  }

  #quoted(quote: string, what: string): string {
    const text = this.#text;
    const from = this.#at;
    const parts: string[] = [];
    let at = from + 1;
    for (;;) {
      let end = at;
      while (end < text.length && text[end] !== quote && text[end] !== '\\' && text[end] !== '\n' && text[end] !== '\0') end++;
      parts.push(text.slice(at, end));
      const char = text[end];
      if (char === quote) {
        this.#at = end + 1;
        return parts.join('');
      }
      if (char === '\0') throw new ParseProblem(end, `a NUL character in ${what}`);
      const escaped = text[end + 1];
      if (char !== '\\' || escaped === undefined || escaped === '\n')
        throw new ParseProblem(from, `${what} is not closed on its line`, `${quote} at its end; \\n for a new line`);
      const octal = /^(?:[0-3][0-7]{0,2}|[4-7][0-7]?)/.exec(text.slice(end + 1, end + 4))?.[0];
      if (octal !== undefined && Number.parseInt(octal, 8) === 0) throw new ParseProblem(end, `a NUL character in ${what}`);
      // A backslash before any other character gives that character, which is what JDL's three backslashes before & | < > rely on.
      parts.push(octal === undefined ? (escapes[escaped] ?? escaped) : String.fromCharCode(Number.parseInt(octal, 8)));
      at = end + 1 + (octal?.length ?? 1);
    }
  }

  #number(at: number, written: string): bigint | number {
    const factor = factors.indexOf((this.#text[this.#at] ?? '-').toLowerCase());
    if (factor >= 0) this.#at++;
    const rest = this.#match(word) ?? this.#match(digits);
    if (rest !== undefined) throw new ParseProblem(at, `${this.#text.slice(at, this.#at)} is no number`, 'digits, then perhaps one of B K M G T');
    const scale = factor > 0 ? 1024 ** factor : 1;
    if (/^0[xX]$/.test(written)) throw new ParseProblem(at, `${written} is no number`, 'hexadecimal digits after 0x');
    if (/^0[xX]/.test(written) || /^[0-9]+$/.test(written)) {
      if (written.length > 70) throw new ParseProblem(at, 'the integer has more than 64 bits', '-9223372036854775808 to 9223372036854775807');
      const octal = /^0[0-9]/.test(written);
      if (octal && /[89]/.test(written)) throw new ParseProblem(at, `${written} is no number`, 'digits 0 to 7 after a leading 0');
      const value = BigInt(octal ? `0o${written}` : written) * BigInt(scale);
      if (!isInt64(value - 1n)) throw new ParseProblem(at, 'the integer has more than 64 bits', '-9223372036854775808 to 9223372036854775807');
      return value;
    }
    const value = Number(written) * scale;
    if (!Number.isFinite(value)) throw new ParseProblem(at, `${written.slice(0, 40)} is too large for a real`, 'up to 1.79e308');
    return value;
  }
}
