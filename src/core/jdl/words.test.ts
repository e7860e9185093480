import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { splitWords } from './words.ts';

test('words are split as a shell splits them', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['', []],
    ['  a  b\tc\n', ['a', 'b', 'c']],
    [`'a b' "c d" e\\ f`, ['a b', 'c d', 'e f']],
    [`a'b'"c"d`, ['abcd']],
    [`'' ""`, ['', '']],
    [`"\\"\\\\\\$\\n"`, ['"\\$\\n']],
    [`'\\'`, ['\\']],
    [`\\& '|' "<" \\>`, ['&', '|', '<', '>']],
    ['$HOME *;(x)', ['$HOME', '*;(x)']],
  ];
  for (const [line, words] of table) assert.deepEqual(splitWords(line), { words }, line);
});

test('what a shell would act on, and what is not closed, is refused', () => {
  for (const line of ['a & b', 'a|b', '<a', 'a>', '`a`', "'`'", '"`"', '\\`', "'a", '"a', '"a\\', 'a\\']) assert.ok('problem' in splitWords(line), line);
});

test('any words come back from their quoted form', () => {
  const quoted = (word: string): string => `'${word.replaceAll("'", `'"'"'`)}'`;
  const word = fc.string({ unit: 'binary' }).map((s) => s.replaceAll('`', ''));
  fc.assert(fc.property(fc.array(word), (words) => assert.deepEqual(splitWords(words.map(quoted).join(' ')), { words })));
});
