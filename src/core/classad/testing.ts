import * as fc from 'fast-check';
import { instant } from '../units.ts';
import { evaluate, ParseError, type PlainAd, adOf, parseExpression, type Value } from './classad.ts';
import { type Ad, adFrom, type BinaryOperator, type Expression, listOf, literal, precedence } from './expression.ts';

export const now = instant(1_700_000_000_000);

/** Throws where the text is no expression. */
export function expressionOfText(text: string): Expression {
  const expression = parseExpression(text);
  if (expression instanceof ParseError) throw new Error(`${text.slice(0, 200)}: ${expression}`);
  return expression;
}

export const valueOf = (text: string, my: PlainAd = {}, other?: PlainAd): Value =>
  evaluate(expressionOfText(text), { my: adOf(my), ...(other === undefined ? {} : { other: adOf(other) }), now });

/** Without offsets, which printing does not keep. */
export function bare(e: unknown): unknown {
  if (e instanceof Map) return [...e].map(([key, a]) => [key, bare(a)]);
  if (Array.isArray(e)) return e.map(bare);
  if (typeof e !== 'object' || e === null) return typeof e === 'bigint' ? `${e}n` : e;
  return Object.fromEntries(
    Object.entries(e)
      .filter(([key]) => key !== 'at' && key !== 'constant')
      .map(([key, value]) => [key, bare(value)]),
  );
}

const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b', 'Abc', 'GlueCEStateStatus', 'x1', '_') },
  fc.constantFrom('true', 'is', 'other', 'my', 'odd name', "it's", 'back\\slash', 'é'),
  fc.string({ minLength: 1, maxLength: 6 }).filter((s) => !s.includes('\0')),
);
const leaf = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => literal(n)),
  fc.integer({ min: -3, max: 70 }).map((n) => literal(BigInt(n))),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => literal(n)),
  fc.boolean().map((b) => literal(b)),
  fc.string({ unit: 'binary', maxLength: 8 }).map((s) => literal(s.replaceAll('\0', ''))),
  fc.constant(literal(undefined)),
  fc.constant<Expression>({ kind: 'error', at: 0 }),
  fc.constantFrom<Expression>({ kind: 'side', at: 0, side: 'my' }, { kind: 'side', at: 0, side: 'other' }),
  fc.tuple(name, fc.boolean()).map(([n, absolute]): Expression => ({ kind: 'name', at: 0, name: n, key: n.toLowerCase(), absolute })),
);
const functionNames = [
  'member',
  'strcat',
  'regexp',
  'size',
  'sum',
  'anyMatch',
  'allCompare',
  'ifThenElse',
  'isError',
  'substr',
  'nosuch',
  'time',
  'fqanMember',
  'int',
];

/** Expressions of every kind, as the parser makes them. */
export const anyExpression: fc.Arbitrary<Expression> = fc.letrec<{ e: Expression }>((tie) => ({
  e: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .integer({ min: 0, max: precedence.length - 1 })
      .chain((level) =>
        fc
          .tuple(
            tie('e'),
            fc.array(fc.tuple(fc.constantFrom<BinaryOperator>(...(precedence[level] as readonly BinaryOperator[])), tie('e')), { minLength: 1, maxLength: 3 }),
          )
          .map(([first, rest]): Expression => ({ kind: 'chain', at: 0, level, first, rest: rest.map(([operator, operand]) => ({ operator, operand })) })),
      ),
    fc.tuple(fc.constantFrom('+', '-', '!', '~'), tie('e')).map(([operator, operand]): Expression => ({ kind: 'unary', at: 0, operator, operand })),
    fc.tuple(tie('e'), name).map(([base, n]): Expression => ({ kind: 'select', at: 0, base, name: n, key: n.toLowerCase() })),
    fc.tuple(tie('e'), tie('e')).map(([base, index]): Expression => ({ kind: 'index', at: 0, base, index })),
    fc.tuple(tie('e'), tie('e'), tie('e')).map(([condition, yes, no]): Expression => ({ kind: 'choice', at: 0, condition, yes, no })),
    fc.tuple(tie('e'), tie('e')).map(([first, second]): Expression => ({ kind: 'default', at: 0, first, second })),
    fc
      .tuple(fc.constantFrom(...functionNames), fc.array(tie('e'), { maxLength: 3 }))
      .map(([n, args]): Expression => ({ kind: 'call', at: 0, name: n, key: n.toLowerCase(), args })),
    fc.array(tie('e'), { maxLength: 3 }).map((items): Expression => listOf(items)),
    fc.array(fc.tuple(name, tie('e')), { maxLength: 3 }).map((attributes): Expression => ({ kind: 'ad', at: 0, ad: adOfPairs(attributes) })),
  ),
})).e;

const adOfPairs = (attributes: readonly (readonly [string, Expression])[]): Ad => adFrom(attributes.map(([n, value]) => ({ name: n, value, at: 0 })));

export const anyAd: fc.Arbitrary<Ad> = fc.array(fc.tuple(name, anyExpression), { maxLength: 5 }).map(adOfPairs);

const tokens =
  `1 0x10 2K 1.5 09 "s" "\\n" 'q n' a B true false undefined error is isnt my other . , ; : ? ?: ( ) [ ] { } = == != =?= =!= < <= > >= << >> >>> && || | ^ & + - * / % ! ~
  member( regexp( strcat( anyMatch( ifThenElse( time() /*c*/ // # ' " \\ @ é`.split(/\s+/);
/** Texts of tokens in any order, nearly all of them wrong. */
export const tokenStream: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.constantFrom(...tokens), fc.constantFrom(' ', '\n')), { maxLength: 40 })
  .map((parts) => parts.join(' '));
