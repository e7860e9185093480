import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ParseError, parseAd, parseExpression, printAd, printExpression } from './classad.ts';
import { type Expression, precedence } from './expression.ts';
import { anyAd, anyExpression, bare, expressionOfText, now, valueOf } from './testing.ts';
import { evaluate } from './evaluate.ts';

const errorOf = (text: string): ParseError => {
  const result = parseExpression(text);
  assert.ok(result instanceof ParseError, `${text} is an expression`);
  return result;
};

test('literals of every form', () => {
  const forms: readonly (readonly [string, unknown])[] = [
    ['0', 0n],
    ['017', 15n],
    ['0xfF', 255n],
    ['0x10K', 16_384n],
    ['3B', 3n],
    ['1k', 1024n],
    ['2M', 2n ** 21n],
    ['1G', 2n ** 30n],
    ['1T', 2n ** 40n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['1.', 1],
    ['.5', 0.5],
    ['010.5', 10.5],
    ['1e3', 1000],
    ['1.5e-1', 0.15],
    ['1.5K', 1536],
    ['TRUE', true],
    ['False', false],
    ['Undefined', undefined],
    ['"a\\tb\\"\\\\\\101\\7"', 'a\tb"\\A\u0007'],
    ['"a" "b"\n"c"', 'abc'],
    ['"\\&\\q"', '&q'],
    ['"1 // no comment /* at all */"', '1 // no comment /* at all */'],
    ['/* one */ 1 // two', 1n],
    ["['odd name' = 3].'ODD NAME'", 3n],
    ["['true' = 3].'true'", 3n],
    ['[other = 3].other', 3n],
  ];
  for (const [text, value] of forms) assert.equal(valueOf(text), value, text);
});

test('every operator binds as in the precedence table, and to the left', () => {
  const grouped = (e: Expression): string => {
    if (e.kind !== 'chain') return printExpression(e);
    return e.rest.reduce((left, { operator, operand }) => `(${left} ${operator} ${grouped(operand)})`, grouped(e.first));
  };
  for (const [i, loose] of precedence.entries()) {
    for (const [j, tight] of precedence.entries()) {
      for (const a of loose) {
        for (const b of tight) {
          const expected = i < j ? `(x ${a} (y ${b} z))` : `((x ${a} y) ${b} z)`;
          assert.equal(grouped(expressionOfText(`x ${a} y ${b} z`)), expected);
        }
      }
    }
  }
  assert.equal(printExpression(expressionOfText('(a?b:(c?d:e))')), 'a ? b : c ? d : e');
  assert.equal(printExpression(expressionOfText('(a ?: b) ?: c')), '(a ?: b) ?: c');
  assert.equal(printExpression(expressionOfText('!(-(a.b[1]))')), '!-a.b[1]');
});

test('errors name line, column, what is there and what would be valid', () => {
  const errors: readonly (readonly [string, string])[] = [
    ['', '1:1: the text ends where an expression begins; valid: a literal, a name, a function, ( { [ or one of + - ! ~'],
    ['1 +\n  )', '2:3: found ")" where an expression begins; valid: a literal, a name, a function, ( { [ or one of + - ! ~'],
    ['a b', '1:3: found "b" after the expression; valid: an operator, or the end'],
    ['(1', '1:3: the text ends after the expression in "("; valid: )'],
    ['{1, 2', '1:6: the text ends in a list; valid: , or }'],
    ['f(1;', '1:4: found ";" in the arguments of a function; valid: , or )'],
    ['a ? b', '1:6: the text ends after the second part of a choice "c ? a : b"; valid: :'],
    ['"abc\n"', '1:1: a string is not closed on its line; valid: " at its end; \\n for a new line'],
    ['"abc\\', '1:1: a string is not closed on its line; valid: " at its end; \\n for a new line'],
    ['"a\\0"', '1:3: a NUL character in a string'],
    ["''", "1:1: '' is no name; valid: at least one character between the quotes"],
    ['1 /* x', '1:3: the comment /* is not closed; valid: */ at its end'],
    ['09', '1:1: 09 is no number; valid: digits 0 to 7 after a leading 0'],
    ['0x', '1:1: 0x is no number; valid: hexadecimal digits after 0x'],
    ['12ab', '1:1: 12ab is no number; valid: digits, then perhaps one of B K M G T'],
    ['9223372036854775808', '1:1: the integer has more than 64 bits; valid: -9223372036854775808 to 9223372036854775807'],
    ['8388608T', '1:1: the integer has more than 64 bits; valid: -9223372036854775808 to 9223372036854775807'],
    ['1e999', '1:1: 1e999 is too large for a real; valid: up to 1.79e308'],
    ['a @ b', '1:3: the character "@" means nothing here'],
    ['[a = 1; A = 2]', '1:9: A is given twice; valid: each attribute once, whatever the case'],
    ['[true = 1]', '1:2: "true" is reserved and found where an attribute begins; valid: \'true\' in single quotes, or another name'],
    ['[a 1]', '1:4: found "1" after the attribute\'s name a; valid: ='],
    ['[a = 1 b = 2]', '1:8: found "b" after the expression of a; valid: an operator, ; or ]'],
  ];
  for (const [text, expected] of errors) assert.equal(String(errorOf(text)), expected);
  const inAd = parseAd('[ a = 1;\n b = [ c = ) ] ]');
  assert.ok(inAd instanceof ParseError);
  assert.deepEqual([inAd.line, inAd.column, inAd.attribute], [2, 12, 'b']);
});

test('10,000 nested brackets and signs of any kind are an error and no overflow', () => {
  for (const [open, close] of [
    ['(', ')'],
    ['{', '}'],
    ['[a=', ']'],
    ['f(', ')'],
    ['!', ''],
    ['- ', ''],
    ['x[', ']'],
    ['1 ? 2 : ', ''],
    ['1 ?: ', ''],
  ] as const) {
    const error = errorOf(`${open.repeat(10_000)}1${close.repeat(10_000)}`);
    assert.match(error.text, /nested too deeply/, open);
    assert.equal(error.valid, 'up to 200 within each other');
  }
  assert.match(errorOf(`a${'.b'.repeat(10_000)}`).text, /nested too deeply/);
  assert.match(errorOf('((((').text, /the text ends/);
});

test('a text of 1 MiB is read, also when it is one chain; a longer one is refused', () => {
  const terms = Math.floor(1_048_576 / 2);
  const chain = expressionOfText(`1${'+1'.repeat(terms - 1)}`);
  assert.ok(chain.kind === 'chain' && chain.rest.length === terms - 1);
  assert.equal(expressionOfText(`"${'x'.repeat(1_048_574)}"`).kind, 'literal');
  const list = expressionOfText(`{${'1,'.repeat(500_000)}1}`);
  assert.ok(list.kind === 'list' && list.items.length === 500_001);
  assert.equal(errorOf(' '.repeat(1_048_577)).text, 'the text has 1048577 characters');
});

test('what is printed is read as the same expression, and a second print is the same text', () => {
  fc.assert(
    fc.property(anyExpression, (e) => {
      const text = printExpression(e);
      const again = expressionOfText(text);
      assert.deepEqual(bare(again), bare(e), text);
      assert.equal(printExpression(again), text);
    }),
    { numRuns: 500 },
  );
});

test('a printed ad is read as the same ad', () => {
  fc.assert(
    fc.property(anyAd, (ad) => {
      const again = parseAd(printAd(ad));
      assert.ok(!(again instanceof ParseError), String(again));
      assert.deepEqual(bare(again), bare(ad));
    }),
  );
});

test('the value of an expression is that of its print', () => {
  fc.assert(
    fc.property(anyExpression, (e) => {
      const again = expressionOfText(printExpression(e));
      assert.deepEqual(plain(evaluate(again, { now })), plain(evaluate(e, { now })));
    }),
  );
  function plain(value: unknown): unknown {
    return typeof value === 'object' && value !== null ? value.constructor.name : value;
  }
});
