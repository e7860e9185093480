import type { Instant } from '../units.ts';
import type { Ad, Attribute, Call, Chain, Expression } from './expression.ts';
import { functions } from './functions.ts';
import { type Meter, maxNesting, maxReferences, maxSteps } from './limits.ts';
import { binary, unary, type ValueOperator } from './operators.ts';
import { AdValue, ErrorValue, ListValue, type Scope, typeOf, type Value } from './value.ts';

export interface Surroundings {
  /** The ad in which the expression stands; absent: an empty one. */
  readonly my?: Ad | undefined;
  /** The opposite ad; absent: `other.x` is undefined. */
  readonly other?: Ad | undefined;
  /** What `time()` tells. */
  readonly now: Instant;
}

const nothing: Ad = new Map();

/** Value of an expression. Never throws and always ends (spec/environments.md §3). */
export function evaluate(expression: Expression, { my = nothing, other, now }: Surroundings): Value {
  const scope: { -readonly [K in keyof Scope]: Scope[K] } = { ad: my, outer: undefined, other: undefined };
  if (other !== undefined) scope.other = { ad: other, outer: undefined, other: scope };
  try {
    return new Evaluation(now).value(expression, scope);
  } catch (thrown) {
    if (thrown !== outOfSteps) throw thrown;
    return new ErrorValue(`more than ${maxSteps} steps`);
  }
}

const outOfSteps: unique symbol = Symbol('out of steps');
const tooDeep = (): ErrorValue => new ErrorValue('nested too deeply');

interface Reference {
  readonly attribute: Attribute;
  readonly scope: Scope;
  readonly before: Reference | undefined;
  readonly depth: number;
}

class Evaluation implements Meter {
  readonly now: Instant;
  #steps = maxSteps;
  #nesting = 0;
  #reference: Reference | undefined;
  constructor(now: Instant) {
    this.now = now;
  }

  charge(amount: number): void {
    this.#steps -= amount;
    if (this.#steps < 0) throw outOfSteps;
  }

  value(e: Expression, scope: Scope): Value {
    if (--this.#steps < 0) throw outOfSteps;
    if (e.kind === 'literal') return e.value;
    if (this.#nesting >= maxNesting) return tooDeep();
    this.#nesting++;
    const value = this.#compound(e, scope);
    this.#nesting--;
    return value;
  }

  #compound(e: Exclude<Expression, { kind: 'literal' }>, scope: Scope): Value {
    switch (e.kind) {
      case 'select':
        return this.#select(this.value(e.base, scope), e.key, e.name);
      case 'chain':
        return e.level < 2 ? this.#logical(e, scope) : this.#strict(e, scope);
      case 'side': {
        const side = e.side === 'my' ? scope : scope.other;
        return side === undefined ? undefined : new AdValue(side.ad, side);
      }
      case 'name':
        return this.#name(e.key, e.absolute ? outermost(scope) : scope);
      case 'call':
        return this.#call(e, scope);
      case 'unary':
        return unary(e.operator, this.value(e.operand, scope));
      case 'choice':
        return this.#choice(e.condition, e.yes, e.no, scope);
      case 'default': {
        const first = this.value(e.first, scope);
        return first === undefined ? this.value(e.second, scope) : first;
      }
      case 'list':
        return e.constant ?? new ListValue(e.items.map((item) => this.value(item, scope)));
      case 'ad':
        return new AdValue(e.ad, { ad: e.ad, outer: scope, other: scope.other });
      case 'index':
        return this.#index(this.value(e.base, scope), this.value(e.index, scope));
      case 'error':
        return new ErrorValue('');
    }
  }

  #name(key: string, from: Scope): Value {
    for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.outer) {
      const attribute = scope.ad.get(key);
      if (attribute !== undefined) return this.#attribute(attribute, scope);
    }
    return undefined;
  }

  /** An attribute in the scope of the ad that holds it. One that comes back to itself is undefined. */
  #attribute(attribute: Attribute, scope: Scope): Value {
    if (attribute.value.kind === 'literal') return attribute.value.value;
    const before = this.#reference;
    for (let r = before; r !== undefined; r = r.before) if (r.attribute === attribute && r.scope === scope) return undefined;
    const depth = (before?.depth ?? 0) + 1;
    if (depth > maxReferences) return tooDeep();
    this.#reference = { attribute, scope, before, depth };
    this.charge(depth >> 3);
    const value = this.value(attribute.value, scope);
    this.#reference = before;
    return value;
  }

  #select(base: Value, key: string, name: string): Value {
    if (base instanceof AdValue) {
      const attribute = base.ad.get(key);
      return attribute === undefined ? undefined : this.#attribute(attribute, base.scope);
    }
    return base === undefined || base instanceof ErrorValue ? base : new ErrorValue(`.${name} of ${typeOf(base)}`);
  }

  #index(base: Value, index: Value): Value {
    if (base instanceof ErrorValue) return base;
    if (index instanceof ErrorValue) return index;
    if (base === undefined || index === undefined) return undefined;
    if (base instanceof AdValue && typeof index === 'string') return this.#select(base, index.toLowerCase(), index);
    if (!(base instanceof ListValue) || typeof index !== 'bigint') return new ErrorValue(`${typeOf(base)}[${typeOf(index)}]`);
    if (index < 0n || index >= BigInt(base.items.length)) return new ErrorValue(`index ${index} in a list of ${base.items.length}`);
    return base.items[Number(index)];
  }

  #strict(e: Chain, scope: Scope): Value {
    let left = this.value(e.first, scope);
    for (const { operator, operand } of e.rest) {
      const right = this.value(operand, scope);
      if (typeof left === 'string' && typeof right === 'string') this.charge((left.length + right.length) >> 6);
      else if (left instanceof ListValue || left instanceof AdValue) this.charge(sizeFor(left));
      left = binary(operator as ValueOperator, left, right);
    }
    return left;
  }

  /** From left to right (spec/environments.md §3.4): what decides ends it, and so does an error. */
  #logical(e: Chain, scope: Scope): Value {
    const decides = e.level === 0;
    let left = truth(this.value(e.first, scope));
    for (const { operand } of e.rest) {
      if (left === decides || left instanceof ErrorValue) return left;
      const right = truth(this.value(operand, scope));
      if (left !== undefined || right === decides || right instanceof ErrorValue) left = right;
    }
    return left;
  }

  #choice(condition: Expression, yes: Expression, no: Expression, scope: Scope): Value {
    const chosen = truth(this.value(condition, scope));
    return typeof chosen === 'boolean' ? this.value(chosen ? yes : no, scope) : chosen;
  }

  #call(e: Call, scope: Scope): Value {
    const f = functions.get(e.key);
    if (f === undefined) return new ErrorValue(`unknown function ${e.name}`);
    const { length } = e.args;
    if (length < f.least || length > f.most) return new ErrorValue(`${e.name} with ${length} arguments`);
    const [first, second, third] = e.args as [Expression, Expression, Expression];
    if (f.kind === 'choice') return this.#choice(first, second, third, scope);
    if (f.kind === 'each') return this.#each(f.every, this.value(first, scope), second, scope, e.name);
    const args = e.args.map((arg) => this.value(arg, scope));
    if (f.kind === 'strict') {
      for (const arg of args) if (arg instanceof ErrorValue) return arg;
      if (args.includes(undefined)) return undefined;
    }
    return f.of(args, this, e);
  }

  /** `anyMatch`, `allMatch`: the expression with `other` bound to each ad of a list. */
  #each(every: boolean, list: Value, expression: Expression, scope: Scope, name: string): Value {
    if (list === undefined || list instanceof ErrorValue) return list;
    if (!(list instanceof ListValue)) return new ErrorValue(`${name} of ${typeOf(list)}`);
    for (const item of list.items) {
      const holds = item instanceof AdValue && truth(this.value(expression, { ...scope, other: item.scope })) === true;
      if (holds !== every) return holds;
    }
    return every;
  }
}

function outermost(scope: Scope): Scope {
  let root = scope;
  while (root.outer !== undefined) root = root.outer;
  return root;
}

/** As an operand of a logical operator. */
function truth(value: Value): boolean | undefined | ErrorValue {
  if (typeof value === 'boolean' || value === undefined || value instanceof ErrorValue) return value;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0;
  return new ErrorValue(`${typeOf(value)} as a condition`);
}

/** Bounds what it costs to compare them with `is`: all items below, stopping soon after the limit. */
function sizeFor(value: Value): number {
  if (value instanceof AdValue) return 100 + value.ad.size * 100;
  if (!(value instanceof ListValue)) return 1;
  let size = value.items.length;
  for (const item of value.items) {
    if (size > maxSteps) return size;
    if (typeof item === 'object') size += sizeFor(item);
  }
  return size;
}
