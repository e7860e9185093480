import { type Instant, later } from '../units.ts';
import type { Alarm } from './alarm.ts';
import type { Tally } from './shares.ts';

export type BackOff = { readonly why: 'backing_off' | 'scout_out'; readonly until: Instant };

/**
 * The three phases after the last abort anywhere in the space (spec/factory.md §8.2, §9.3): nothing for `backoff_seconds`; then
 * for `fizzle_seconds` only while no machine of the type is fresh (`scout_out`: one is); then free. The abort must be *older*
 * than that. One dated in the future counts.
 */
export function backOff(tally: Tally, now: Instant): BackOff | undefined {
  const abort = tally.lastAbort;
  if (abort === undefined) return undefined;
  const quiet = later(abort.at, tally.type.backoff);
  if (now <= quiet) return { why: 'backing_off', until: quiet };
  const scouting = later(quiet, tally.type.fizzle);
  return tally.fresh > 0 && now <= scouting ? { why: 'scout_out', until: scouting } : undefined;
}

/** Sets the alarm for what time alone may change in a back-off: its end, or for a scout of this factory that it is no longer fresh. */
export function watchBackOff(tally: Tally, back: BackOff, alarm: Alarm): void {
  alarm.after(back.until);
  if (back.why === 'scout_out' && tally.ownFreshUntil !== undefined) alarm.from(tally.ownFreshUntil);
}

/** Pause after creations of a machinetype failed in a row: 5 s, doubled with each, at most 10 minutes. */
export const creationPause = (failures: number): number => Math.min(600, 5 * 2 ** (Math.max(1, failures) - 1));
