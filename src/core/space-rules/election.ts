import { elapsed, type Instant, later, seconds } from '../units.ts';
import { hashText, mixed } from './hash.ts';

/**
 * After a back-off about one factory of the space tries first, although nobody has asked anybody (rendezvous hashing, design §5): each
 * computes the same ranking of all factories for this machinetype and this abort, and starts only when it is reached. In the first
 * window one rank is reached, and twice as many in each further one, so that a first one without room delays things by a window only.
 * Long enough that a machine started in one window is known everywhere in the next.
 */
export const windowLength = seconds(30);

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

/** Index of the window that `now` lies in when the first one begins after `from`, and its last moment. Windows are (from, from + length], … */
export function windowAt(from: Instant, now: Instant): { readonly index: number; readonly until: Instant } {
  const index = Math.max(0, Math.ceil(elapsed(from, now) / windowLength) - 1);
  return { index, until: later(from, (index + 1) * windowLength) };
}

/** 1, 2, 4, … ranks, or machines, in the windows 0, 1, 2, … */
export const widthAt = (index: number): number => 2 ** Math.min(index, 40);

/** This factory's part when `total` machines are dealt out along the ranks. */
export const dealt = (total: number, { rank, of }: Rank): number => Math.floor((total + of - 1 - rank) / of);
