import type { Verdict } from '../decision.ts';
import type { Observed } from '../observed.ts';
import type { Configuration } from '../settings.ts';
import { elapsed, later } from '../units.ts';
import type { Alarm } from './alarm.ts';
import { backOff, creationRetry, watchBackOff } from './backoff.ts';
import type { CloudRoom } from './cloud-room.ts';
import { withoutDemand } from './demand.ts';
import type { Tally } from './shares.ts';
import type { SpaceFacts } from './space-facts.ts';

export interface Circumstances {
  readonly observed: Observed;
  readonly configuration: Configuration;
  readonly alarm: Alarm;
  /** Absent under rule `vac31`, which knows neither elections nor what this host lacks. */
  readonly facts?: SpaceFacts;
  /** Present in a space at a cloud. */
  readonly cloud?: CloudRoom;
}

/** Why no machine of this type may be started now (spec/factory.md §8.2, and under our rule what this host lacks); undefined: eligible. */
export function ineligible(tally: Tally, { observed, configuration, alarm, facts, cloud }: Circumstances): Verdict | undefined {
  const { settings } = configuration;
  const { type } = tally;
  const { now } = observed;
  if (type.targetShare <= 0) return { why: 'no_share' };
  if (facts !== undefined) {
    const preparation = observed.preparations.get(type.name);
    if (preparation?.ready === false) return { why: 'not_ready', text: preparation.why };
    const failures = observed.creationFailures.get(type.name);
    if (failures !== undefined && failures.count > 0) {
      const until = creationRetry(failures);
      alarm.after(until);
      const about = {
        why: 'creation_failing',
        count: failures.count,
        text: failures.why,
        ...(failures.lack === undefined ? {} : { lack: failures.lack }),
      } as const;
      if (now <= until) return { ...about, until };
      if (cloud?.isTrying(failures, type.name) === true) return about;
    }
  }
  const bounded = cloud?.ineligible(type);
  if (bounded !== undefined) return bounded;
  if (settings.shutdownTime !== undefined) {
    alarm.from(later(settings.shutdownTime, -type.minWallclock));
    if (later(now, type.minWallclock) >= settings.shutdownTime)
      return { why: 'shutdown_time_near', needs: type.minWallclock, left: elapsed(now, settings.shutdownTime) };
  }
  const idle = withoutDemand(type, observed.demand?.get(type.name), tally.machines, now, alarm);
  if (idle !== undefined) return idle;
  const back = backOff(tally, now, facts);
  if (back === undefined || tally.lastAbort === undefined) return undefined;
  watchBackOff(tally, back, alarm);
  const abort = { lastAbort: tally.lastAbort.at, message: tally.lastAbort.message, factory: tally.lastAbort.factory };
  if (back.why === 'backing_off') return { ...back, ...abort };
  if (back.why === 'not_elected') return { ...back, rank: back.rank + 1, ...abort, fresh: tally.fresh };
  return { ...back, ...abort, fresh: tally.fresh };
}
