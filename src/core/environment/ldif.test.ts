import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ldifEntry, rdn } from './ldif.ts';
import { readLdif } from './testing.ts';

describe('LDIF (spec/environments.md §4.6)', () => {
  it('lines are folded after 78 characters', () => {
    const entry = ldifEntry('o=glue', [['description', 'x'.repeat(200)]]);
    const lines = entry.split('\n');
    assert.deepEqual(
      lines.map((line) => line.length),
      [10, 78, 78, 59, 0, 0],
    );
    assert.ok(lines.slice(2, 4).every((line) => line.startsWith(' ')));
    assert.equal(readLdif(entry)[0]?.attributes.get('description')?.[0], 'x'.repeat(200));
  });

  it('what is not plain ASCII, or would be misread, is base64', () => {
    for (const [value, line] of [
      ['Zürich', 'a:: WsO8cmljaA=='],
      [' blank', 'a:: IGJsYW5r'],
      ['blank ', 'a:: Ymxhbmsg'],
      [':colon', 'a:: OmNvbG9u'],
      ['<url', 'a:: PHVybA=='],
      ['two\nlines', 'a:: dHdvCmxpbmVz'],
      ['a: b', 'a: a: b'],
      ['', 'a:'],
    ] as const) {
      assert.equal(ldifEntry('o=x', [['a', value]]), `dn: o=x\n${line}\n\n`);
    }
  });

  it('booleans are TRUE and FALSE, lists repeated attributes', () => {
    assert.equal(
      ldifEntry('o=x', [
        ['a', true],
        ['b', false],
        ['c', 1],
        ['c', 2],
      ]),
      'dn: o=x\na: TRUE\nb: FALSE\nc: 1\nc: 2\n\n',
    );
  });

  it('values of distinguished names are escaped', () => {
    assert.equal(rdn('cn', 'gcc+c,1="x"'), 'cn=gcc\\+c\\,1\\=\\"x\\"');
    assert.equal(rdn('cn', ' #; '), 'cn=\\ #\\;\\ ');
    assert.equal(rdn('cn', '#a\\'), 'cn=\\#a\\\\');
  });

  it('any text is read back as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 200 }), { minLength: 1, maxLength: 3 }), (values) => {
        const entry = ldifEntry(
          'o=x',
          values.map((value) => ['a', value]),
        );
        assert.ok(entry.split('\n').every((line) => line.length <= 78 && /^[ -~]*$/.test(line)));
        assert.deepEqual(
          readLdif(entry)[0]?.attributes.get('a'),
          values.map((value) => value.toWellFormed()),
        );
      }),
    );
  });
});
