import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instant } from '../units.ts';
import { ErrorValue, evaluate, ParseError, parseExpression, type Value } from './classad.ts';

const error = new ErrorValue('');
/** spec/environments.md §3.8. An integer is a bigint. */
const vectors: readonly (readonly [string, Value])[] = [
  ['undefined && false', false],
  ['false && error', false],
  ['error && false', error],
  ['true || error', true],
  ['error || true', error],
  ['undefined || true', true],
  ['undefined || error', error],
  ['!undefined', undefined],
  ['!0', true],
  ['!"a"', error],
  ['undefined == 1', undefined],
  ['undefined is undefined', true],
  ['undefined ?: 3', 3n],
  ['undefined ? 1 : 2', undefined],
  ['"x" ? 1 : 2', error],
  ['member("x", {"X"})', true],
  ['identicalMember("x", {"X"})', false],
  ['member("x", undefined)', undefined],
  ['member("x", "x")', error],
  ['member(1, {"a", 1})', true],
  ['nosuch(1)', error],
  ['5 / 2', 2n],
  ['-7 / 2', -3n],
  ['-7 % 3', -1n],
  ['5 / 2.0', 2.5],
  ['5 / 0', error],
  ['1 == 1.0', true],
  ['1 is 1.0', false],
  ['"abc" == "ABC"', true],
  ['"abc" is "ABC"', false],
  ['"a" == 1', error],
  ['true == 1', true],
  ['"a" + "b"', error],
  ['strcat("a", 1)', 'a1'],
  ['{1,2,3}[1]', 2n],
  ['{1}[5]', error],
  ['2 + 3 * 4', 14n],
  ['1 < 2 == true', true],
  ['2K', 2048n],
  ['010 + 0x10', 24n],
  ['[a = 1; b = a + 1].b', 2n],
  ['[a = b; b = a].a', undefined],
];

test('the test vectors of the specification', () => {
  assert.equal(vectors.length, 42);
  for (const [text, expected] of vectors) {
    const expression = parseExpression(text);
    assert.ok(!(expression instanceof ParseError), `${text}: ${expression}`);
    const value = evaluate(expression, { now: instant(0) });
    if (expected instanceof ErrorValue) assert.ok(value instanceof ErrorValue, text);
    else assert.equal(value, expected, text);
  }
});
