import { ListValue, type Value } from './value.ts';

/** Binary operators by precedence, lowest first; all are left-associative (spec/environments.md §3.2). */
export const precedence = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!=', '=?=', 'is', '=!=', 'isnt'],
  ['<', '<=', '>', '>='],
  ['<<', '>>', '>>>'],
  ['+', '-'],
  ['*', '/', '%'],
] as const;
export type BinaryOperator = (typeof precedence)[number][number];
export type UnaryOperator = '+' | '-' | '!' | '~';

/**
 * A parsed expression. `at`: offset of its first character in the text it was parsed from. Operators of one level that follow each other
 * are one chain, so that a long list of alternatives is not a deep tree; depth is bounded by the parser.
 */
export type Expression =
  | { readonly kind: 'literal'; readonly at: number; readonly value: bigint | number | boolean | string | undefined }
  | { readonly kind: 'error'; readonly at: number }
  /** `absolute`: written `.name`, the outermost ad's. */
  | { readonly kind: 'name'; readonly at: number; readonly name: string; readonly key: string; readonly absolute: boolean }
  /** `my`, `self` or `other`, `target`, written without quotes. */
  | { readonly kind: 'side'; readonly at: number; readonly side: 'my' | 'other' }
  | { readonly kind: 'select'; readonly at: number; readonly base: Expression; readonly name: string; readonly key: string }
  | { readonly kind: 'index'; readonly at: number; readonly base: Expression; readonly index: Expression }
  | { readonly kind: 'unary'; readonly at: number; readonly operator: UnaryOperator; readonly operand: Expression }
  | Chain
  | { readonly kind: 'choice'; readonly at: number; readonly condition: Expression; readonly yes: Expression; readonly no: Expression }
  /** `a ?: b` */
  | { readonly kind: 'default'; readonly at: number; readonly first: Expression; readonly second: Expression }
  | Call
  | ListExpression
  | { readonly kind: 'ad'; readonly at: number; readonly ad: Ad };

/** `level`: index into `precedence`. `rest` is never empty. */
export interface Chain {
  readonly kind: 'chain';
  readonly at: number;
  readonly level: number;
  readonly first: Expression;
  readonly rest: readonly { readonly operator: BinaryOperator; readonly operand: Expression }[];
}
export interface Call {
  readonly kind: 'call';
  readonly at: number;
  readonly name: string;
  readonly key: string;
  readonly args: readonly Expression[];
}
/** `constant`: its value when all its items are literals. */
export interface ListExpression {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly Expression[];
  readonly constant: ListValue | undefined;
}

export interface Attribute {
  readonly name: string;
  readonly value: Expression;
  /** Offset of the name. */
  readonly at: number;
}
/** Attributes by lower-case name, in the order in which they were written. */
export type Ad = ReadonlyMap<string, Attribute>;

/** Plain data from which `adOf` makes an ad. An integral number becomes an integer. */
export type PlainValue = string | number | bigint | boolean | undefined | readonly PlainValue[] | PlainAd;
export interface PlainAd {
  readonly [name: string]: PlainValue;
}

export const literal = (value: bigint | number | boolean | string | undefined, at = 0): Expression => ({ kind: 'literal', at, value });

export function listOf(items: readonly Expression[], at = 0): ListExpression {
  const values: Value[] = [];
  for (const item of items) {
    if (item.kind === 'literal') values.push(item.value);
    else if (item.kind === 'list' && item.constant !== undefined) values.push(item.constant);
    else return { kind: 'list', at, items, constant: undefined };
  }
  return { kind: 'list', at, items, constant: new ListValue(values) };
}

export const adFrom = (attributes: Iterable<Attribute>): Ad => new Map([...attributes].map((a) => [a.name.toLowerCase(), a]));

/**
 * An ad of plain values. A value that is undefined is left out. Of names that differ in case alone the last counts.
 * Throws RangeError for an integer outside 64 bits.
 */
export const adOf = (record: PlainAd): Ad =>
  adFrom(
    Object.entries(record)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ({ name, value: expressionOf(value), at: 0 })),
  );

/** The same for one value. */
export function expressionOf(value: PlainValue): Expression {
  if (typeof value === 'number') return literal(Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value);
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is no 64-bit integer`);
  if (typeof value !== 'object') return literal(value);
  if (Array.isArray(value)) return listOf((value as readonly PlainValue[]).map(expressionOf));
  return { kind: 'ad', at: 0, ad: adOf(value as PlainAd) };
}
