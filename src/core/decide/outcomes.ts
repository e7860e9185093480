import type { Action } from '../decision.ts';
import type { CloudSettings } from '../cloud/settings.ts';
import type { EndCause, Machine, Outcome, Ran, UsageAtCloud, UsageRecord } from '../machine.ts';
import type { Sighting } from '../observed.ts';
import { outcomeOf } from '../outcome.ts';
import type { Settings } from '../settings.ts';
import { elapsed, type Instant, instant, seconds } from '../units.ts';

/** A machine that has not been finished. */
export type LiveMachine = Exclude<Machine, { state: 'finished' }>;

/** Site in accounting records: as registered, else the space without its first label (spec/factory.md §3.2, spec/vacquery.md §6.1). */
export function siteName(settings: Pick<Settings, 'space' | 'gocdbSitename'>): string {
  if (settings.gocdbSitename !== undefined) return settings.gocdbSitename;
  const dot = settings.space.indexOf('.');
  return dot < 0 ? settings.space : settings.space.slice(dot + 1);
}

/** When a machine that is recorded only now was accepted. A provider's memory may be on another clock than ours, but not before the intent nor after now. */
export const acceptedAt = (m: LiveMachine, seen: Sighting, now: Instant): Instant => instant(Math.max(m.createdAt, Math.min(now, seen.startedAt ?? now)));

/**
 * What is known of the run of a machine that has ended. A record still in `creating` may have run without this process
 * noticing (it was killed in between): the provider's memory or the guest's first request proves it.
 */
export function ranOf(m: LiveMachine, seen: Sighting | undefined, now: Instant): Ran | undefined {
  const cpuSeconds = seconds(Math.max(seen?.cpuSeconds ?? 0, 'cpuSeconds' in m ? (m.cpuSeconds ?? 0) : 0));
  if ('startedAt' in m && m.startedAt !== undefined) return { startedAt: m.startedAt, heartbeatAt: m.heartbeatAt ?? m.startedAt, cpuSeconds };
  if (seen === undefined && m.contactAt === undefined) return undefined;
  if (seen !== undefined && seen.cause === 'never-started') return undefined;
  const startedAt = seen?.startedAt === undefined ? m.createdAt : acceptedAt(m, seen, now);
  const signs = [m.contactAt, m.heartbeatFileAt, m.message?.at].filter((t) => t !== undefined);
  return { startedAt, heartbeatAt: instant(Math.min(now, Math.max(startedAt, ...signs))), cpuSeconds };
}

/** The outcome if the machine ends now. `cause` is what the provider saw. */
export function outcomeNow(m: LiveMachine, ran: Ran | undefined, cause: EndCause): Outcome {
  const ending = m.state === 'ending' ? { killReason: m.killReason, killedAt: m.endingSince } : {};
  const failed = m.state === 'creating' && ran === undefined ? { killReason: 'creation-failed' as const } : {};
  return outcomeOf({
    message: m.message,
    cause,
    ...failed,
    ...ending,
    startedAt: ran?.startedAt,
    heartbeatAt: ran?.heartbeatAt,
    fizzle: m.fizzle,
  });
}

export interface Accountable {
  readonly settings: Settings;
  readonly factory: string;
}

/** The one action that ends a machine; with a usage record exactly when it had started. */
export function finishAction(m: LiveMachine, ran: Ran | undefined, outcome: Outcome, about: Accountable): Action & { kind: 'finish' } {
  return { kind: 'finish', id: m.id, outcome, ...(ran === undefined ? {} : { usage: usageRecord(m, ran, outcome, about) }) };
}

function usageRecord(m: LiveMachine, ran: Ran, outcome: Outcome, about: Accountable): UsageRecord {
  return {
    id: m.id,
    name: m.name,
    space: about.settings.space,
    factory: about.factory,
    site: siteName(about.settings),
    machinetype: m.machinetype,
    ...(m.accountingFqan === undefined ? {} : { accountingFqan: m.accountingFqan }),
    processors: m.processors,
    memoryMb: m.memoryMb,
    ...(m.hs06PerProcessor === undefined ? {} : { hs06PerProcessor: m.hs06PerProcessor }),
    startedAt: ran.startedAt,
    endedAt: ran.heartbeatAt,
    wall: seconds(Math.max(0, elapsed(ran.startedAt, ran.heartbeatAt))),
    cpu: ran.cpuSeconds,
    outcome,
    ...(about.settings.cloud === undefined ? {} : { cloud: usageAtCloud(m, about.settings.cloud) }),
  };
}

function usageAtCloud({ providerId, flavor, image, zone }: LiveMachine, { api, accounting }: CloudSettings): UsageAtCloud {
  return {
    accounting,
    api: api.kind,
    ...(providerId === undefined ? {} : { providerId }),
    ...(flavor === undefined ? {} : { flavor: flavor.name, diskGb: flavor.diskGb, memoryMb: flavor.memoryMb }),
    ...(image === undefined ? {} : { image }),
    ...(zone === undefined ? {} : { zone }),
  };
}
