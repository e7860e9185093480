import { type Machine } from '../core/machine.ts';
import type { CreationFailures, Listing, Observed } from '../core/observed.ts';
import type { Configuration } from '../core/settings.ts';
import { elapsed, type Instant, later, type MachineId, seconds } from '../core/units.ts';
import type { LoopParts } from './loop-parts.ts';

const listDeadlineSeconds = 20;

/** What the loop itself remembers between turns; nothing here must survive a crash. */
export interface LoopMemory {
  readonly inFlight: ReadonlySet<MachineId>;
  readonly creationFailures: ReadonlyMap<string, CreationFailures>;
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
  const [listing, host] = await Promise.all([list(parts, memory, signal), parts.host.facts(parts.stateDir)]);
  const now = parts.clock.wall();
  const machines = parts.journal.machines().map((machine) => seen(machine, parts, listing, now));
  for (const machine of machines) parts.journal.note(machine);
  const ready = [...configuration.machinetypes.values()].map((type) => [type.name, parts.images.preparation(type)] as const);
  const guestsSince = parts.guests.since;
  const known = parts.space?.view(now);
  const demand = parts.demand?.demand(configuration);
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
    recentStarts: memory.recentStarts.filter((at) => at > later(now, -60)),
  };
}

async function list(parts: LoopParts, memory: LoopMemory, signal: AbortSignal): Promise<Listing> {
  try {
    const found = await parts.provider.list(AbortSignal.any([signal, AbortSignal.timeout(listDeadlineSeconds * 1000)]));
    return { state: found.complete ? 'complete' : 'partial', at: parts.clock.wall(), sightings: found.sightings, foreignProcessors: found.foreignProcessors };
  } catch (error) {
    return { state: 'unknown', since: memory.unknownSince ?? parts.clock.wall(), why: error instanceof Error ? error.message : String(error) };
  }
}

/** The record together with what guest and provider show of it now. */
function seen(machine: Machine, parts: LoopParts, listing: Listing, now: Instant): Machine {
  if (machine.state === 'finished') return machine;
  const reported: Machine = { ...machine, ...parts.guests.report(machine.id) };
  if (listing.state === 'unknown' || !('startedAt' in reported) || reported.startedAt === undefined) return reported;
  const sighting = sightingsOf(listing).get(machine.id);
  if (sighting?.power !== 'running') return reported;
  const cpuSeconds = sighting.cpuSeconds ?? reported.cpuSeconds ?? seconds(0);
  if (reported.state !== 'running') return { ...reported, heartbeatAt: now, cpuSeconds };
  const since = elapsed(reported.heartbeatAt, now);
  const cpuPercent = since > 0 ? Math.max(0, (100 * (cpuSeconds - reported.cpuSeconds)) / since) : reported.cpuPercent;
  return { ...reported, heartbeatAt: now, cpuSeconds, ...(cpuPercent !== undefined && { cpuPercent }) };
}

const indexes = new WeakMap<Listing, Map<MachineId, Extract<Listing, { sightings: unknown }>['sightings'][number]>>();
function sightingsOf(listing: Exclude<Listing, { state: 'unknown' }>): Map<MachineId, (typeof listing.sightings)[number]> {
  let index = indexes.get(listing);
  if (!index) indexes.set(listing, (index = new Map(listing.sightings.map((s) => [s.id, s]))));
  return index;
}
