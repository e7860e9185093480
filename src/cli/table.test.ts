import assert from 'node:assert/strict';
import { it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { type Cell, type Column, type Style, table } from './table.ts';
import { displayWidth } from './text.ts';

const style = fc.constantFrom<Style | undefined>('bold', 'dim', 'red', undefined);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('\x1b[31mred\x1b[0m', '日本語日本語', 'e\u0301\u0301', 'a\u202eb', '\n', ''),
);
const cell: fc.Arbitrary<Cell> = fc.oneof(text, fc.record({ text, style }));
const column: fc.Arbitrary<Column> = fc
  .record({
    title: fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
    align: fc.constantFrom('left' as const, 'right' as const),
    shrinkTo: fc.option(fc.nat(10)),
  })
  .map(({ shrinkTo, ...rest }) => (shrinkTo === null ? rest : { ...rest, shrinkTo }));
const whole = fc.record({
  columns: fc.array(column, { minLength: 1, maxLength: 6 }),
  rows: fc.array(fc.array(cell, { maxLength: 6 }), { maxLength: 6 }),
  width: fc.integer({ min: 1, max: 120 }),
});

it('no line is ever wider than the terminal', () => {
  fc.assert(
    fc.property(whole, fc.boolean(), ({ rows, columns, width }, colour) => {
      for (const line of table(rows, columns, width, colour)) assert.ok(displayWidth(stripVTControlCharacters(line)) <= width, JSON.stringify(line));
    }),
  );
});

it('escape sequences are whole, are those of the styles, and are closed at the end of a line', () => {
  fc.assert(
    fc.property(whole, ({ rows, columns, width }) => {
      for (const line of table(rows, columns, width, true)) {
        const [, ...parts] = line.split('\x1b');
        const codes = parts.map((part) => /^\[(1|2|22|31|32|33|39)m/.exec(part)?.[1]);
        assert.ok(!codes.includes(undefined), JSON.stringify(line));
        for (let i = 0; i < codes.length; i += 2) assert.equal(codes[i + 1], codes[i] === '31' ? '39' : '22');
      }
    }),
  );
});

it('without colour there is no escape sequence, and colour changes nothing else', () => {
  fc.assert(
    fc.property(whole, ({ rows, columns, width }) => {
      const plain = table(rows, columns, width, false);
      assert.ok(!plain.join('').includes('\x1b'));
      assert.deepEqual(
        table(rows, columns, width, true).map((line) => stripVTControlCharacters(line).trimEnd()),
        plain,
      );
    }),
  );
});

it('with room enough, columns stand below each other and nothing is cut', () => {
  const columns: Column[] = [{ title: 'NAME', shrinkTo: 1 }, { title: 'N', align: 'right' }, { title: 'NOTE' }];
  const rows = [
    ['日本', '7', 'wide'],
    ['a', '1234', ''],
  ];
  assert.deepEqual(table(rows, columns, 80), ['NAME     N  NOTE', '日本     7  wide', 'a     1234']);
});

it('the widest column that may shrink gives way first; then columns go from the right', () => {
  const columns: Column[] = [{ title: 'A', shrinkTo: 3 }, { title: 'B' }, { title: 'C' }];
  const rows = [['abcdefgh', '12345', 'xyz']];
  assert.deepEqual(
    table(rows, columns, 16),
    ['A     B      C', 'abc…  12345  xyz'].map((line) => line.replace('A     B', 'A     B')),
  );
  assert.deepEqual(table(rows, columns, 13), ['A    B', 'ab…  12345']);
  assert.deepEqual(table(rows, columns, 2), ['A', 'a…']);
});
