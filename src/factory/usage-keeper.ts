import type { Observed } from '../core/observed.ts';
import type { Configuration } from '../core/settings.ts';
import { remember, shiftUsage, type UsageMemory } from '../core/space-rules/usage.ts';
import { instant, type Seconds, seconds } from '../core/units.ts';
import type { Change, Journal } from './journal.ts';

const key = 'usage';

/**
 * What this factory remembers of its usage, when shares have a memory (docs/shares.md). Written from time to time: what a crash loses is
 * counted again from the records of the machines.
 */
export class UsageKeeper {
  #memory: UsageMemory | undefined;

  constructor(journal: Pick<Journal, 'fact'>) {
    const known = journal.fact(key);
    if (known === undefined) return;
    const { at, hs06Hours } = JSON.parse(known) as UsageMemory;
    this.#memory = { at: instant(at), hs06Hours };
  }

  /** Brings it up to `observed.now` and adds it to the facts of the turn. */
  observe(observed: Observed, { settings }: Configuration): Observed {
    if (settings.shareMemory === undefined) return observed;
    this.#memory = remember(this.#memory, observed.machines, observed.now, settings.shareMemory.halfLife);
    return { ...observed, usage: new Map(Object.entries(this.#memory.hs06Hours)) };
  }

  /** When the wall clock was set. */
  shift(by: Seconds): void {
    if (this.#memory !== undefined) this.#memory = shiftUsage(this.#memory, by);
  }

  /** `by`: as after a `shift` that is still to come. */
  changes(by = seconds(0)): readonly Change[] {
    return this.#memory === undefined ? [] : [{ kind: 'fact', key, value: JSON.stringify(shiftUsage(this.#memory, by)) }];
  }
}
