import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { placeIn, readIni } from './ini.ts';
import { iniText } from './show.ts';

const values = (text: string | Uint8Array): Record<string, Record<string, string>> =>
  Object.fromEntries(
    readIni('f', text).sections.map((section) => [section.header, Object.fromEntries([...section.options].map(([name, value]) => [name, value.text]))]),
  );
const faults = (text: string | Uint8Array): string[] =>
  readIni('f', text).faults.map(({ place, severity, text: what }) => `${place.line}:${place.column} ${severity}: ${what}`);

describe('the INI dialect (spec/factory.md §3.1)', () => {
  const dialect: readonly (readonly [string, string, Record<string, string>])[] = [
    ['= and :', 'a = 1\nb: 2\nc=3\nd:4', { a: '1', b: '2', c: '3', d: '4' }],
    ['the first delimiter counts', 'url = http://x:80/?a=b\nhost: x=1', { url: 'http://x:80/?a=b', host: 'x=1' }],
    ['option names are folded, values are not', 'VAC_Space = AbC', { vac_space: 'AbC' }],
    ['comment lines', '# a = 1\n; b = 2\nc = 3', { c: '3' }],
    [
      'trailing comments need a blank before the semicolon',
      'a = 1 ; one\nb = x;y\nc = x;y ;z\nd = # not a comment\ne = 2\t;t',
      { a: '1', b: 'x;y', c: 'x;y', d: '# not a comment', e: '2' },
    ],
    ['a line that begins with white space continues', 'a = one\n  two ; comment\n\tthree\nb = 1', { a: 'one\ntwo\nthree', b: '1' }],
    ['a value may begin on the next line', 'a =\n  one\n  two', { a: 'one\ntwo' }],
    ['blank lines inside a value are left out', 'a = one\n\n  two', { a: 'one\ntwo' }],
    ['no interpolation', 'a = %(b)s %d $x', { a: '%(b)s %d $x' }],
    ['empty values', 'a =\nb = ""\nc = ; nothing', { a: '', b: '', c: '' }],
    ['later replaces earlier', 'a = 1\na = 2', { a: '2' }],
    ['tabs and blanks around', 'a\t =\t 1 \t', { a: '1' }],
  ];
  for (const [what, text, expected] of dialect) {
    it(what, () => {
      assert.deepEqual(values(`[settings]\n${text}\n`), { settings: expected });
      assert.deepEqual(values(`\ufeff[settings]\r\n${text.replaceAll('\n', '\r\n')}\r\n`), { settings: expected }, 'with byte order mark and CRLF');
    });
  }

  it('every line that cannot be used is a fault with its place, and the rest is read', () => {
    const text = 'before = 1\n[open\nnothing here\n[ok] junk\n  lost\n= x\na = b\u0000c\nd = 1\n  # no comment\n  [no header]\nd = 2\n';
    assert.deepEqual(faults(text), [
      '1:1 error: a section header such as [settings] must come before the first option',
      '2:1 error: the section header has no closing bracket; write [section] or [section NAME]',
      '3:1 error: the line of nothing has neither = nor :; write option = value, or begin the line with a blank to continue the value above',
      '4:6 warning: text after the section header is ignored',
      '5:3 error: the line begins with a blank but there is no option above that it could continue',
      '6:1 error: there is no option name before the delimiter; write option = value',
      '7:6 error: the value contains a control character; only printable text and tabs are valid',
      '9:3 warning: this comment is part of the value above; a comment line begins with # in the first column',
      '10:3 warning: this line continues the value above; a section header begins in the first column',
      '11:1 warning: given twice in this section; line 8 is replaced',
    ]);
    assert.deepEqual(values(text)['ok'], { d: '2' });
  });

  it('tells nothing of a line that might be a secret', () => {
    assert.doesNotMatch(faults('[settings]\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nuser_data_option_x hunter2\n').join(), /MIIE|hunter2/);
  });

  it('a line that is not UTF-8 is read as ISO 8859-1 with a warning, in comments without', () => {
    const bytes = Buffer.concat([
      Buffer.from('[settings]\n# caf'),
      Buffer.from([0xe9]),
      Buffer.from('\ndescription = Universit'),
      Buffer.from([0xe4]),
      Buffer.from('t\n'),
    ]);
    assert.deepEqual(values(bytes), { settings: { description: 'Universität' } });
    assert.deepEqual(faults(bytes), ['3:1 warning: this line is not UTF-8; it is read as ISO 8859-1']);
  });

  it('a line of 4 MB and a value of 100 000 lines are read', () => {
    const long = 'x '.repeat(2_000_000).trim();
    assert.equal(values(`[settings]\na = ${long}\n`)['settings']?.['a'], long);
    const many = Array.from({ length: 100_000 }, (_, i) => `line ${i}`);
    assert.equal(values(`[settings]\na = ${many.join('\n ')}\n`)['settings']?.['a'], many.join('\n'));
  });

  it('places point at the text in the file', () => {
    const text = '[settings]\nfactories =  a.b   c.d\n\te.f ; last\n';
    const value = readIni('f', text).sections[0]?.options.get('factories');
    assert.ok(value);
    const lines = text.split('\n');
    for (const { 0: word, index } of value.text.matchAll(/\S+/g)) {
      const { line, column } = placeIn(value, index);
      assert.equal(lines[line - 1]?.slice(column - 1, column - 1 + word.length), word);
    }
  });

  it('never throws, whatever the bytes', () => {
    const salt = fc.constantFrom('[', ']', '=', ':', ';', '#', '\n', '\r', ' ', '\t', '\0', '[settings]\n', 'a = ', '\u2028');
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readIni('f', bytes)));
    fc.assert(
      fc.property(fc.array(fc.oneof(salt, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 60 }), (parts) => void readIni('f', parts.join(''))),
    );
  });

  it('printing and reading again gives the same values', () => {
    const word = fc.stringMatching(/^[!-~äß€]{1,8}$/).filter((w) => !w.startsWith(';') && w !== '""');
    const row = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(' '));
    const value = fc.array(row, { minLength: 0, maxLength: 3 }).map((rows) => rows.join('\n'));
    const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/);
    const sections = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9 -]{0,8}[a-z]$/), fc.dictionary(name, value));
    fc.assert(
      fc.property(sections, (wanted) => {
        const text = iniText(new Map(Object.entries(wanted).map(([title, options]) => [title, new Map(Object.entries(options))])));
        assert.deepEqual({ ...values(text) }, Object.fromEntries(Object.entries(wanted).map(([t, o]) => [t, { ...o }])));
      }),
    );
  });
});
