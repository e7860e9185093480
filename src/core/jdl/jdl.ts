import {
  type Ad,
  adFrom,
  type Attribute,
  type Expression,
  expressionOf,
  ParseError,
  type PlainValue,
  parseAd,
  parseExpression,
  placesIn,
} from '../classad/classad.ts';
import { describe } from './describe.ts';
import type { JdlProblem, JdlResult } from './description.ts';

export type { InputFile, JdlProblem, JdlResult, JobDescription, OutputFile } from './description.ts';
export { problemText } from './description.ts';
export { fileNameForm, isFileName } from './files.ts';
export { type SpecOptions, type SpecResult, toJobSpec } from './job-spec.ts';

/** A job description in JDL (spec/environments.md §2). Either it is right, or every problem is told with its place. */
export function parseJdl(text: string): JdlResult {
  const ad = parseAd(text, { hashComments: true, bracketsOptional: true });
  if (!(ad instanceof ParseError)) return describe(ad, placesIn(text));
  return { problems: [{ attribute: ad.attribute, line: ad.line, column: ad.column, text: ad.text, valid: ad.valid }] };
}

const conditions: ReadonlySet<string> = new Set(['requirements', 'rank']);

/** The same from a JSON document of the same attributes (spec/environments.md §6.3); `Requirements` and `Rank` are texts that hold an expression. */
export function readJobDocument(document: unknown): JdlResult {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return { problems: [whole('the document is no object', 'an object whose keys are attributes of a job description')] };
  }
  const attributes: Attribute[] = [];
  const problems: JdlProblem[] = [];
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(document)) {
    const made = seen.has(name.toLowerCase()) ? whole('is given twice', 'each attribute once, whatever the case', name) : attributeValue(name, value);
    seen.add(name.toLowerCase());
    if ('kind' in made) attributes.push({ name, value: made, at: 0 });
    else problems.push(made);
  }
  if (problems.length > 0) return { problems };
  const ad: Ad = adFrom(attributes);
  const result = describe(ad, () => ({ line: 0, column: 0 }));
  return result.description === undefined ? result : { description: { ...result.description, places: new Map() } };
}

function attributeValue(name: string, value: unknown): Expression | JdlProblem {
  if (name === '' || name.includes('\0')) return whole(`${JSON.stringify(name.slice(0, 80))} is no name of an attribute`, 'text without NUL', name);
  if (!plain(value, 0)) return whole('the value is null, or nested too deeply', 'text, a number, true, false, a list or an object of those', name);
  if (!conditions.has(name.toLowerCase()) || typeof value !== 'string') return expressionOf(value);
  const expression = parseExpression(value);
  return expression instanceof ParseError ? whole(`character ${expression.column}: ${expression.text}`, expression.valid, name) : expression;
}

const maxDepth = 20;
function plain(value: unknown, depth: number): value is PlainValue {
  if (value === null || depth > maxDepth) return false;
  return typeof value !== 'object' || Object.values(value).every((inner) => plain(inner, depth + 1));
}

const whole = (text: string, valid?: string, attribute?: string): JdlProblem => ({ attribute, line: 0, column: 0, text, valid });
