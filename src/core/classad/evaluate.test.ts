import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { adOf, ErrorValue, evaluate, ListValue, type ParseError, parseAd, type Value } from './classad.ts';
import type { Ad } from './expression.ts';
import { anyAd, anyExpression, expressionOfText, now, tokenStream, valueOf } from './testing.ts';
import { parseExpression } from './parser.ts';

const error = Symbol('error');
const seen = (value: Value): unknown => (value instanceof ErrorValue ? error : value instanceof ListValue ? value.items.map(seen) : value);
function check(table: readonly (readonly [string, unknown])[]): void {
  for (const [text, expected] of table) assert.deepEqual(seen(valueOf(text)), expected, text);
}

test('strict operators on values of every kind', () => {
  check([
    ['error + undefined', error],
    ['undefined + error', error],
    ['undefined + "a"', undefined],
    ['true + true', 2n],
    ['1 + 1.5', 2.5],
    ['9223372036854775807 + 1', -(2n ** 63n)],
    ['-9223372036854775808 / -1', -(2n ** 63n)],
    ['7 % -3', 1n],
    ['7 % 0', error],
    ['7.0 % 2', error],
    ['1.0 / 0', error],
    ['1.0 / 0.0', Number.POSITIVE_INFINITY],
    ['{1} == {1}', error],
    ['[a=1] == [a=1]', error],
    ['"a" < "B"', true],
    ['9223372036854775807 == 9223372036854775807.0', false],
    ['9223372036854775806 < 9223372036854775807', true],
    ['true & false', false],
    ['true ^ 3', 2n],
    ['~0', -1n],
    ['~true', false],
    ['1.0 & 1', error],
    ['true << 1', error],
    ['1 << 63', -(2n ** 63n)],
    ['1 << 64', 1n],
    ['1 << 9223372036854775807', -(2n ** 63n)],
    ['-8 >> 1', -4n],
    ['-1 >>> 60', 15n],
    ['-true', error],
    ['+"a"', error],
    ['-undefined', undefined],
    ['!3.5', false],
    ['!{1}', error],
    ['{1, error}[0]', 1n],
    ['{1}[-1]', error],
    ['{1}["a"]', error],
    ['{1}[1.0]', error],
    ['undefined[0]', undefined],
    ['[a = 1]["A"]', 1n],
    ['[a = 1].b', undefined],
    ['undefined.b', undefined],
    ['(3).b', error],
    ['error.b', error],
  ]);
});

test('`is` never gives undefined or error', () => {
  check([
    ['error is error', true],
    ['error is undefined', false],
    ['undefined isnt 1', true],
    ['1 =?= 1', true],
    ['1 =!= true', true],
    ['"a" is "a"', true],
    ['{1, "a", undefined} is {1, "a", undefined}', true],
    ['{1} is {1.0}', false],
    ['[a = 1] is [A = 1]', false],
    ['[a = 1] is [a = 1]', true],
  ]);
});

/** The tables of spec/environments.md §3.4 as written there, for operands true, false, undefined, error. */
test('logical operators follow their table', () => {
  const values = ['true', 'false', 'undefined', 'error'] as const;
  const and = (l: string, r: string): string =>
    l === 'true'
      ? r
      : l === 'false'
        ? 'false'
        : l === 'error'
          ? 'error'
          : ({ false: 'false', true: 'undefined', undefined: 'undefined', error: 'error' }[r] as string);
  const or = (l: string, r: string): string =>
    l === 'true'
      ? 'true'
      : l === 'false'
        ? r
        : l === 'error'
          ? 'error'
          : ({ false: 'undefined', true: 'true', undefined: 'undefined', error: 'error' }[r] as string);
  for (const l of values) {
    for (const r of values) {
      for (const third of values) {
        assert.deepEqual(seen(valueOf(`${l} && ${r} && ${third}`)), seen(valueOf(and(and(l, r), third))), `${l} && ${r} && ${third}`);
        assert.deepEqual(seen(valueOf(`${l} || ${r} || ${third}`)), seen(valueOf(or(or(l, r), third))), `${l} || ${r} || ${third}`);
      }
    }
  }
  check([
    ['1 && 2', true],
    ['0.0 || 0', false],
    ['"a" && true', error],
    ['{} || true', error],
    ['true && "a"', error],
    ['2 ? 1 : error', 1n],
    ['0 ? error : 1', 1n],
    ['error ?: 1', error],
    ['ifThenElse(undefined, 1, 2)', undefined],
    ['ifThenElse(true, 1, nosuch())', 1n],
  ]);
});

test('!(a && b) is !a || !b where no error occurs', () => {
  const operand = fc.constantFrom('true', 'false', 'undefined', '0', '1', '2.5', 'x', 'other.y', 'undefined == 1');
  fc.assert(
    fc.property(operand, operand, (a, b) => {
      const surroundings = [{ x: true }, { y: 0 }] as const;
      assert.equal(valueOf(`!(${a} && ${b})`, ...surroundings), valueOf(`!(${a}) || !(${b})`, ...surroundings));
      assert.equal(valueOf(`!(${a} || ${b})`, ...surroundings), valueOf(`!(${a}) && !(${b})`, ...surroundings));
    }),
  );
});

const ad = (text: string): Ad => parseAd(text) as Exclude<ReturnType<typeof parseAd>, ParseError>;
const between = (text: string, my: string, other: string): unknown => seen(evaluate(expressionOfText(text), { my: ad(my), other: ad(other), now }));

test('scope: plain names outward, my and other, the outermost ad', () => {
  check([
    ['[a = 1; b = [c = a]].b.c', 1n],
    ['[a = 1; b = [a = 2; c = .a]].b.c', undefined],
    ['[a = 1; b = [a = 2; c = my.a]].b.c', 2n],
    ['[a = 1; b = [c = 2]].b.a', undefined],
    ['[a = b; b = c; c = a].a', undefined],
    ['[a = a + 1].a', undefined],
    ['[a = a is undefined].a', true],
    ['other.x', undefined],
    ['nothing', undefined],
  ]);
  assert.equal(between('.a', '[a = 5]', '[]'), 5n);
  assert.equal(between('[a = 2; c = .a].c', '[a = 1]', '[]'), 1n);
});

test('two ads see each other, each attribute in the ad that holds it', () => {
  assert.equal(between('other.y', '[x = 1]', '[y = other.x + 1]'), 2n);
  assert.equal(between('target.y', '[x = 1]', '[x = 2; y = my.x]'), 2n);
  assert.equal(between('self.a', '[a = other.b; x = 7]', '[b = target.x]'), 7n);
  assert.equal(between('[z = other.y].z', '[]', '[y = 4]'), 4n);
  assert.equal(between('other.a', '[a = other.a]', '[a = other.a]'), undefined, 'a cycle across ads');
  assert.equal(between('other.a', '[b = other.c]', '[a = other.b; c = 3]'), 3n);
  assert.equal(between('other["a"]', '[]', '[a = 3]'), 3n);
});

test('references within each other end in an error at 200, and the stack holds with the deepest of expressions', () => {
  const chain = (n: number, with_: (next: string) => string): Ad =>
    ad(`[ ${Array.from({ length: n }, (_, i) => `a${i} = ${with_(`a${i + 1}`)}`).join('; ')}; a${n} = b; b = 1 ]`);
  assert.equal(evaluate(expressionOfText('a0'), { my: chain(190, (next) => next), now }), 1n);
  assert.ok(evaluate(expressionOfText('a0'), { my: chain(250, (next) => next), now }) instanceof ErrorValue);
  const deep = (next: string): string => `${'!'.repeat(190)}${next}`;
  assert.ok(evaluate(expressionOfText('a0'), { my: chain(150, deep), now }) instanceof ErrorValue);
  const calls = (next: string): string => `${'ifThenElse(true,'.repeat(90)}anyMatch({[]},{${next}}[0])${',1)'.repeat(90)}`;
  assert.equal(evaluate(expressionOfText('a0'), { my: chain(150, calls), now }), false, 'an item whose comparison is an error does not match');
});

test('what would take for ever ends by its steps, without looking at a clock', () => {
  const doubling = (n: number, operation: (x: string) => string): Ad =>
    ad(`[ ${Array.from({ length: n }, (_, i) => `a${i} = ${operation(`a${i + 1}`)}`).join('; ')}; a${n} = strcat("x") ]`);
  for (const operation of [
    (x: string): string => `strcat(${x}, ${x})`,
    (x: string): string => `{${x}, ${x}}`,
    (x: string): string => `(${x} is ${x}) ?: ${x}`,
    (x: string): string => `${x} == ${x} ? ${x} : ${x}`,
  ]) {
    const value = evaluate(expressionOfText('a0'), { my: doubling(100, operation), now });
    assert.ok(value instanceof ErrorValue && /steps|1048576/.test(value.reason), operation('x'));
  }
  const big = expressionOfText(`"${'x'.repeat(500_000)}"`);
  const my = new Map([['big', { name: 'big', value: big, at: 0 }]]);
  for (const text of ['member(big, {', 'anyCompare("==", {', 'allCompare("<", {']) {
    const value = evaluate(expressionOfText(`${text}${'big,'.repeat(50_000)}big}${text.startsWith('m') ? ')' : ', strcat(big, "y"))'}`), { my, now });
    assert.ok(value instanceof ErrorValue, text);
  }
});

test('functions', () => {
  check([
    ['Member("a", {"b", "A"})', true],
    ['member("1", {1, undefined, error})', false],
    ['member(undefined, {1})', undefined],
    ['member({1}, {1})', error],
    ['member(true, {1.0})', true],
    ['member(error, undefined)', error],
    ['identicalMember(1, {1.0, 1})', true],
    ['isUndefined(x)', true],
    ['isError(1/0)', true],
    ['isString("")', true],
    ['isInteger(1.0)', false],
    ['isReal(1.0)', true],
    ['isBoolean(1)', false],
    ['isList({})', true],
    ['isClassAd([])', true],
    ['isError(undefined)', false],
    ['isError()', error],
    ['int("12")', 12n],
    ['int(" -3 ")', -3n],
    ['int("2.9")', 2n],
    ['int(-2.9)', -2n],
    ['int(1e300)', error],
    ['int("x")', error],
    ['int({})', error],
    ['real("1e3")', 1000],
    ['real(2)', 2],
    ['real("")', error],
    ['string(2)', '2'],
    ['string(2.0)', '2.0'],
    ['string({})', error],
    ['bool("TRUE")', true],
    ['bool("x")', error],
    ['bool(0.0)', false],
    ['floor(-1.5)', -2n],
    ['ceiling(1.2)', 2n],
    ['round(-2.5)', -3n],
    ['round(2.4)', 2n],
    ['floor("1")', error],
    ['floor(true)', 1n],
    ['strcat()', ''],
    ['strcat("a", 1, true, 2.5)', 'a1true2.5'],
    ['strcat("a", undefined)', undefined],
    ['strcat("a", {})', error],
    ['toUpper("aé")', 'AÉ'],
    ['toLower(1)', error],
    ['substr("abcdef", 2)', 'cdef'],
    ['substr("abcdef", -3, 2)', 'de'],
    ['substr("abcdef", 1, -2)', 'bcd'],
    ['substr("abcdef", 9)', ''],
    ['substr("abcdef", -9223372036854775808, 9223372036854775807)', 'abcdef'],
    ['size("abc")', 3n],
    ['size({1,2})', 2n],
    ['size([a=1])', 1n],
    ['size(1)', error],
    ['regexp("^a.c$", "abc")', true],
    ['regexp("B", "abc")', false],
    ['regexp("B", "abc", "i")', true],
    ['regexp("(", "abc")', error],
    ['regexp(1, "abc")', error],
    ['regexp("a", undefined)', undefined],
    ['regexp("a", "a", "x")', error],
    ['sum({1, 2.5, true})', 4.5],
    ['sum({})', 0n],
    ['avg({1, 2})', 1.5],
    ['avg({})', undefined],
    ['min({3, 1.5})', 1.5],
    ['max({3, 1.5})', 3n],
    ['max({1, undefined})', undefined],
    ['max({undefined, error})', error],
    ['max({"a"})', error],
    ['max(3)', error],
    ['anyCompare("<", {1, 5}, 3)', true],
    ['allCompare("<", {1, 5}, 3)', false],
    ['allCompare("!=", {}, 3)', true],
    ['anyCompare("is", {undefined}, undefined)', true],
    ['anyCompare("<", {1}, undefined)', undefined],
    ['anyCompare("+", {1}, 1)', error],
    ['anyMatch({[a=1], [a=2]}, other.a == 2)', true],
    ['allMatch({[a=1], [a=2]}, other.a == 2)', false],
    ['allMatch({}, false)', true],
    ['anyMatch({1, error}, true)', false],
    ['anyMatch(undefined, true)', undefined],
    ['anyMatch(3, true)', error],
    ['[k = 2; r = anyMatch({[a=1], [a=2]}, target.a == k)].r', true],
    ['fqanMember("/atlas/Role=NULL/Capability=NULL", {"VOMS:/atlas"})', true],
    ['fqanMember("/atlas/prod/Role=x", {"VO:atlas"})', true],
    ['fqanMember("/atlasx", {"VO:atlas"})', false],
    ['fqanMember("/atlas/prod", {"VOMS:/atlas/*"})', true],
    ['fqanMember("/atlas/prod", {"VOMS:/atlas"})', false],
    ['fqanMember("atlas", {"VO:atlas"})', true],
    ['fqanMember("/atlas", "VO:atlas")', error],
    ['time()', 1_700_000_000n],
    ['time(1)', error],
    ['whichMatch({}, true)', error],
  ]);
});

test('any text gives an expression or an error with a place, and any expression a value', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), tokenStream);
  fc.assert(
    fc.property(text, anyAd, (source, other) => {
      const e = parseExpression(source);
      if ('line' in e) assert.ok(e.line >= 1 && e.column >= 1 && e.text !== '' && e.line <= source.split('\n').length);
      else evaluate(e, { my: adOf({ a: 1, b: ['x'] }), other, now });
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(anyExpression, anyAd, anyAd, (e, my, other) => {
      assert.doesNotThrow(() => evaluate(e, { my, other, now }));
    }),
    { numRuns: 1000 },
  );
});
