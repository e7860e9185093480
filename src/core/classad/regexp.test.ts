import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { makePattern, Pattern } from './regexp.ts';
import { now } from './testing.ts';
import { ErrorValue } from './value.ts';

const free = { now, charge: (): void => {} };
function matches(source: string, text: string, ignoreCase = false): boolean {
  const pattern = makePattern(source, ignoreCase);
  assert.ok(pattern instanceof Pattern, `${source}: ${(pattern as ErrorValue).reason}`);
  return pattern.test(text, free);
}

test('the usual syntax', () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['', '', true],
    ['cream-(pbs|lsf)', 'ce1.example.org:8443/cream-lsf-long', true],
    ['\\.example\\.org:[0-9]{4,5}/', 'ce1.example.org:8443/x', true],
    ['^(a|b)+?$', 'abba', true],
    ['^[^a-c]*$', 'xyzb', false],
    ['^[]a]+$', ']a', true],
    ['^[a\\]-]+$', ']-a', true],
    ['^\\w+\\s\\d{2}$', 'abc 12', true],
    ['\\bcat\\b', 'a cat!', true],
    ['\\Bcat', 'a cat', false],
    ['^a{2,}$', 'a', false],
    ['^a{0,2}$', '', true],
    ['a{x}', 'a{x}', true],
    ['^.$', '\n', false],
    ['^.$', '😀', true],
    ['^[[:alpha:]]+$', 'abC', true],
    ['^(?:ab)*$', 'abab', true],
    ['(a*)*b', 'aaab', true],
    ['(|a)+$', 'aa', true],
    ['a$', 'a\n', true],
  ];
  for (const [source, text, expected] of table) assert.equal(matches(source, text), expected, source);
  assert.ok(matches('^ABC[d-f]$', 'abcE', true));
  assert.ok(!matches('^[^a]$', 'A', true));
});

test('what is no pattern here is an error that says where', () => {
  const table: readonly (readonly [string, string])[] = [
    ['(a', 'pattern, character 3: a ( is not closed'],
    ['a)', 'pattern, character 2: an unmatched )'],
    ['*a', 'pattern, character 1: * has nothing to repeat'],
    ['[a', 'pattern, character 1: a [ is not closed'],
    ['[z-a]', 'pattern, character 5: a range whose end is before its begin'],
    ['(a)\\1', 'pattern, character 5: \\1 is not known'],
    ['(?=a)', 'pattern, character 2: "(?" is only known as "(?:"'],
    ['a\\', 'pattern, character 3: a \\ at the end'],
    ['a{3,1}', 'pattern, character 2: {3,1}: the second number is smaller'],
    ['(((a{50}){50}){50}){50}', 'pattern, character 10: {50} makes the pattern too long'],
    ['x'.repeat(1001), 'pattern, character 1001: longer than 1000 characters'],
    ['('.repeat(51), 'pattern, character 52: more than 50 groups'],
  ];
  for (const [source, reason] of table) {
    const pattern = makePattern(source, false);
    assert.ok(pattern instanceof ErrorValue, source);
    assert.equal(pattern.reason, reason);
  }
});

test('patterns that hang other matchers take steps in proportion to the text', () => {
  for (const source of ['(a+)+$', '(a*)*$', '(a|a)*$', '(a|aa)+$', '(.*)*x', '^(([a-z])+.)+[A-Z]([a-z])+$', '(a?){30}a{30}$']) {
    const pattern = makePattern(source, false);
    assert.ok(pattern instanceof Pattern);
    const steps = (length: number): number => {
      let sum = 0;
      pattern.test(`${'a'.repeat(length)}!`, { now, charge: (n) => void (sum += n) });
      return sum;
    };
    assert.ok(steps(4000) <= 2.2 * steps(2000), source);
    assert.ok(steps(4000) < 4000 * 70, source);
  }
});

const piece: fc.Arbitrary<string> = fc.letrec<{ p: string }>((tie) => ({
  p: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom('a', 'b', 'A', '.', '[ab]', '[^a]', '\\w', '\\d', '^', '$', '\\b', '-', '[a-]'),
    fc.tuple(tie('p'), tie('p')).map(([a, b]) => a + b),
    fc.tuple(tie('p'), tie('p')).map(([a, b]) => `(${a}|${b})`),
    fc.tuple(tie('p'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,}', '*?')).map(([a, q]) => `(?:${a})${q}`),
  ),
})).p;

test('it finds what the regular expressions of JavaScript find', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', '1', '-', ' '), maxLength: 8 });
  fc.assert(
    fc.property(piece, text, fc.boolean(), (source, subject, ignoreCase) => {
      assert.equal(matches(source, subject, ignoreCase), new RegExp(source, ignoreCase ? 'i' : '').test(subject));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (source) => {
      const pattern = makePattern(source, true);
      assert.ok(pattern instanceof Pattern ? [true, false].includes(pattern.test('abc', free)) : pattern.reason.startsWith('pattern, character '));
    }),
    { numRuns: 1000 },
  );
});
