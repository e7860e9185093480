import { elapsed, type Instant, later, seconds } from '../units.ts';
import { hashText, mixed } from './hash.ts';

/**
 * After a back-off about one factory of the space tries first, although nobody has asked anybody (rendezvous hashing, design §5): each
 * computes the same ranking of all factories for this machinetype and this abort, and starts only when its rank is reached. The first is
 * reached at once, and then twice as many with each further `widening`, so that a first one without room delays things a little only.
 * Long enough that a machine started by the first is known everywhere before the second is reached.
 */
export const widening = seconds(30);

/** The factories that may be elected, as hashes of their names. */
export interface Electorate {
  readonly own: number;
  /** The others that have the machinetype and have been heard of lately. */
  readonly heard: readonly number[];
  /** Configured or asked, but silent: they count in the first window only. */
  readonly silent: readonly number[];
  /** The factory whose machine aborted last. It comes last, so that a host which fails every machine is not asked again and again. */
  readonly origin: number;
  /** The same on all factories that know of the same abort. */
  readonly seed: number;
}

export const seedOf = (machinetype: string, factory: string, message: string): number =>
  mixed(mixed(hashText(machinetype), hashText(factory)), hashText(message));

export interface Rank {
  /** From 0. */
  readonly rank: number;
  readonly of: number;
}

/** Rank of this factory; `first`: in the first window, where the silent ones count too. O(factories). */
export function rankOf({ own, heard, silent, origin, seed }: Electorate, first: boolean): Rank {
  const of = 1 + heard.length + (first ? silent.length : 0);
  if (own === origin) return { rank: of - 1, of };
  const mine = mixed(own, seed);
  const before = (others: readonly number[]): number => {
    let count = 0;
    for (const other of others) if (other !== origin && mixed(other, seed) > mine) count += 1;
    return count;
  };
  return { rank: before(heard) + (first ? before(silent) : 0), of };
}

/** The silent ones take part only for so long: whoever would have been the first was waited for. */
export const inFirstWindow = (from: Instant, now: Instant): boolean => elapsed(from, now) <= widening;

/** How many ranks, or machines, are reached at `now`: 1 at once, twice as many with every `widening`. */
export const widthAt = (from: Instant, now: Instant): number => Math.floor(2 ** Math.min(40, Math.max(0, elapsed(from, now)) / widening));

/** When so many are reached. The first at once, the second after one `widening`, the fourth after two. */
export const reachedAt = (from: Instant, many: number): Instant => later(from, widening * Math.log2(many));

/** With how many machines in the whole space this factory's part is more than `own`, when they are dealt out along the ranks. */
export const dealtAbove = (own: number, { rank, of }: Rank): number => own * of + rank + 1;
