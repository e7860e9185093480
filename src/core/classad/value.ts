import type { Ad } from './expression.ts';

/** The value `error`, with what went wrong; two of them are the same value whatever their reasons (spec/environments.md §3.3). */
export class ErrorValue {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** An evaluated list. Its elements may be `undefined` or errors. */
export class ListValue {
  readonly items: readonly Value[];
  #folded: ReadonlySet<string> | undefined;
  #weight: number | undefined;
  constructor(items: readonly Value[]) {
    this.items = items;
  }
  /** Its strings in the form in which `==` compares them, made once: an ad's list of tags is asked very often. */
  get folded(): ReadonlySet<string> {
    this.#folded ??= new Set(this.items.filter((item) => typeof item === 'string').map(fold));
    return this.#folded;
  }
  /** Steps that looking through it counts for. */
  get weight(): number {
    this.#weight ??= (this.items.length >> 3) + (this.items.reduce<number>((sum, item) => sum + (typeof item === 'string' ? item.length : 0), 0) >> 8);
    return this.#weight;
  }
}

/** An ad, and where it stands: its attributes are evaluated there when they are asked for. */
export class AdValue {
  readonly ad: Ad;
  readonly scope: Scope;
  constructor(ad: Ad, scope: Scope) {
    this.ad = ad;
    this.scope = scope;
  }
}

/** Where an expression stands: its ad, the ads around it, and the root of the opposite ad (spec/environments.md §3.6). */
export interface Scope {
  readonly ad: Ad;
  readonly outer: Scope | undefined;
  other: Scope | undefined;
}

/** An integer is a bigint, which keeps all 64 bits and stays apart from a real; `undefined` is the value of that name. */
export type Value = bigint | number | boolean | string | undefined | ErrorValue | ListValue | AdValue;

/** Strings are compared without case in this form; independent of any locale. */
export const fold = (text: string): string => text.toLowerCase();

/** The name of a value's type in the words of the language. */
export function typeOf(value: Value): string {
  switch (typeof value) {
    case 'bigint':
      return 'integer';
    case 'number':
      return 'real';
    case 'boolean':
    case 'string':
    case 'undefined':
      return typeof value;
    default:
      return value instanceof ErrorValue ? 'error' : value instanceof ListValue ? 'list' : 'ad';
  }
}

const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;
export const isInt64 = (n: bigint): boolean => n >= smallest && n <= largest;
/** Wraps as 64-bit arithmetic does. */
export const wrap = (n: bigint): bigint => (isInt64(n) ? n : BigInt.asIntN(64, n));

/** True as a result: boolean true or a number other than 0 (spec/environments.md §3.7). */
export const isTrue = (value: Value): boolean =>
  value === true || (typeof value === 'number' ? value !== 0 && !Number.isNaN(value) : typeof value === 'bigint' && value !== 0n);
