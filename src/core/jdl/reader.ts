import { type Ad, evaluate, type Expression, ListValue, printValue, typeOf, type Value } from '../classad/classad.ts';
import { instant } from '../units.ts';
import type { JdlProblem } from './description.ts';

/** A string and the offset where it is written. */
export interface Text {
  readonly text: string;
  readonly at: number;
}

/** Reads attributes of a job's ad by type, and gathers what is wrong with them. A method gives undefined where nothing valid is given. */
export class AttributeReader {
  readonly ad: Ad;
  readonly problems: JdlProblem[] = [];
  readonly #placeOf: (at: number) => { readonly line: number; readonly column: number };
  constructor(ad: Ad, placeOf: (at: number) => { readonly line: number; readonly column: number }) {
    this.ad = ad;
    this.#placeOf = placeOf;
  }

  /** Without `at` the place of the attribute. */
  problem(attribute: string, text: string, valid?: string, at = this.ad.get(attribute.toLowerCase())?.at ?? 0): void {
    this.problems.push({ attribute, ...this.#placeOf(at), text, valid });
  }

  has(name: string): boolean {
    return this.ad.has(name.toLowerCase());
  }

  text(name: string): Text | undefined {
    const value = this.#value(name);
    if (value === undefined) return undefined;
    return this.#asText(name, value.value, value.expression) ? { text: value.value as string, at: value.expression.at } : undefined;
  }

  /** A string or a list of strings; with `listOnly` no single string. */
  texts(name: string, listOnly = false): readonly Text[] | undefined {
    const given = this.#value(name);
    if (given === undefined) return undefined;
    const { value, expression } = given;
    if (!listOnly && typeof value === 'string') return this.#asText(name, value, expression) ? [{ text: value, at: expression.at }] : undefined;
    if (!(value instanceof ListValue)) {
      this.#wrongType(name, value, expression, listOnly ? 'a list of strings, { "…", "…" }' : 'a string or a list of strings');
      return undefined;
    }
    const result: Text[] = [];
    for (const [i, item] of value.items.entries()) {
      const from = expression.kind === 'list' ? (expression.items[i] ?? expression) : expression;
      if (!this.#asText(name, item, from)) return undefined;
      result.push({ text: item as string, at: from.at });
    }
    return result;
  }

  integer(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const given = this.#value(name);
    if (given === undefined) return undefined;
    const { value, expression } = given;
    const valid = `an integer, ${most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`}`;
    if (typeof value !== 'bigint') this.#wrongType(name, value, expression, valid);
    else if (value < BigInt(least)) this.problem(name, `${value} is too small`, valid, expression.at);
    else if (value > BigInt(most)) this.problem(name, `${value} is too large`, valid, expression.at);
    else return Number(value);
    return undefined;
  }

  /** An integer or a real, 0 or more. */
  amount(name: string): number | undefined {
    const given = this.#value(name);
    if (given === undefined) return undefined;
    const { value, expression } = given;
    const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : undefined;
    if (number === undefined) this.#wrongType(name, value, expression, 'a number');
    else if (!(number >= 0 && number <= Number.MAX_SAFE_INTEGER)) this.problem(name, `${printValue(value)} is no size`, 'a number, 0 or more', expression.at);
    else return number;
    return undefined;
  }

  boolean(name: string): boolean | undefined {
    const given = this.#value(name);
    if (given === undefined || typeof given.value === 'boolean') return given?.value as boolean | undefined;
    this.#wrongType(name, given.value, given.expression, 'true or false');
    return undefined;
  }

  /** Its value inside the job's own ad; whatever it takes from the opposite ad is undefined. */
  #value(name: string): { readonly value: Value; readonly expression: Expression } | undefined {
    const attribute = this.ad.get(name.toLowerCase());
    if (attribute === undefined) return undefined;
    return { value: evaluate(attribute.value, { my: this.ad, now: instant(0) }), expression: attribute.value };
  }

  #asText(name: string, value: Value, expression: Expression): boolean {
    if (typeof value !== 'string') this.#wrongType(name, value, expression, 'a string in double quotes');
    else if (value.includes('\0')) this.problem(name, 'a NUL character', 'text without it', expression.at);
    else return true;
    return false;
  }

  #wrongType(name: string, value: Value, expression: Expression, valid: string): void {
    this.problem(
      name,
      value === undefined ? 'the value is undefined' : `the value is of type ${typeOf(value)}: ${printValue(value, 60)}`,
      valid,
      expression.at,
    );
  }
}
