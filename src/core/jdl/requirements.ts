import { type Ad, type Expression, functions, ParseError, parseExpression } from '../classad/classad.ts';
import { nearest } from '../config/suggest.ts';
import type { AttributeReader } from './reader.ts';
import { callsIn, partsOf, withParts } from './walk.ts';

const notHere: ReadonlySet<string> = new Set(['whichmatch', 'listattrregex', 'retrieveclosesesinfo']);

/** An attribute that is an expression: `Requirements`, `Rank`. Functions that nobody knows are told now and not as a match that never comes. */
export function readExpression(attribute: string, reader: AttributeReader): Expression | undefined {
  const expression = reader.ad.get(attribute.toLowerCase())?.value;
  if (expression === undefined) return undefined;
  const { kind } = expression;
  if (kind === 'list' || kind === 'ad' || (kind === 'literal' && typeof expression.value === 'string')) {
    const what = kind === 'literal' ? 'a string' : `a ${kind}`;
    reader.problem(attribute, `${what} is no condition and no number`, `an expression${kind === 'literal' ? ' without quotes around it' : ''}`, expression.at);
    return undefined;
  }
  return callsAreKnown(attribute, expression, reader) ? expression : undefined;
}

/** `CERequirements`: a string that holds an expression. */
export function readQuotedExpression(attribute: string, reader: AttributeReader): Expression | undefined {
  const given = reader.text(attribute);
  if (given === undefined) return undefined;
  const expression = parseExpression(given.text);
  if (expression instanceof ParseError) {
    reader.problem(attribute, `character ${expression.column} of the string: ${expression.text}`, expression.valid, given.at);
    return undefined;
  }
  return callsAreKnown(attribute, expression, reader, given.at) ? expression : undefined;
}

function callsAreKnown(attribute: string, expression: Expression, reader: AttributeReader, at?: number): boolean {
  const before = reader.problems.length;
  for (const call of callsIn(expression)) {
    const known = functions.get(call.key);
    if (known === undefined) {
      const what = notHere.has(call.key) ? `the function ${call.name} is not available here` : `unknown function ${call.name}`;
      const near = nearest(call.name, functions.keys());
      reader.problem(attribute, what, near === undefined ? [...functions.keys()].join(' ') : near, at ?? call.at);
    } else if (call.args.length < known.least || call.args.length > known.most) {
      const count = known.least === known.most ? `${known.least}` : `${known.least} to ${known.most}`;
      reader.problem(attribute, `${call.name} with ${call.args.length} arguments`, count, at ?? call.at);
    }
  }
  return reader.problems.length === before;
}

/** Length of a job's requirements once they stand alone. */
const maxLength = 65_536;
const maxParts = 20_000;

/** Why requirements cannot stand alone. */
export class NotSelfContained extends Error {
  override readonly name = 'NotSelfContained';
}

/**
 * The same expression without references to the job's own attributes: each is replaced by its expression, so that it can be judged without
 * the job's ad. References that come back to themselves become undefined, as in evaluation. Throws NotSelfContained.
 */
export function selfContained(expression: Expression, ad: Ad): Expression {
  let parts = 0;
  const replaced = (e: Expression, key: string, bound: ReadonlySet<string>, open: readonly string[], rebound: boolean): Expression => {
    const attribute = ad.get(key);
    if (attribute === undefined || bound.has(key)) {
      return open.length === 0 ? e : { kind: 'literal', at: e.at, value: undefined };
    }
    if (open.includes(key)) return { kind: 'literal', at: e.at, value: undefined };
    if (rebound) throw new NotSelfContained(`it refers to ${attribute.name} of the job inside anyMatch or allMatch; write the value there instead`);
    return walk(attribute.value, none, [...open, key], false);
  };
  /** `bound`: names of ads around this place inside the expression; `open`: attributes being replaced. */
  const walk = (e: Expression, bound: ReadonlySet<string>, open: readonly string[], rebound: boolean): Expression => {
    if (++parts > maxParts || open.length > 50) throw new NotSelfContained("it is too long once the job's own attributes are put in");
    if (e.kind === 'name') return replaced(e, e.key, e.absolute ? none : bound, open, rebound);
    if (e.kind === 'select' && e.base.kind === 'side' && e.base.side === 'my' && bound === none) return replaced(e, e.key, none, open, rebound);
    if (e.kind === 'ad') {
      const inner = new Set([...bound, ...e.ad.keys()]);
      return withParts(
        e,
        partsOf(e).map((part) => walk(part, inner, open, rebound)),
      );
    }
    const each = e.kind === 'call' && (e.key === 'anymatch' || e.key === 'allmatch');
    return withParts(
      e,
      partsOf(e).map((part, i) => walk(part, bound, open, rebound || (each && i === 1))),
    );
  };
  return walk(expression, none, [], false);
}
const none: ReadonlySet<string> = new Set();

/** Whether the text of requirements can be parsed again and is of acceptable length; the reason if not. */
export function unfit(text: string): string | undefined {
  if (text.length > maxLength) return `it has ${text.length} characters once the job's own attributes are put in, up to ${maxLength} are possible`;
  const again = parseExpression(text);
  return again instanceof ParseError ? again.text : undefined;
}
