import type { Ad, BinaryOperator, UnaryOperator } from './expression.ts';
import { printAd } from './print.ts';
import { AdValue, ErrorValue, fold, ListValue, typeOf, type Value, wrap } from './value.ts';

/** Operators that look at values alone (spec/environments.md §3.3); `&& || ?:` are in evaluate.ts. */
export type ValueOperator = Exclude<BinaryOperator, '&&' | '||'>;

export function binary(operator: ValueOperator, left: Value, right: Value): Value {
  if (operator === 'is' || operator === '=?=') return same(left, right);
  if (operator === 'isnt' || operator === '=!=') return !same(left, right);
  if (left instanceof ErrorValue) return left;
  if (right instanceof ErrorValue) return right;
  if (left === undefined || right === undefined) return undefined;
  switch (operator) {
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(operator, left, right);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmetic(operator, left, right);
    default:
      return bits(operator, left, right);
  }
}

export function unary(operator: UnaryOperator, value: Value): Value {
  if (value === undefined || value instanceof ErrorValue) return value;
  if (operator === '!') {
    if (typeof value === 'boolean') return !value;
    return typeof value === 'bigint' || typeof value === 'number' ? Number(value) === 0 : mismatch('!', value);
  }
  if (operator === '~') {
    if (typeof value === 'boolean') return !value;
    return typeof value === 'bigint' ? ~value : mismatch('~', value);
  }
  if (typeof value === 'number') return operator === '-' ? -value : value;
  if (typeof value === 'bigint') return operator === '-' ? wrap(-value) : value;
  return mismatch(operator, value);
}

/** `is`: same type and same value, strings with case; never undefined or an error. */
export function same(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (left instanceof ErrorValue) return right instanceof ErrorValue;
  if (left instanceof ListValue) {
    return right instanceof ListValue && left.items.length === right.items.length && left.items.every((item, i) => same(item, right.items[i]));
  }
  if (left instanceof AdValue) return right instanceof AdValue && (left.ad === right.ad || textOf(left.ad) === textOf(right.ad));
  return typeof left === 'number' && typeof right === 'number' && Number.isNaN(left) && Number.isNaN(right);
}

/** Printed once, so that comparing again and again stays cheap. */
const texts = new WeakMap<Ad, string>();
function textOf(ad: Ad): string {
  const text = texts.get(ad) ?? printAd(ad);
  texts.set(ad, text);
  return text;
}

/** A boolean counts as 0 or 1; undefined: no number. */
export const numberOf = (value: Value): bigint | number | undefined =>
  typeof value === 'bigint' || typeof value === 'number' ? value : typeof value === 'boolean' ? (value ? 1n : 0n) : undefined;

const mismatch = (operator: string, ...values: readonly Value[]): ErrorValue => new ErrorValue(`${operator} of ${values.map(typeOf).join(' and ')}`);

type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';
function compare(operator: Comparison, left: Value, right: Value): Value {
  if (typeof left === 'string') {
    if (typeof right !== 'string') return mismatch(operator, left, right);
    return left === right ? operator === '==' || operator === '<=' || operator === '>=' : ordered(operator, fold(left), fold(right));
  }
  const a = numberOf(left);
  const b = numberOf(right);
  return a === undefined || b === undefined ? mismatch(operator, left, right) : ordered(operator, a, b);
}

/** Integers and reals are compared by their exact values. Nothing is equal to, less or greater than NaN. */
function ordered<T extends string | bigint | number>(operator: Comparison, a: T, b: T): boolean {
  switch (operator) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    case '==':
      return a <= b && a >= b;
    case '!=':
      return !(a <= b && a >= b);
  }
}

type Arithmetic = '+' | '-' | '*' | '/' | '%';
function arithmetic(operator: Arithmetic, left: Value, right: Value): Value {
  const a = numberOf(left);
  const b = numberOf(right);
  if (a === undefined || b === undefined) return mismatch(operator, left, right);
  if ((operator === '/' || operator === '%') && b === 0n) return new ErrorValue(`${operator} by 0`);
  if (typeof a === 'bigint' && typeof b === 'bigint') return wrap(integers(operator, a, b));
  if (operator === '%') return mismatch('%', left, right);
  const x = Number(a);
  const y = Number(b);
  return operator === '+' ? x + y : operator === '-' ? x - y : operator === '*' ? x * y : x / y;
}

/** Division truncates to zero, and a remainder has the sign of the left, as with bigints. */
function integers(operator: Arithmetic, a: bigint, b: bigint): bigint {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
  }
}

type Bits = '&' | '|' | '^' | '<<' | '>>' | '>>>';
/** `& | ^` of two booleans are boolean. Only the low 6 bits of a shift count. */
function bits(operator: Bits, left: Value, right: Value): Value {
  const shift = operator === '<<' || operator === '>>' || operator === '>>>';
  if (!shift && typeof left === 'boolean' && typeof right === 'boolean') {
    return operator === '&' ? left && right : operator === '|' ? left || right : left !== right;
  }
  const a = shift ? left : numberOf(left);
  const b = shift ? right : numberOf(right);
  if (typeof a !== 'bigint' || typeof b !== 'bigint') return mismatch(operator, left, right);
  switch (operator) {
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '<<':
      return BigInt.asIntN(64, a << (b & 63n));
    case '>>':
      return a >> (b & 63n);
    case '>>>':
      return BigInt.asIntN(64, BigInt.asUintN(64, a) >> (b & 63n));
  }
}
