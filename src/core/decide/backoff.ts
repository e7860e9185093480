import { dealtAbove, inFirstWindow, type Rank, reachedAt, widening, widthAt } from '../space-rules/election.ts';
import { earliest, type Instant, instant, later, type Seconds } from '../units.ts';
import type { CreationFailures } from '../observed.ts';
import type { Alarm } from './alarm.ts';
import type { Tally } from './shares.ts';
import type { SpaceFacts } from './space-facts.ts';

export type BackOff =
  | { readonly why: 'backing_off'; readonly until: Instant; readonly inARow?: number; readonly pause?: Seconds }
  | { readonly why: 'scout_out'; readonly until: Instant }
  | ({ readonly why: 'not_elected'; readonly until: Instant; readonly width: number } & Rank);

/**
 * The three phases after the last abort anywhere in the space (spec/factory.md §8.2, §9.3): nothing for `backoff_seconds`; then
 * for `fizzle_seconds` only while no machine of the type is fresh (`scout_out`: one is); then free. The abort must be *older*
 * than that. One dated in the future counts. With `facts`, under our own rule, the pause may have grown, and where Vac 3.1 lets all
 * factories start at once, those are elected that may.
 */
export function backOff(tally: Tally, now: Instant, facts?: SpaceFacts): BackOff | undefined {
  const abort = tally.lastAbort;
  if (abort === undefined) return undefined;
  const { pause, inARow } = facts?.pause(tally.type) ?? { pause: tally.type.backoff, inARow: 1 };
  const quiet = later(abort.at, pause);
  if (now <= quiet) return { why: 'backing_off', until: quiet, ...(inARow > 1 ? { inARow, pause } : {}) };
  const scouting = later(quiet, tally.type.fizzle);
  if (now <= scouting && tally.fresh > 0) return { why: 'scout_out', until: scouting };
  return facts === undefined ? undefined : notElected(tally, quiet, scouting, now, facts);
}

/**
 * Who sends a scout, and how growth begins when one has been sent but none has outlived `fizzle_seconds` yet: then 1, 2, 4, … young
 * machines are allowed in the whole space, dealt out along the ranks. A machine that has outlived it makes starts free.
 */
function notElected(tally: Tally, quiet: Instant, scouting: Instant, now: Instant, facts: SpaceFacts): BackOff | undefined {
  const proved = tally.machines - tally.fresh > 0 || tally.type.fizzle <= 0;
  if (now > scouting && proved) return undefined;
  const { waitsForSilent, ...rank } = facts.ranking(tally.type.name, inFirstWindow(quiet, now));
  if (rank.of === 1) return undefined;
  const [from, needed] = tally.fresh === 0 ? [quiet, rank.rank + 1] : [scouting, dealtAbove(tally.ownFresh, rank)];
  const reached = reachedAt(from, needed);
  if (now > reached) return undefined;
  // Time alone frees it sooner when the silent no longer count, or when a machine has proved itself and the phase of scouts ends.
  const sooner = [...(waitsForSilent ? [later(quiet, widening)] : []), ...(proved ? [scouting] : [])];
  const until = earliest(reached, ...sooner);
  return { why: 'not_elected', until, width: widthAt(from, now), ...rank };
}

/** Sets the alarm for what time alone may change in a back-off: its end, or that machines of this factory are no longer fresh. */
export function watchBackOff(tally: Tally, back: BackOff, alarm: Alarm): void {
  alarm.after(back.until);
  if (back.why === 'scout_out') {
    if (tally.ownFreshUntil !== undefined) alarm.from(tally.ownFreshUntil);
  } else if (tally.ownProvedFrom !== undefined) alarm.from(tally.ownProvedFrom);
}

/** Pause after creations of a machinetype failed in a row: 5 s, doubled with each, at most 10 minutes. */
export const creationPause = (failures: number): number => Math.min(600, 5 * 2 ** (Math.max(1, failures) - 1));

/** Until when nothing is created after failures; never sooner than the provider has asked for. */
export const creationRetry = ({ count, lastAt, retryAt }: CreationFailures): Instant => instant(Math.max(later(lastAt, creationPause(count)), retryAt ?? 0));
