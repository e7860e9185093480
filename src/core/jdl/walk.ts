import type { Ad, Expression } from '../classad/classad.ts';

/** The parts of an expression from which it is made directly. */
export function partsOf(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case 'literal':
    case 'error':
    case 'name':
    case 'side':
      return [];
    case 'select':
      return [e.base];
    case 'index':
      return [e.base, e.index];
    case 'unary':
      return [e.operand];
    case 'chain':
      return [e.first, ...e.rest.map((r) => r.operand)];
    case 'choice':
      return [e.condition, e.yes, e.no];
    case 'default':
      return [e.first, e.second];
    case 'call':
      return e.args;
    case 'list':
      return e.items;
    case 'ad':
      return valuesOf(e.ad);
  }
}

const valuesOf = (ad: Ad): readonly Expression[] => [...ad.values()].map((a) => a.value);

/** The same expression with other parts, in the order of `partsOf`. */
export function withParts(e: Expression, parts: readonly Expression[]): Expression {
  const [first = e, second = e, third = e] = parts;
  switch (e.kind) {
    case 'literal':
    case 'error':
    case 'name':
    case 'side':
      return e;
    case 'select':
      return { ...e, base: first };
    case 'index':
      return { ...e, base: first, index: second };
    case 'unary':
      return { ...e, operand: first };
    case 'chain':
      return { ...e, first, rest: e.rest.map((r, i) => ({ ...r, operand: parts[i + 1] ?? r.operand })) };
    case 'choice':
      return { ...e, condition: first, yes: second, no: third };
    case 'default':
      return { ...e, first, second };
    case 'call':
      return { ...e, args: parts };
    case 'list':
      return { ...e, items: parts, constant: undefined };
    case 'ad':
      return { ...e, ad: new Map([...e.ad].map(([key, a], i) => [key, { ...a, value: parts[i] ?? a.value }])) };
  }
}

/** All calls of functions in an expression. */
export function callsIn(e: Expression): readonly (Expression & { kind: 'call' })[] {
  const found: (Expression & { kind: 'call' })[] = [];
  const look = (part: Expression): void => {
    if (part.kind === 'call') found.push(part);
    for (const inner of partsOf(part)) look(inner);
  };
  look(e);
  return found;
}
