import { messageNumber } from '../outcome.ts';
import { elapsed, type Instant, type Seconds, seconds } from '../units.ts';
import { hashText, mixed } from './hash.ts';

/** What an abort asks for, by the hundreds of its code (spec/factory.md §9.1). Each has its own ladder. */
export type AbortCause = 'no-work' | 'banned' | 'site' | 'tenant' | 'transient' | 'other';
const causes: readonly AbortCause[] = ['no-work', 'banned', 'site', 'tenant', 'transient'];

export const causeOf = (message: string): AbortCause => causes[Math.floor((messageNumber(message) ?? 0) / 100) - 3] ?? 'other';

/** Ends of machines of one type anywhere in the space, as far as they are known, in any order. */
export interface History {
  readonly aborts: readonly { readonly at: Instant; readonly message: string; readonly factory: string }[];
  /** Ends that were no aborts, and moments at which a machine outlived `fizzle_seconds`. */
  readonly successes: readonly Instant[];
}

/**
 * How many times in a row the space has met the cause of the last abort. Aborts that follow each other within `backoff` are one time:
 * machines that were running already, and not an answer to a new attempt. A success, another cause, or a gap of more than twice
 * `longest` between two times ends the row. 0 without an abort.
 */
export function inARow({ aborts, successes }: History, backoff: Seconds, longest: Seconds): number {
  const newestFirst = [...aborts].sort((a, b) => b.at - a.at);
  const [last] = newestFirst;
  if (last === undefined) return 0;
  const cause = causeOf(last.message);
  const cleared = successes.reduce((latest, at) => Math.max(latest, at), Number.NEGATIVE_INFINITY);
  let count = 1;
  let earliest = last.at;
  for (const { at, message } of newestFirst) {
    const gap = elapsed(at, earliest);
    if (at <= cleared || causeOf(message) !== cause || gap > 2 * longest) break;
    if (gap > backoff) count += 1;
    earliest = at;
  }
  return count;
}

/** Up to this part less than the doubled pause, so that ladders which began together drift apart. */
const jitter = 0.1;

/**
 * Pause after `count` times in a row: `backoff`, doubled with each further one, never above `longest`. What chance does elsewhere a hash
 * of the abort does here, because all factories have to know the same pause.
 */
export function ladderPause(count: number, backoff: Seconds, longest: Seconds, machinetype: string, factory: string): Seconds {
  if (count <= 1) return backoff;
  const part = mixed(mixed(hashText(machinetype), hashText(factory)), count) / 2 ** 32;
  return seconds(Math.max(backoff, Math.min(longest, backoff * 2 ** (count - 1)) * (1 - jitter * part)));
}
