import { type Choice, chooseEnvironment, type ChoiceFacts } from '../../core/environment/choose.ts';
import { type Environment, tagsOf } from '../../core/environment/environment.ts';
import type { ClassCount } from '../store.ts';

type Requires = ClassCount['requires'];
export interface Counts {
  readonly waiting: number;
  readonly running: number;
}

/** Jobs by the environment that they count for. */
export interface Demand {
  readonly environments: ReadonlyMap<string, Counts>;
  /** Of jobs that need none. */
  readonly unbound: Counts;
}

/** Answers that are remembered; more different kinds of jobs are computed again. */
const mostRemembered = 10_000;

/**
 * Which environment jobs count for (agent-protocol.md, Demand): the first that satisfies them by cost, then name, whatever runs at the
 * moment. Answers are remembered, since they change with the configuration alone.
 */
export class DemandRule {
  readonly #environments: readonly Environment[];
  readonly #facts: Omit<ChoiceFacts, 'counts'>;
  readonly #known = new Map<string, string | undefined>();

  constructor(environments: readonly Environment[], facts: Omit<ChoiceFacts, 'counts'>) {
    this.#environments = environments;
    this.#facts = facts;
  }

  /** Sums of classes; those that no environment can satisfy count for none. */
  sum(classes: readonly ClassCount[]): Demand {
    const environments = new Map<string, Counts>();
    let unbound: Counts = { waiting: 0, running: 0 };
    for (const { tenant, requires, waiting, running } of classes) {
      const add = (to: Counts = { waiting: 0, running: 0 }): Counts => ({ waiting: to.waiting + waiting, running: to.running + running });
      if (this.#isUnbound(requires)) unbound = add(unbound);
      else {
        const name = this.environmentOf(tenant, requires);
        if (name !== undefined) environments.set(name, add(environments.get(name)));
      }
    }
    return { environments, unbound };
  }

  #isUnbound({ requirements, environments }: Requires): boolean {
    return environments.length === 0 && (requirements === undefined || this.#environments.length === 0);
  }

  /** Undefined: none that is known. */
  environmentOf(tenant: string, requires: Requires): string | undefined {
    const key = JSON.stringify([tenant, requires]);
    if (this.#known.has(key)) return this.#known.get(key);
    const name = this.choose(tenant, requires).environment?.name ?? this.#unconfigured(requires);
    if (this.#known.size >= mostRemembered) this.#known.clear();
    this.#known.set(key, name);
    return name;
  }

  choose(tenant: string, requires: Requires): Choice {
    return chooseEnvironment({ ...requires, fqans: [tenant] }, this.#environments, { ...this.#facts, counts: new Map() });
  }

  /** One that the configuration of this queue does not define: perhaps a factory does. */
  #unconfigured({ environments: wanted }: Requires): string | undefined {
    const defined = new Set(this.#environments.flatMap((e) => [e.name, ...tagsOf(e)]));
    return wanted.find((name) => !defined.has(name))?.replace(/^VM-/, '');
  }
}
