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
  const walk = (e: Expression, at: Standing): Expression => {
    if (++parts > maxParts || at.depth > maxDepth) throw new NotSelfContained("it is too long or too deep once the job's own attributes are put in");
    if (e.kind === 'name') return replaced(e, e.key, e.absolute ? { ...at, bound: none } : at);
    if (e.kind === 'select' && e.base.kind === 'side' && e.base.side === 'my' && at.bound.size === 0) return replaced(e, e.key, at);
    const bound = e.kind === 'ad' ? new Set([...at.bound, ...e.ad.keys()]) : at.bound;
    const each = e.kind === 'call' && (e.key === 'anymatch' || e.key === 'allmatch');
    const below = (i: number): Standing => ({ ...at, bound, depth: at.depth + 1, rebound: at.rebound || (each && i === 1) });
    return withParts(
      e,
      partsOf(e).map((part, i) => walk(part, below(i))),
    );
  };
  const replaced = (e: Expression, key: string, at: Standing): Expression => {
    const attribute = at.bound.has(key) ? undefined : ad.get(key);
    const missing: Expression = { kind: 'literal', at: e.at, value: undefined };
    if (attribute === undefined) return at.open.length === 0 || at.bound.has(key) ? e : missing;
    if (at.open.includes(key)) return missing;
    if (at.rebound) throw new NotSelfContained(`it refers to ${attribute.name} of the job inside anyMatch or allMatch; write the value there instead`);
    return walk(attribute.value, { bound: none, open: [...at.open, key], depth: at.depth + 1, rebound: false });
  };
  return walk(expression, { bound: none, open: [], depth: 0, rebound: false });
}

/** Where a part of the expression stands. */
interface Standing {
  /** Names in the ads around it, inside the expression. */
  readonly bound: ReadonlySet<string>;
  /** Attributes that are being put in. */
  readonly open: readonly string[];
  readonly depth: number;
  /** `other` is an item of a list here. */
  readonly rebound: boolean;
}
const maxDepth = 200;
const none: ReadonlySet<string> = new Set();

/** Whether the text of requirements can be parsed again and is of acceptable length; the reason if not. */
export function unfit(text: string): string | undefined {
  if (text.length > maxLength) return `it has ${text.length} characters once the job's own attributes are put in, up to ${maxLength} are possible`;
  const again = parseExpression(text);
  return again instanceof ParseError ? again.text : undefined;
}
