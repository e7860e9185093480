import { namedImage } from '../core/cloud/image.ts';
import { type Machine } from '../core/machine.ts';
import type { CreationFailures, Listing, Observed, Preparation, Sighting } from '../core/observed.ts';
import type { Machinetype } from '../core/machinetype.ts';
import type { Configuration } from '../core/settings.ts';
import { elapsed, type Instant, instant, later, type MachineId, seconds } from '../core/units.ts';
import type { ProviderList } from '../providers/contract.ts';
import type { CloudWatch } from './cloud-watch.ts';
import type { LoopParts } from './loop-parts.ts';

const listDeadlineSeconds = 20;
/** A list of a thousand machines may come in many pages. */
const remoteListDeadlineSeconds = 90;

/** What the loop itself remembers between turns; nothing here must survive a crash. */
export interface LoopMemory {
  readonly inFlight: ReadonlySet<MachineId>;
  readonly creationFailures: ReadonlyMap<string, CreationFailures>;
  /** Of the whole space. */
  readonly failing: CreationFailures | undefined;
  /** Present for a provider whose machines are far away. */
  readonly cloud: CloudWatch | undefined;
  readonly recentStarts: readonly Instant[];
  /** First moment since when turns have come regularly and the clock has not stepped. */
  readonly steadySince: Instant;
  readonly unknownSince: Instant | undefined;
  readonly journalFault: string | undefined;
}

/** Gathers the facts of one turn. Always returns: what cannot be had is a fact in the result (design §2). */
export async function observe(parts: LoopParts, configuration: Configuration, memory: LoopMemory, signal: AbortSignal): Promise<Observed> {
  // Taken before the provider is asked: what is begun or done meanwhile may be missing from its list.
  const inFlight = new Set(memory.inFlight);
  const [listing, host] = await Promise.all([list(parts, configuration, memory, inFlight, signal), parts.host.facts(parts.stateDir)]);
  const now = parts.clock.wall();
  const machines = parts.journal.machines().map((machine) => seen(machine, parts, listing, now));
  for (const machine of machines) parts.journal.note(machine);
  const ready = [...configuration.machinetypes.values()].map((type) => [type.name, preparation(type, parts)] as const);
  const guestsSince = parts.guests.since;
  const known = parts.space?.view(now);
  const demand = parts.demand?.demand(configuration);
  const managers = parts.managers?.facts(now);
  const watched = { machines, lease: managers?.lease ?? ({ held: true } as const), ...(managers && { aliveManagers: managers.alive }) };
  return {
    now,
    host: {
      factory: parts.factory,
      processors: parts.host.processors,
      ...host,
      ...(memory.journalFault !== undefined && { journalFault: memory.journalFault }),
    },
    machines,
    listing,
    inFlight,
    space: known?.peers ?? [],
    silent: known?.silent.map(({ factory }) => factory) ?? [],
    preparations: new Map(ready),
    creationFailures: memory.creationFailures,
    ...(demand !== undefined && { demand }),
    ...(guestsSince !== undefined && { guestServiceSince: guestsSince > memory.steadySince ? guestsSince : memory.steadySince }),
    ...(memory.cloud && { cloud: memory.cloud.facts(watched, memory.failing) }),
    recentStarts: memory.recentStarts.filter((at) => at > later(now, -60)),
  };
}

/** An image that the cloud has already needs no copy here. */
const preparation = (type: Machinetype, parts: LoopParts): Preparation =>
  namedImage(type.rootImage) === undefined ? parts.images.preparation(type) : { ready: true };

async function list(
  parts: LoopParts,
  configuration: Configuration,
  memory: LoopMemory,
  inFlight: ReadonlySet<MachineId>,
  signal: AbortSignal,
): Promise<Listing> {
  const { provider, journal } = parts;
  const deadline = (provider.can.remote ? remoteListDeadlineSeconds : listDeadlineSeconds) * 1000;
  const ask = (): Promise<ProviderList> => provider.list(AbortSignal.any([signal, AbortSignal.timeout(deadline)]));
  if (memory.cloud) return memory.cloud.list(ask, journal.machines(), inFlight, configuration.settings.cycle);
  try {
    const found = await ask();
    return { state: found.complete ? 'complete' : 'partial', at: parts.clock.wall(), sightings: found.sightings, foreignProcessors: found.foreignProcessors };
  } catch (error) {
    return { state: 'unknown', since: memory.unknownSince ?? parts.clock.wall(), why: error instanceof Error ? error.message : String(error) };
  }
}

/** The record together with what guest and provider show of it now. One new object for each: there may be thousands, in every turn. */
function seen(machine: Machine, parts: LoopParts, listing: Listing, present: Instant): Machine {
  if (machine.state === 'finished') return machine;
  const report = parts.guests.report(machine.id);
  const sighting = listing.state === 'unknown' ? undefined : sightingsOf(listing).get(machine.id);
  if (listing.state === 'unknown' || sighting === undefined) return { ...machine, ...report };
  const place = isPlaced(machine, sighting) ? undefined : placeOf(sighting);
  if (!('startedAt' in machine) || machine.startedAt === undefined || sighting.power !== 'running') return { ...machine, ...report, ...place };
  // A cloud's list may be some seconds old; a list that a clock step has overtaken, of the future.
  const now = parts.provider.can.remote ? instant(Math.max(machine.heartbeatAt ?? machine.startedAt, Math.min(present, listing.at))) : present;
  const cpuSeconds = sighting.cpuSeconds ?? machine.cpuSeconds ?? seconds(0);
  if (machine.state !== 'running') return { ...machine, ...report, ...place, heartbeatAt: now, cpuSeconds };
  const since = elapsed(machine.heartbeatAt, now);
  const cpuPercent = since > 0 ? Math.max(0, (100 * (cpuSeconds - machine.cpuSeconds)) / since) : machine.cpuPercent;
  return { ...machine, ...report, ...place, heartbeatAt: now, cpuSeconds, ...(cpuPercent !== undefined && { cpuPercent }) };
}

const isPlaced = (m: Machine, { providerId, zone, address }: Sighting): boolean =>
  (providerId ?? m.providerId) === m.providerId && (zone ?? m.zone) === m.zone && (address ?? m.address) === m.address;

/** Where a cloud has put it. */
const placeOf = ({ providerId, zone, address }: Sighting): Pick<Machine, 'providerId' | 'zone' | 'address'> => ({
  ...(providerId !== undefined && { providerId }),
  ...(zone !== undefined && { zone }),
  ...(address !== undefined && { address }),
});

const indexes = new WeakMap<Listing, Map<MachineId, Sighting>>();
function sightingsOf(listing: Exclude<Listing, { state: 'unknown' }>): Map<MachineId, (typeof listing.sightings)[number]> {
  let index = indexes.get(listing);
  if (!index) indexes.set(listing, (index = new Map(listing.sightings.map((s) => [s.id, s]))));
  return index;
}
