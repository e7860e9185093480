import { statfs } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { loadavg, release, tmpdir } from 'node:os';
import type { CloudFacts } from '../../core/cloud/facts.ts';
import type { CloudSettings } from '../../core/cloud/settings.ts';
import { siteName } from '../../core/decide/outcomes.ts';
import { hs06Of, isLive, type Machine } from '../../core/machine.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { machineName } from '../../core/new-machine.ts';
import type { Observed } from '../../core/observed.ts';
import type { Configuration } from '../../core/settings.ts';
import type { FactoryAnswer } from '../../core/space/census.ts';
import type { FactoryReport } from '../../core/space/report.ts';
import type { FactoryFacts, MachinetypeFacts, OwnStatus, SlotFacts } from '../../core/space/types.ts';
import { type Instant, instant, later, seconds } from '../../core/units.ts';
import type { AskedKind } from '../../core/vacquery/query.ts';

/** A machine not seen alive for so long does not count as running (spec/vacquery.md §6.3). */
const aliveSeconds = 3600;

/** What the host says of itself; 0 or empty where it does not. */
export type HostStatus = Pick<
  FactoryFacts,
  | 'loadAverage15'
  | 'rootDiskAvailKb'
  | 'rootDiskAvailInodes'
  | 'daemonDiskAvailKb'
  | 'daemonDiskAvailInodes'
  | 'kernelVersion'
  | 'osIssue'
  | 'swapUsedKb'
  | 'swapFreeKb'
  | 'memUsedKb'
  | 'memTotalKb'
> & { readonly uptime: number };

/** The facts of one turn as other factories are told them (spec/vacquery.md §6). Pure. */
export function ownStatus(observed: Observed, configuration: Configuration, host: HostStatus, version: string): OwnStatus {
  const { now, machines } = observed;
  const { settings } = configuration;
  const working = machines.filter((m) => isRunning(m, now));
  const hs06PerProcessor = settings.hs06PerProcessor ?? 1;
  const max = settings.cloud ? cloudProcessors(settings.cloud, observed.cloud) : (settings.totalProcessors ?? observed.host.processors);
  const sum = (of: (m: Machine) => number): number => working.reduce((total, m) => total + of(m), 0);
  const { uptime, ...facts } = host;
  const guests = observed.guestServiceSince === undefined ? instant(0) : now;
  return {
    at: now,
    factory: {
      site: siteName(settings),
      daemonVersion: version,
      runningProcessors: sum((m) => m.processors),
      runningMachines: working.length,
      runningHs06: sum(hs06Of),
      maxProcessors: max,
      maxMachines: settings.cloud ? (least(settings.cloud.machinesLimit, observed.cloud?.offer?.quota.machines) ?? max) : max,
      maxHs06: max * hs06PerProcessor,
      ...facts,
      bootTime: later(now, -uptime),
      factoryHeartbeat: now,
      responderHeartbeat: now,
      mjfHeartbeat: guests,
      metadataHeartbeat: guests,
    },
    machinetypes: [...configuration.machinetypes.values()].map((type) =>
      machinetypeFacts(type, machines, observed, type.cloud?.mbPerProcessor ?? settings.mbPerProcessor),
    ),
    machines: settings.cloud ? liveFacts(machines) : slots(machines, observed),
  };
}

const isRunning = (m: Machine, now: Instant): boolean =>
  (m.state === 'running' || m.state === 'ending') && m.startedAt !== undefined && (m.heartbeatAt ?? m.startedAt) >= later(now, -aliveSeconds);
const isStarting = (m: Machine, now: Instant): boolean =>
  (m.state === 'creating' || (m.state === 'ending' && m.startedAt === undefined)) && m.createdAt >= later(now, -aliveSeconds);

function machinetypeFacts(type: Machinetype, machines: readonly Machine[], { now, usage }: Observed, mbPerProcessor: number): MachinetypeFacts {
  let [hs06, count, processors, fresh] = [0, 0, 0, 0];
  for (const m of machines) {
    if (m.machinetype !== type.name) continue;
    const starting = isStarting(m, now);
    if (!starting && !isRunning(m, now)) continue;
    hs06 += hs06Of(m);
    count += 1;
    processors += starting ? 1 : m.processors;
    if (starting || !('startedAt' in m) || m.startedAt === undefined || now < later(m.startedAt, type.fizzle)) fresh += 1;
  }
  const end = toldEnd(type, machines, now);
  const remembered = usage?.get(type.name);
  return {
    machinetype: type.name,
    ...(type.accountingFqan !== undefined && { fqan: type.accountingFqan }),
    runningHs06: hs06,
    runningMachines: count,
    runningProcessors: processors,
    numBeforeFizzle: fresh,
    ...(end?.outcome.message !== undefined && { shutdownMessage: end.outcome.message }),
    ...(end?.outcome.at !== undefined && { shutdownAt: end.outcome.at }),
    ...(end && { shutdownMachine: end.name }),
    bytesPerProcessor: mbPerProcessor * 1024 * 1024,
    minWallclock: type.minWallclock,
    maxWallclock: type.maxWallclock,
    minProcessors: type.minProcessors,
    maxProcessors: type.maxProcessors,
    ...(remembered !== undefined && { usage: remembered }),
  };
}

type Finished = Machine & { readonly state: 'finished' };

/**
 * Which end is told: the latest abort that still makes the machinetype back off (spec/factory.md §9.2), which a younger machine's
 * good end must not hide; otherwise that of the machine created last.
 */
function toldEnd(type: Machinetype, machines: readonly Machine[], now: Instant): Finished | undefined {
  const ended = machines.filter((m): m is Finished => m.state === 'finished' && m.machinetype === type.name);
  const window = later(now, -((type.backoffMax ?? type.backoff) + type.fizzle));
  const aborts = ended.filter(({ outcome: { abort, at } }) => abort && at !== undefined && at >= window);
  const last = <T>(of: readonly T[], time: (one: T) => number): T | undefined =>
    of.reduce<T | undefined>((best, one) => (best === undefined || time(one) > time(best) ? one : best), undefined);
  return last(aborts, (m) => m.outcome.at ?? 0) ?? last(ended, (m) => m.createdAt);
}

/** One per logical processor of the host (spec/vacquery.md §6.4), and one for every machine beyond, whatever the host has become. */
function slots(machines: readonly Machine[], observed: Observed): SlotFacts[] {
  const bySlot = new Map<number, Machine>();
  for (const m of machines) {
    const other = bySlot.get(m.slot);
    if (!other || rank(m) > rank(other) || (rank(m) === rank(other) && m.createdAt > other.createdAt)) bySlot.set(m.slot, m);
  }
  const count = Math.max(observed.host.processors, ...[...bySlot.keys()].map((slot) => slot + 1));
  return Array.from({ length: count }, (_, slot) => {
    const m = bySlot.get(slot);
    return m
      ? slotFacts(m)
      : { machine: machineName(observed.host.factory, slot), state: 'Shut down', processors: 0, cpuSeconds: seconds(0), cpuPercent: 0, hs06: 0 };
  });
}

/** A cloud has no slots: one for every machine that lives, and none for those that have ended. */
const liveFacts = (machines: readonly Machine[]): SlotFacts[] => machines.filter(isLive).map(slotFacts);

/** Processors that a space at a cloud may use; without any limit, those that it does use. */
const cloudProcessors = ({ processorsLimit }: CloudSettings, facts: CloudFacts | undefined): number =>
  least(processorsLimit, facts?.offer?.quota.processors) ?? facts?.offer?.used.processors ?? 0;
const least = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? (a ?? b) : Math.min(a, b));

const rank = (m: Machine): number => (m.state === 'finished' ? 0 : 1);

export function slotFacts(m: Machine): SlotFacts {
  const started = 'startedAt' in m ? m.startedAt : undefined;
  const heartbeat = 'heartbeatAt' in m ? m.heartbeatAt : undefined;
  const end = m.state === 'finished' ? m.outcome : undefined;
  return {
    machine: m.name,
    state: end ? 'Shut down' : started === undefined ? 'Starting' : 'Running',
    // Known to Vac by the models that it has itself.
    machineModel: m.model === 'kernel' ? 'vm-raw' : m.model,
    uuid: m.id,
    machinetype: m.machinetype,
    ...(m.accountingFqan !== undefined && { fqan: m.accountingFqan }),
    createdAt: m.createdAt,
    ...(started !== undefined && { startedAt: started }),
    ...(heartbeat !== undefined && { heartbeatAt: heartbeat }),
    processors: m.processors,
    cpuSeconds: 'cpuSeconds' in m ? (m.cpuSeconds ?? seconds(0)) : seconds(0),
    cpuPercent: m.state === 'running' ? (m.cpuPercent ?? 0) : 0,
    hs06: hs06Of(m),
    ...(end?.message !== undefined && { shutdownMessage: end.message }),
    ...(end?.at !== undefined && { shutdownAt: end.at }),
  };
}

/** What a factory says of itself in the report of its space. */
export const selfReport = (factory: string, own: OwnStatus | undefined, now: Instant, version: string): FactoryReport => ({
  factory,
  heardAt: own?.at ?? now,
  machinetypes: (own?.machinetypes ?? []).map(({ machinetype, runningHs06, runningMachines, runningProcessors, numBeforeFizzle, ...t }) => ({
    factory,
    machinetype,
    runningHs06,
    runningMachines,
    runningProcessors,
    numBeforeFizzle,
    ...(t.shutdownMessage !== undefined && { shutdownMessage: t.shutdownMessage }),
    ...(t.shutdownAt !== undefined && { shutdownAt: t.shutdownAt }),
  })),
  version,
  ...(own && { facts: own.factory, factsAt: own.at }),
});

/** A factory without others answers for itself; whoever else is named is silent. */
export const aloneAnswers = (
  kind: AskedKind,
  named: readonly string[],
  self: string,
  status: OwnStatus | undefined,
  version: string,
): readonly FactoryAnswer[] =>
  named.map((factory) => {
    const own = factory === self ? status : undefined;
    return {
      factory,
      answered: own ? 'complete' : 'silent',
      version: own ? version : '',
      ...(own && kind === 'factories' && { factoryFacts: own.factory }),
      machinetypes: own && kind === 'machinetypes' ? own.machinetypes : [],
      machines: own && kind === 'machines' ? own.machines : [],
    };
  });

/** Reads /proc and file systems; what cannot be read is 0. */
export async function hostStatus(stateDir: string): Promise<HostStatus> {
  const [root, daemon] = await Promise.all([tmpdir(), stateDir].map((dir) => statfs(dir).catch(() => undefined)));
  const memory = read('/proc/meminfo');
  const kb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
  return {
    loadAverage15: loadavg()[2] ?? 0,
    rootDiskAvailKb: root ? (root.bavail * root.bsize) / 1024 : 0,
    rootDiskAvailInodes: root?.ffree ?? 0,
    daemonDiskAvailKb: daemon ? (daemon.bavail * daemon.bsize) / 1024 : 0,
    daemonDiskAvailInodes: daemon?.ffree ?? 0,
    kernelVersion: release(),
    osIssue: /^PRETTY_NAME="?([^"\n]*)/m.exec(read('/etc/os-release'))?.[1] ?? release(),
    swapUsedKb: kb('SwapTotal') - kb('SwapFree'),
    swapFreeKb: kb('SwapFree'),
    memUsedKb: kb('MemTotal') - kb('MemFree'),
    memTotalKb: kb('MemTotal'),
    uptime: Number(read('/proc/uptime').split(' ')[0] ?? 0),
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // not on this host: unknown
  }
}
