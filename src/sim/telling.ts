import type { Machine } from '../core/machine.ts';
import type { Observed } from '../core/observed.ts';
import type { Configuration } from '../core/settings.ts';
import type { OwnStatus } from '../core/space/types.ts';
import { type Instant, later } from '../core/units.ts';
import { type HostStatus, ownStatus } from '../factory/space/own-status.ts';

/** Usage changes all the time; others are told of it this often. */
const usageSeconds = 60;

/** Of the host itself nothing is simulated. */
const noHostStatus: HostStatus = {
  loadAverage15: 0,
  rootDiskAvailKb: 0,
  rootDiskAvailInodes: 0,
  daemonDiskAvailKb: 0,
  daemonDiskAvailInodes: 0,
  kernelVersion: '',
  osIssue: '',
  swapUsedKb: 0,
  swapFreeKb: 0,
  memUsedKb: 0,
  memTotalKb: 0,
  uptime: 0,
};

/** What a factory says of itself, as the daemon puts it, and when time alone will change that; undefined: never. */
export function telling(observed: Observed, configuration: Configuration): { readonly own: OwnStatus; readonly changesAt: Instant | undefined } {
  const { settings } = configuration;
  const own = ownStatus(observed, configuration, noHostStatus, 'Vacua simulation');
  return { own, changesAt: settings.shareMemory === undefined ? freshUntil(observed, configuration) : later(observed.now, usageSeconds) };
}

/** When the next machine is no longer fresh. */
function freshUntil({ machines, now }: Observed, { machinetypes }: Configuration): Instant | undefined {
  const until = (m: Machine): Instant | undefined => (m.state === 'running' ? later(m.startedAt, machinetypes.get(m.machinetype)?.fizzle ?? 0) : undefined);
  return machines.reduce<Instant | undefined>((first, m) => {
    const at = until(m);
    return at !== undefined && at > now && (first === undefined || at < first) ? at : first;
  }, undefined);
}
