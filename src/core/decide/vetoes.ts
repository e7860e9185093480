import type { Veto } from '../decision.ts';
import type { Observed } from '../observed.ts';
import type { Settings } from '../settings.ts';
import type { BlackHole } from '../space-rules/black-hole.ts';
import { earliest, instant, later, type Instant } from '../units.ts';
import type { CloudRoom } from './cloud-room.ts';
import type { Occupant } from './lifecycle.ts';

/** Below or at this many running processors the load is not compared with them: few machines boot noisily (spec/factory.md §8.1). */
const loadFromProcessors = 4;

/** The same for a space at a cloud: nothing of this host's load or of the machines' ends says anything of it (spec/cloud.md §3). */
export function cloudVeto({ host, listing, now }: Observed, settings: Settings, room: CloudRoom): Veto | undefined {
  if (host.journalFault !== undefined) return { why: 'journal', text: host.journalFault };
  if (listing.state === 'unknown') return { why: 'provider_unknown', since: listing.since, text: listing.why };
  if (settings.shutdownTime !== undefined && settings.shutdownTime < now) return { why: 'shutdown_time_passed', shutdownTime: settings.shutdownTime };
  if (settings.draining) return { why: 'draining' };
  return diskVeto(host, settings) ?? room.veto();
}

function diskVeto({ freeDiskBytes }: Observed['host'], { minFreeDiskBytes }: Settings): Veto | undefined {
  if (freeDiskBytes === undefined || freeDiskBytes >= minFreeDiskBytes) return undefined;
  return { why: 'disk', freeBytes: freeDiskBytes, neededBytes: minFreeDiskBytes };
}

/**
 * The first reason, in the order of spec/factory.md §8.1, why this factory creates nothing at all; ours stand where they have to be
 * known first. `used`: processors that are taken, foreign ones included.
 */
export function veto(
  observed: Observed,
  settings: Settings,
  occupants: readonly Occupant[],
  used: number,
  total: number,
  hole: BlackHole | undefined,
): Veto | undefined {
  const { host, listing, now } = observed;
  if (host.journalFault !== undefined) return { why: 'journal', text: host.journalFault };
  if (listing.state === 'unknown') return { why: 'provider_unknown', since: listing.since, text: listing.why };
  let running = 0;
  for (const m of occupants) if (m.startedAt !== undefined) running += m.processors;
  const overload = settings.overloadPerProcessor;
  if (running > loadFromProcessors && host.load > overload * running) return { why: 'load', load: host.load, limit: overload * running };
  if (host.load > overload * host.processors) return { why: 'load', load: host.load, limit: overload * host.processors };
  if (settings.shutdownTime !== undefined && settings.shutdownTime < now) return { why: 'shutdown_time_passed', shutdownTime: settings.shutdownTime };
  if (settings.draining) return { why: 'draining' };
  const disk = diskVeto(host, settings);
  if (disk !== undefined) return disk;
  if (hole !== undefined && hole.state.kind !== 'open') return holeVeto(hole);
  return used >= total ? { why: 'no_free_processors', used, total } : undefined;
}

/** Nothing, or nothing more, is started on a host where everything fails. */
export function holeVeto({ state, ...about }: BlackHole): Veto {
  return { why: 'black_hole', ...about, ...(state.kind === 'closed' ? { until: state.until } : {}) };
}

/** The window of `start_rate_per_minute`, in seconds. */
const rateWindow = 60;

/** Limits of our own on how fast machines are started. `begun`: starts already decided in this turn. */
export function startLimit(observed: Observed, settings: Settings, occupants: readonly Occupant[], begun: number): Veto | undefined {
  const { now } = observed;
  const windowStart = later(now, -rateWindow);
  const recent = observed.recentStarts.filter((t) => t > windowStart);
  if (recent.length + begun >= settings.startRatePerMinute) {
    return { why: 'start_rate', perMinute: settings.startRatePerMinute, until: freeAgain(recent, begun, settings.startRatePerMinute, now) };
  }
  let booting = begun;
  for (const m of occupants) if (m.booting) booting += 1;
  return booting >= settings.bootConcurrency ? { why: 'boot_concurrency', booting, limit: settings.bootConcurrency } : undefined;
}

/** When so many of the starts have left the window that one more is allowed. */
function freeAgain(recent: readonly Instant[], begun: number, perMinute: number, now: Instant): Instant {
  const index = recent.length + begun - Math.max(1, perMinute);
  return later(earliest(recent[index] ?? now, now), rateWindow);
}

/** The alarm for a veto: when it passes by time alone. */
export function vetoEnds(v: Veto): Instant | undefined {
  return v.why === 'start_rate' ? instant(v.until) : undefined;
}
