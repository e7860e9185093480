import { unixSeconds } from '../units.ts';
import type { Call } from './expression.ts';
import { fqanMember } from './fqan.ts';
import { type Meter, maxString } from './limits.ts';
import { binary, numberOf, same, type ValueOperator } from './operators.ts';
import { printValue } from './print.ts';
import { patternOf } from './regexp.ts';
import { AdValue, ErrorValue, fold, isInt64, ListValue, typeOf, type Value } from './value.ts';

/**
 * `strict`: an argument that is an error makes the result that error, else one that is undefined makes it undefined. `choice` and `each`
 * do not evaluate all their arguments before and are in evaluate.ts.
 */
export type ClassAdFunction = { readonly least: number; readonly most: number } & (
  | { readonly kind: 'strict' | 'any'; readonly of: (args: readonly Value[], meter: Meter, call: Call) => Value }
  | { readonly kind: 'choice' }
  | { readonly kind: 'each'; readonly every: boolean }
);
type Of = (args: readonly Value[], meter: Meter, call: Call) => Value;

const strict = (least: number, most: number, of: Of): ClassAdFunction => ({ kind: 'strict', least, most, of });
const kindTest = (test: (value: Value) => boolean): ClassAdFunction => ({ kind: 'any', least: 1, most: 1, of: ([value]) => test(value) });
const wrong = (name: string, ...values: readonly Value[]): ErrorValue => new ErrorValue(`${name} of ${values.map(typeOf).join(', ')}`);

/** By lower-case name (spec/environments.md §3.5). A name that is not here, and a wrong number of arguments, give error. */
export const functions: ReadonlyMap<string, ClassAdFunction> = new Map<string, ClassAdFunction>([
  ['member', strict(2, 2, ([x, list], meter) => member(x, list, meter))],
  ['identicalmember', strict(2, 2, ([x, list], meter) => identicalMember(x, list, meter))],
  ['fqanmember', strict(2, 2, ([x, list], meter) => fqanListed(x, list, meter))],
  ['isundefined', kindTest((v) => v === undefined)],
  ['iserror', kindTest((v) => v instanceof ErrorValue)],
  ['isstring', kindTest((v) => typeof v === 'string')],
  ['isinteger', kindTest((v) => typeof v === 'bigint')],
  ['isreal', kindTest((v) => typeof v === 'number')],
  ['isboolean', kindTest((v) => typeof v === 'boolean')],
  ['islist', kindTest((v) => v instanceof ListValue)],
  ['isclassad', kindTest((v) => v instanceof AdValue)],
  ['ifthenelse', { kind: 'choice', least: 3, most: 3 }],
  ['anymatch', { kind: 'each', every: false, least: 2, most: 2 }],
  ['allmatch', { kind: 'each', every: true, least: 2, most: 2 }],
  ['int', strict(1, 1, ([x]) => toInteger(x))],
  ['real', strict(1, 1, ([x]) => toReal(x))],
  ['string', strict(1, 1, ([x]) => textOf(x) ?? wrong('string', x))],
  ['bool', strict(1, 1, ([x]) => toBoolean(x))],
  ['floor', strict(1, 1, ([x]) => rounded('floor', Math.floor, x))],
  ['ceiling', strict(1, 1, ([x]) => rounded('ceiling', Math.ceil, x))],
  ['round', strict(1, 1, ([x]) => rounded('round', (n) => Math.sign(n) * Math.round(Math.abs(n)), x))],
  ['strcat', strict(0, 1000, (args, meter) => strcat(args, meter))],
  ['toupper', strict(1, 1, ([s], meter) => (typeof s === 'string' ? charged(s.toUpperCase(), meter) : wrong('toUpper', s)))],
  ['tolower', strict(1, 1, ([s], meter) => (typeof s === 'string' ? charged(s.toLowerCase(), meter) : wrong('toLower', s)))],
  ['substr', strict(2, 3, (args, meter) => substr(args, meter))],
  ['size', strict(1, 1, ([x]) => size(x))],
  ['regexp', strict(2, 3, (args, meter, call) => regexp(args, meter, call))],
  ['sum', strict(1, 1, ([list], meter) => fromList('sum', list, meter, (numbers) => total(numbers)))],
  ['avg', strict(1, 1, ([list], meter) => fromList('avg', list, meter, average))],
  ['min', strict(1, 1, ([list], meter) => fromList('min', list, meter, (numbers) => extreme('<', numbers)))],
  ['max', strict(1, 1, ([list], meter) => fromList('max', list, meter, (numbers) => extreme('>', numbers)))],
  ['anycompare', { kind: 'any', least: 3, most: 3, of: (args, meter) => compareEach('anyCompare', false, args, meter) }],
  ['allcompare', { kind: 'any', least: 3, most: 3, of: (args, meter) => compareEach('allCompare', true, args, meter) }],
  ['time', strict(0, 0, (_args, { now }) => BigInt(unixSeconds(now)))],
]);

/** Comparing a value with every item. */
function chargeFor(x: Value, list: ListValue, meter: Meter): void {
  meter.charge(list.weight + (typeof x === 'string' ? list.items.length * (x.length >> 8) : 0));
}

/** Elements for which `==` is undefined or an error do not count. */
function member(x: Value, list: Value, meter: Meter): Value {
  if (!(list instanceof ListValue) || typeof x === 'object') return wrong('member', x, list);
  chargeFor(x, list, meter);
  if (typeof x === 'string') return list.folded.has(fold(x));
  return list.items.some((item) => binary('==', item, x) === true);
}

function identicalMember(x: Value, list: Value, meter: Meter): Value {
  if (!(list instanceof ListValue) || typeof x === 'object') return wrong('identicalMember', x, list);
  chargeFor(x, list, meter);
  return list.items.some((item) => same(item, x));
}

function fqanListed(x: Value, list: Value, meter: Meter): Value {
  if (!(list instanceof ListValue) || typeof x !== 'string') return wrong('fqanMember', x, list);
  chargeFor(x, list, meter);
  meter.charge(list.weight * 8);
  return fqanMember(
    x,
    list.items.filter((item) => typeof item === 'string'),
  );
}

function toInteger(x: Value): Value {
  if (typeof x === 'bigint') return x;
  if (typeof x === 'boolean') return x ? 1n : 0n;
  if (typeof x === 'string' && x.length < 100 && /^\s*[+-]?\d+\s*$/.test(x)) {
    const value = BigInt(x.trim().replace(/^\+/, ''));
    return isInt64(value) ? value : wrong('int', x);
  }
  const real = toReal(x);
  return typeof real === 'number' && Number.isFinite(real) && isInt64(BigInt(Math.trunc(real))) ? BigInt(Math.trunc(real)) : wrong('int', x);
}

const infinities: ReadonlyMap<string, number> = new Map([
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['nan', Number.NaN],
]);
function toReal(x: Value): Value {
  const number = numberOf(x);
  if (number !== undefined) return Number(number);
  if (typeof x !== 'string' || x.length > 400) return wrong('real', x);
  const text = x.trim().toLowerCase();
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text) ? Number(text) : (infinities.get(text) ?? wrong('real', x));
}

function toBoolean(x: Value): Value {
  if (typeof x === 'string') return /^true$/i.test(x) ? true : /^false$/i.test(x) ? false : new ErrorValue('bool of a string other than true and false');
  const number = numberOf(x);
  return number === undefined ? wrong('bool', x) : Number(number) !== 0;
}

/** Halves are rounded away from zero. A result outside 64 bits stays a real. */
function rounded(name: string, how: (n: number) => number, x: Value): Value {
  const number = numberOf(x);
  if (typeof number !== 'number') return number ?? wrong(name, x);
  const whole = how(number);
  return Number.isFinite(whole) && isInt64(BigInt(whole)) ? BigInt(whole) : whole;
}

/** Text of what is no list and no ad: a string without quotes. */
const textOf = (x: Value): string | undefined =>
  typeof x === 'string' ? x : typeof x === 'number' && !Number.isFinite(x) ? nonFinite(x) : typeof x === 'object' ? undefined : printValue(x);
const nonFinite = (x: number): string => (Number.isNaN(x) ? 'NaN' : x > 0 ? 'INF' : '-INF');

function charged(text: string, meter: Meter): Value {
  if (text.length > maxString) return new ErrorValue(`a string of more than ${maxString} characters`);
  meter.charge(text.length >> 4);
  return text;
}

function strcat(args: readonly Value[], meter: Meter): Value {
  const texts = args.map(textOf);
  if (texts.includes(undefined)) return wrong('strcat', ...args);
  const length = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  return length > maxString ? new ErrorValue(`a string of more than ${maxString} characters`) : charged(texts.join(''), meter);
}

/** A negative start counts from the end; a negative length leaves out so many at the end. */
function substr([s, from, length]: readonly Value[], meter: Meter): Value {
  if (typeof s !== 'string' || typeof from !== 'bigint' || (length !== undefined && typeof length !== 'bigint')) return wrong('substr', s, from, length);
  const clamp = (n: bigint): number => Number(n < 0n ? 0n : n > BigInt(s.length) ? BigInt(s.length) : n);
  const all = BigInt(s.length);
  const start = clamp(from < 0n ? all + from : from);
  const end = length === undefined ? s.length : clamp(length < 0n ? all + length : BigInt(start) + length);
  return charged(s.slice(start, Math.max(start, end)), meter);
}

function size(x: Value): Value {
  if (typeof x === 'string') return BigInt(x.length);
  return x instanceof ListValue ? BigInt(x.items.length) : x instanceof AdValue ? BigInt(x.ad.size) : wrong('size', x);
}

function regexp([source, s, options = '']: readonly Value[], meter: Meter, call: Call): Value {
  if (typeof source !== 'string' || typeof s !== 'string' || typeof options !== 'string') return wrong('regexp', source, s, options);
  if (!/^i*$/i.test(options)) return new ErrorValue(`regexp with the option ${printValue(options, 20)}`);
  const pattern = patternOf(source, options !== '', call, meter);
  return pattern instanceof ErrorValue ? pattern : pattern.test(s, meter);
}

function fromList(name: string, list: Value, meter: Meter, how: (numbers: readonly (bigint | number)[]) => Value): Value {
  if (!(list instanceof ListValue)) return wrong(name, list);
  meter.charge(list.items.length);
  const numbers: (bigint | number)[] = [];
  let missing = false;
  for (const item of list.items) {
    const number = numberOf(item);
    if (item instanceof ErrorValue) return item;
    if (item === undefined) missing = true;
    else if (number === undefined) return wrong(`${name} of a list`, item);
    else numbers.push(number);
  }
  return missing ? undefined : how(numbers);
}

const total = (numbers: readonly (bigint | number)[]): Value => numbers.reduce<Value>((sum, n) => binary('+', sum, n), 0n);
const average = (numbers: readonly (bigint | number)[]): Value => (numbers.length === 0 ? undefined : Number(total(numbers)) / numbers.length);
/** Of an empty list undefined. */
const extreme = (than: '<' | '>', numbers: readonly (bigint | number)[]): Value =>
  numbers.reduce<bigint | number | undefined>((best, n) => (best === undefined || (than === '<' ? n < best : n > best) ? n : best), undefined);

const comparisons: ReadonlySet<string> = new Set(['<', '<=', '>', '>=', '==', '!=', 'is', 'isnt', '=?=', '=!=']);
/** Items for which the comparison is undefined or an error count as not true. */
function compareEach(name: string, every: boolean, [operator, list, x]: readonly Value[], meter: Meter): Value {
  for (const arg of [operator, list, x]) if (arg instanceof ErrorValue) return arg;
  if (operator === undefined || list === undefined) return undefined;
  if (typeof operator !== 'string' || !comparisons.has(operator.toLowerCase()) || !(list instanceof ListValue)) return wrong(name, operator, list, x);
  const op = operator.toLowerCase() as ValueOperator;
  if (x === undefined && !/^is|^=[?!]=$/.test(op)) return undefined;
  chargeFor(x, list, meter);
  for (const item of list.items) {
    if ((binary(op, item, x) === true) !== every) return !every;
  }
  return every;
}
