import {
  type Ad,
  type Attribute,
  adFrom,
  type BinaryOperator,
  type Chain,
  type Expression,
  listOf,
  literal,
  precedence,
  type UnaryOperator,
} from './expression.ts';
import { Lexer, type LexerOptions, type Token } from './lexer.ts';
import { ParseError, ParseProblem, placeOf } from './parse-error.ts';
import { isInt64 } from './value.ts';

/** UTF-16 units of a text. */
export const maxTextLength = 1_048_576;
/** Nested brackets, and nested operations of one expression. */
export const maxDepth = 200;

export const reserved: ReadonlySet<string> = new Set(['true', 'false', 'undefined', 'error', 'is', 'isnt']);
export const sides: Readonly<Record<string, 'my' | 'other'>> = { my: 'my', self: 'my', other: 'other', target: 'other' };
const levels: ReadonlyMap<string, number> = new Map(precedence.flatMap((operators, level) => operators.map((operator) => [operator, level] as const)));
const unaries: ReadonlySet<string> = new Set(['+', '-', '!', '~']);
const expressionBegins = 'a literal, a name, a function, ( { [ or one of + - ! ~';

/** One expression, as the grammar of spec/environments.md §3.2 has it. */
export const parseExpression = (text: string): Expression | ParseError => parse(text, {}, (parser) => parser.whole());

export interface AdOptions extends LexerOptions {
  /** The outermost brackets may be missing, as in job descriptions. */
  readonly bracketsOptional?: boolean;
}
/** One ad. A name that is given twice is an error. */
export const parseAd = (text: string, options: AdOptions = {}): Ad | ParseError =>
  parse(text, options, (parser) => parser.wholeAd(options.bracketsOptional ?? false));

function parse<T>(text: string, options: LexerOptions, how: (parser: Parser) => T): T | ParseError {
  if (text.length > maxTextLength) return new ParseError({ line: 1, column: 1 }, `the text has ${text.length} characters`, `up to ${maxTextLength}`);
  try {
    return how(new Parser(text, options));
  } catch (problem) {
    if (!(problem instanceof ParseProblem)) throw problem;
    return new ParseError(placeOf(text, problem.at), problem.message, problem.valid, problem.attribute);
  }
}

class Parser {
  readonly #text: string;
  readonly #lexer: Lexer;
  #token: Token;
  /** Brackets and signs around the present place: bounds the recursion of the parser. */
  #nested = 0;
  /** Of the expression that was returned last: bounds the recursion of whoever walks it. */
  #height = 0;
  constructor(text: string, options: LexerOptions) {
    this.#text = text;
    this.#lexer = new Lexer(text, options);
    this.#token = this.#lexer.next();
  }

  whole(): Expression {
    const expression = this.#expression();
    if (this.#token.kind !== 'end') throw this.#unexpected('after the expression', 'an operator, or the end');
    return expression;
  }

  wholeAd(bracketsOptional: boolean): Ad {
    const brackets = this.#accept('[');
    if (!brackets && !bracketsOptional) throw this.#unexpected('where an ad begins', '[');
    const ad = this.#attributes(brackets);
    if (this.#token.kind !== 'end') throw this.#unexpected('after the ad', 'the end');
    return ad;
  }

  #expression(): Expression {
    const at = this.#token.at;
    this.#enter();
    let result = this.#binary(0);
    if (this.#accept('?:')) {
      const height = this.#height;
      const second = this.#expression();
      result = this.#grown({ kind: 'default', at, first: result, second }, height, this.#height);
    } else if (this.#accept('?')) {
      const height = this.#height;
      const yes = this.#expression();
      const higher = Math.max(height, this.#height);
      this.#expect(':', 'after the second part of a choice "c ? a : b"');
      const no = this.#expression();
      result = this.#grown({ kind: 'choice', at, condition: result, yes, no }, higher, this.#height);
    }
    this.#nested--;
    return result;
  }

  /** An expression of operators of this level and tighter ones. */
  #binary(level: number): Expression {
    const at = this.#token.at;
    let left = this.#unary();
    for (;;) {
      const operator = this.#operator();
      const own = operator === undefined ? -1 : (levels.get(operator) ?? -1);
      if (own < level) return left;
      const rest: Chain['rest'][number][] = [];
      let height = this.#height;
      for (let next = operator; next !== undefined && levels.get(next) === own; next = this.#operator()) {
        this.#advance();
        rest.push({ operator: next, operand: this.#binary(own + 1) });
        height = Math.max(height, this.#height);
      }
      left = this.#grown({ kind: 'chain', at, level: own, first: left, rest }, height);
    }
  }

  #operator(): BinaryOperator | undefined {
    const token = this.#token;
    if (token.kind === 'symbol') return levels.has(token.text) ? (token.text as BinaryOperator) : undefined;
    if (token.kind !== 'name' || token.quoted) return undefined;
    const word = token.text.toLowerCase();
    return word === 'is' || word === 'isnt' ? word : undefined;
  }

  #unary(): Expression {
    const token = this.#token;
    if (token.kind !== 'symbol' || !unaries.has(token.text)) return this.#postfix(this.#primary(), token.at);
    this.#advance();
    const operator = token.text as UnaryOperator;
    const number = this.#token;
    if (operator === '-' && number.kind === 'number') {
      this.#advance();
      this.#height = 1;
      if (!this.#at('.') && !this.#at('[')) return literal(-number.value, token.at);
      const operand = this.#postfix(literal(this.#inRange(number.value, number.at), number.at), number.at);
      return this.#grown({ kind: 'unary', at: token.at, operator, operand }, this.#height);
    }
    this.#enter();
    const operand = this.#unary();
    this.#nested--;
    return this.#grown({ kind: 'unary', at: token.at, operator, operand }, this.#height);
  }

  #postfix(first: Expression, at: number): Expression {
    let base = first;
    for (;;) {
      const height = this.#height;
      if (this.#accept('.')) {
        const { text: name } = this.#name('after "."');
        base = this.#grown({ kind: 'select', at, base, name, key: name.toLowerCase() }, height);
      } else if (this.#accept('[')) {
        const index = this.#expression();
        this.#expect(']', 'after the index');
        base = this.#grown({ kind: 'index', at, base, index }, height, this.#height);
      } else return base;
    }
  }

  #primary(): Expression {
    const token = this.#token;
    this.#height = 1;
    if (token.kind === 'number') {
      this.#advance();
      return literal(this.#inRange(token.value, token.at), token.at);
    }
    if (token.kind === 'string') {
      const parts: string[] = [];
      for (let part: Token = token; part.kind === 'string'; part = this.#token) {
        parts.push(part.value);
        this.#advance();
      }
      return literal(parts.join(''), token.at);
    }
    if (token.kind === 'name') return this.#word(token);
    if (this.#accept('(')) {
      const inner = this.#expression();
      this.#expect(')', 'after the expression in "("');
      return inner;
    }
    if (this.#accept('{')) return this.#list(token.at);
    if (this.#accept('[')) {
      this.#enter();
      const ad = this.#attributes(true);
      this.#nested--;
      return this.#grown({ kind: 'ad', at: token.at, ad }, this.#height);
    }
    if (this.#accept('.')) {
      const { text: name } = this.#name('after "."');
      return { kind: 'name', at: token.at, name, key: name.toLowerCase(), absolute: true };
    }
    throw this.#unexpected('where an expression begins', expressionBegins);
  }

  #word(token: Token & { kind: 'name' }): Expression {
    const { at, text } = token;
    const key = text.toLowerCase();
    if (!token.quoted && (key === 'is' || key === 'isnt')) throw this.#unexpected('where an expression begins', expressionBegins);
    this.#advance();
    if (!token.quoted) {
      if (key === 'true' || key === 'false') return literal(key === 'true', at);
      if (key === 'undefined') return literal(undefined, at);
      if (key === 'error') return { kind: 'error', at };
      if (this.#accept('(')) return this.#call(at, text);
      const side = Object.hasOwn(sides, key) ? sides[key] : undefined;
      if (side !== undefined) return { kind: 'side', at, side };
    }
    return { kind: 'name', at, name: text, key, absolute: false };
  }

  #call(at: number, name: string): Expression {
    const args = this.#items(')', 'in the arguments of a function');
    return this.#grown({ kind: 'call', at, name, key: name.toLowerCase(), args }, this.#height);
  }

  #list(at: number): Expression {
    const items = this.#items('}', 'in a list');
    return this.#grown(listOf(items, at), this.#height);
  }

  /** Expressions between commas up to the closing bracket; leaves the height of the highest. */
  #items(close: string, where: string): Expression[] {
    const items: Expression[] = [];
    let height = 0;
    if (!this.#accept(close)) {
      do {
        items.push(this.#expression());
        height = Math.max(height, this.#height);
      } while (this.#accept(','));
      this.#expect(close, where, `, or ${close}`);
    }
    this.#height = height;
    return items;
  }

  #attributes(brackets: boolean): Ad {
    const attributes: Attribute[] = [];
    const seen = new Set<string>();
    let height = 0;
    const over = (): boolean => (brackets ? this.#accept(']') : this.#token.kind === 'end');
    while (!over()) {
      const { text: name, at } = this.#name('where an attribute begins', brackets ? 'a name, or ]' : 'a name');
      if (seen.has(name.toLowerCase())) throw named(new ParseProblem(at, `${name} is given twice`, 'each attribute once, whatever the case'), name);
      seen.add(name.toLowerCase());
      try {
        this.#expect('=', `after the attribute's name ${name}`);
        attributes.push({ name, at, value: this.#expression() });
        height = Math.max(height, this.#height);
        if (this.#accept(';')) continue;
        if (over()) break;
        throw this.#unexpected(`after the expression of ${name}`, brackets ? 'an operator, ; or ]' : 'an operator, ; or the end');
      } catch (problem) {
        throw named(problem, name);
      }
    }
    this.#height = height;
    return adFrom(attributes);
  }

  #name(where: string, valid = 'a name'): { readonly text: string; readonly at: number } {
    const token = this.#token;
    if (token.kind !== 'name') throw this.#unexpected(where, valid);
    if (!token.quoted && reserved.has(token.text.toLowerCase())) {
      throw new ParseProblem(token.at, `"${token.text}" is reserved and found ${where}`, `'${token.text}' in single quotes, or another name`);
    }
    this.#advance();
    return token;
  }

  #inRange(value: bigint | number, at: number): bigint | number {
    if (typeof value === 'number' || isInt64(value)) return value;
    throw new ParseProblem(at, 'the integer has more than 64 bits', '-9223372036854775808 to 9223372036854775807');
  }

  #grown(expression: Expression, ...below: readonly number[]): Expression {
    this.#height = Math.max(...below) + 1;
    if (this.#height > maxDepth) throw new ParseProblem(expression.at, 'operations are nested too deeply', `up to ${maxDepth} within each other`);
    return expression;
  }

  #enter(): void {
    if (++this.#nested > maxDepth) throw new ParseProblem(this.#token.at, 'brackets or signs are nested too deeply', `up to ${maxDepth} within each other`);
  }

  #advance(): void {
    this.#token = this.#lexer.next();
  }

  #at(symbol: string): boolean {
    return this.#token.kind === 'symbol' && this.#token.text === symbol;
  }

  #accept(symbol: string): boolean {
    if (!this.#at(symbol)) return false;
    this.#advance();
    return true;
  }

  #expect(symbol: string, where: string, valid = symbol): void {
    if (!this.#accept(symbol)) throw this.#unexpected(where, valid);
  }

  #unexpected(where: string, valid: string): ParseProblem {
    const { kind, at, end } = this.#token;
    const text = this.#text.slice(at, Math.min(end, at + 40));
    return new ParseProblem(at, kind === 'end' ? `the text ends ${where}` : `found ${JSON.stringify(text)} ${where}`, valid);
  }
}

/** The outermost attribute remains, for it sets the name last. */
function named(problem: unknown, attribute: string): unknown {
  if (problem instanceof ParseProblem) problem.attribute = attribute;
  return problem;
}
