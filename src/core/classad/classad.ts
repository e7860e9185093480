/** ClassAds (spec/environments.md §3, §5): everything that other parts of the program use. */
export { conjunction, conjuncts, type FailedTerm, failedTerm } from './conjuncts.ts';
export { evaluate, type Surroundings } from './evaluate.ts';
export { type Ad, type Attribute, adFrom, adOf, type Expression, expressionOf, type PlainAd, type PlainValue } from './expression.ts';
export { fqanMember } from './fqan.ts';
export { functions } from './functions.ts';
export { type Candidate, type Match, type MatchOptions, type MatchResult, match, matches, type Rejection, rank, withBrokerDefaults } from './match.ts';
export { ParseError, placesIn } from './parse-error.ts';
export { parseAd, parseExpression } from './parser.ts';
export { printAd, printExpression, printString, printValue } from './print.ts';
export { AdValue, ErrorValue, isTrue, ListValue, typeOf, type Value } from './value.ts';
