import { evaluate, type Surroundings } from './evaluate.ts';
import type { Expression } from './expression.ts';
import { printExpression } from './print.ts';
import { isTrue, type Value } from './value.ts';

const and = 1;

/** The terms that `&&` joins on the outside of an expression, through brackets; a single term is itself. */
export function conjuncts(expression: Expression): readonly Expression[] {
  if (expression.kind !== 'chain' || expression.level !== and) return [expression];
  return [expression.first, ...expression.rest.map((r) => r.operand)].flatMap(conjuncts);
}

export const conjunction = (terms: readonly Expression[]): Expression => {
  const [first, ...rest] = terms;
  if (first === undefined) return { kind: 'literal', at: 0, value: true };
  return rest.length === 0 ? first : { kind: 'chain', at: first.at, level: and, first, rest: rest.map((operand) => ({ operator: '&&', operand })) };
};

/** A term that is not true. */
export interface FailedTerm {
  /** As printed, at most 500 characters. */
  readonly text: string;
  readonly value: Value;
}

/** The first term that is not true, or undefined when all are and the whole expression is true. */
export function failedTerm(expression: Expression, surroundings: Surroundings): FailedTerm | undefined {
  if (isTrue(evaluate(expression, surroundings))) return undefined;
  for (const term of conjuncts(expression)) {
    const value = evaluate(term, surroundings);
    if (!isTrue(value)) return { text: textOf(term), value };
  }
  // Each term alone is true, but together they took too many steps.
  return { text: textOf(expression), value: evaluate(expression, surroundings) };
}

const textOf = (term: Expression): string => {
  const text = printExpression(term);
  return text.length > 500 ? `${text.slice(0, 499)}…` : text;
};
