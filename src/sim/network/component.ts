import type { Instant } from '../../core/units.ts';
import { History } from './history.ts';

/** What one factory says of one machinetype, or a sum of that; on the true clock. */
export interface Fact {
  readonly hs06: number;
  readonly machines: number;
  readonly processors: number;
  readonly fresh: number;
  readonly abort?: Abort;
}
export interface Abort {
  readonly at: Instant;
  readonly message: string;
  readonly factory: number;
}
/** By machinetype, in the order of the scenario. */
export type Facts = readonly Fact[];

/** Factories that hear each other, and the sum of all that they have been heard saying. */
export class Component {
  /** Those that answer. */
  readonly members = new Set<number>();
  /** What counts, by factory: of members, and of those who have been silent for less than the limit. */
  readonly held: Map<number, Facts>;
  readonly sums: History<Facts>;

  constructor(like?: Component) {
    this.held = new Map(like?.held);
    this.sums = like?.sums.copy() ?? new History<Facts>([]);
  }

  /** Replaces what counts of one factory. True when the last fresh machine of a type has gone, so that someone who waits might start one. */
  hold(factory: number, facts: Facts, second: number, keepFrom: number): boolean {
    const before = this.held.get(factory);
    this.held.set(factory, facts);
    const present = this.sums.present;
    let hope = false;
    const sums = facts.map((more, t): Fact => {
      const [old, less] = [present[t], before?.[t]];
      const abort = laterOf(old?.abort, more.abort);
      const fresh = (old?.fresh ?? 0) - (less?.fresh ?? 0) + more.fresh;
      if ((old?.fresh ?? 0) > 0 && fresh === 0) hope = true;
      return {
        hs06: (old?.hs06 ?? 0) - (less?.hs06 ?? 0) + more.hs06,
        machines: (old?.machines ?? 0) - (less?.machines ?? 0) + more.machines,
        processors: (old?.processors ?? 0) - (less?.processors ?? 0) + more.processors,
        fresh,
        ...(abort !== undefined && { abort }),
      };
    });
    this.sums.set(second, sums, keepFrom);
    return hope;
  }
}

const laterOf = (a: Abort | undefined, b: Abort | undefined): Abort | undefined => (a === undefined || (b !== undefined && b.at > a.at) ? b : a);
