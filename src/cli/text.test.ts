import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { displayWidth, fit, printable, printableJson, printableLines } from './text.ts';

const dangerous = [
  ...Array.from({ length: 0x20 }, (_, i) => String.fromCodePoint(i)),
  ...Array.from({ length: 0x21 }, (_, i) => String.fromCodePoint(0x7f + i)),
  '\u061c',
  '\u200b',
  '\u200e',
  '\u200f',
  '\u2028',
  '\u2029',
  '\u202a',
  '\u202e',
  '\u2066',
  '\u2069',
  '\ufeff',
  '\u{e0041}',
  '\ud800',
  '\ue000',
];
const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.constantFrom(...dangerous, 'a', '[31m', ']0;title')).map((parts) => parts.join('')),
);

/** As code points: half of a pair is no character of a text that has the whole one. */
const dangerousIn = (text: string): readonly string[] => [...text].filter((character) => dangerous.includes(character));

it('printable text holds nothing that a terminal acts on, whatever the guest wrote', () => {
  fc.assert(
    fc.property(anything, (text) => {
      const shown = printable(text);
      assert.deepEqual(dangerousIn(shown), [], JSON.stringify(text));
      assert.ok(shown.isWellFormed());
    }),
  );
});

it('printable text is left alone', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => assert.equal(printable(text), text)));
  assert.equal(printable('Zażółć gęślą jaźń 日本語 ✓'), 'Zażółć gęślą jaźń 日本語 ✓');
});

it('what is not printable stays readable', () => {
  assert.equal(printable('a\x1b[2Jb\r\u202ec\t\u{e0041}'), 'a\\x1b[2Jb\\x0d\\u202ec \\u{e0041}');
});

it('lines of a console keep their ends and lose colours', () => {
  assert.equal(printableLines('\x1b[32mok\x1b[0m boot\r\nnext\x07 line\n'), 'ok boot\nnext\\x07 line\n');
  fc.assert(
    fc.property(anything, (text) => {
      const shown = printableLines(text).replaceAll('\n', '');
      assert.deepEqual(dangerousIn(shown), []);
    }),
  );
});

it('text that is made to fit is a prefix that does, with a mark', () => {
  fc.assert(
    fc.property(anything.map(printable), fc.nat(40), (text, width) => {
      const fitted = fit(text, width);
      assert.ok(displayWidth(fitted) <= width);
      if (displayWidth(text) <= width) assert.equal(fitted, text);
      else if (width > 0) assert.ok(fitted.endsWith('…') && text.startsWith(fitted.slice(0, -1)));
    }),
  );
});

it('widths are those of a terminal', () => {
  assert.equal(displayWidth('abc'), 3);
  assert.equal(displayWidth('日本'), 4);
  assert.equal(displayWidth('e\u0301'), 1);
  assert.equal(displayWidth('👍'), 2);
});

it('printable JSON means the same and holds nothing that a terminal acts on', () => {
  fc.assert(
    fc.property(fc.jsonValue(), anything, (value, text) => {
      const json = printableJson(JSON.stringify([value, text], null, 2));
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify([value, text])));
      assert.deepEqual(dangerousIn(json.replaceAll('\n', '')), []);
    }),
  );
});
