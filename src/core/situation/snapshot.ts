import { codeRangesText } from '../config/option-types.ts';
import { acceptedAt, ranOf } from '../decide/outcomes.ts';
import type { Machine } from '../machine.ts';
import type { Machinetype } from '../machinetype.ts';
import { cloudJson, failuresJson, machineCloudJson, machinetypeCloudJson } from './cloud.ts';
import type { Demand, Observed, PeerStatus, Sighting } from '../observed.ts';
import type { Configuration } from '../settings.ts';
import { elapsed, type Instant, type MachineId } from '../units.ts';

type Json = Record<string, unknown>;

/**
 * The situation of a running factory (spec/decisions.md §1), from which `decide` chooses the same first creation. What the documented
 * form cannot say stands under further keys (docs/decisions.md): limits, faults, machines that are being created or ended.
 */
export function observedToSituation(observed: Observed, configuration: Configuration, id = 'snapshot'): Json {
  const { now, space, host } = observed;
  const since = (at: Instant | undefined): number | undefined => (at === undefined ? undefined : elapsed(at, now));
  return {
    id,
    at: new Date(now).toISOString(),
    factory: factoryFacts(observed, configuration),
    machinetypes: Object.fromEntries([...configuration.machinetypes.values()].map((type) => [type.name, machinetypeOptions(type, observed)])),
    local_machines: localMachines(observed),
    space: space.filter((p) => p.factory !== host.factory).map((p) => peer(p, since)),
    ...(observed.silent.length === 0 ? {} : { silent_factories: [...observed.silent] }),
  };
}

/** Without the keys that have no value. */
const given = (object: Json): Json => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function factoryFacts(observed: Observed, configuration: Configuration): Json {
  const { now, host, listing, guestServiceSince, recentStarts } = observed;
  const { settings } = configuration;
  return given({
    name: host.factory,
    slots: host.processors,
    total_processors: settings.totalProcessors,
    load_average: host.load,
    processors_per_superslot: settings.processorsPerSuperslot,
    draining: settings.draining ? 'yes' : 'no',
    overload_per_processor: settings.overloadPerProcessor,
    hs06_per_processor: settings.hs06PerProcessor,
    shutdown_in: settings.shutdownTime === undefined ? undefined : elapsed(now, settings.shutdownTime),
    start_rate_per_minute: settings.startRatePerMinute,
    boot_concurrency: settings.bootConcurrency,
    grace_seconds: settings.grace,
    group_share: settings.groupShare,
    factories: settings.factories.length === 0 ? undefined : [...settings.factories],
    abort_codes: settings.abortCodes === undefined ? undefined : codeRangesText(settings.abortCodes),
    share_memory_half_life_hours: settings.shareMemory === undefined ? undefined : settings.shareMemory.halfLife / 3600,
    share_memory_max_credit: settings.shareMemory?.maxCredit,
    min_free_disk_bytes: settings.minFreeDiskBytes,
    disk_free_bytes: host.freeDiskBytes,
    journal_fault: host.journalFault,
    ...(listing.state === 'unknown'
      ? { provider_unknown: listing.why, provider_unknown_ago: elapsed(listing.since, now) }
      : { foreign_processors: listing.foreignProcessors === 0 ? undefined : listing.foreignProcessors }),
    ...(guestServiceSince === undefined ? { guest_service_down: true } : { guest_service_ago: elapsed(guestServiceSince, now) }),
    cloud: cloudJson(observed, configuration),
    recent_starts_ago: recentStarts.length === 0 ? undefined : recentStarts.map((at) => elapsed(at, now)),
  });
}

function machinetypeOptions(type: Machinetype, { now, preparations, creationFailures, usage, demand }: Observed): Json {
  const preparation = preparations.get(type.name);
  const failures = creationFailures.get(type.name);
  const asked = demand?.get(type.name);
  return given({
    target_share: type.targetShare,
    machinegroup: type.machinegroup,
    machine_model: type.model === 'cernvm3' ? undefined : type.model,
    min_processors: type.minProcessors,
    max_processors: type.maxProcessors,
    min_wallclock_seconds: type.minWallclock,
    max_wallclock_seconds: type.maxWallclock,
    backoff_seconds: type.backoff,
    backoff_doubling: type.backoffMax === undefined ? undefined : 'yes',
    backoff_max_seconds: type.backoffMax,
    fizzle_seconds: type.fizzle,
    heartbeat_file: type.heartbeatFile,
    heartbeat_seconds: type.heartbeat,
    not_ready: preparation?.ready === false ? preparation.why : undefined,
    policy: type.demand === undefined ? undefined : 'demand',
    demand_max_machines: type.demand?.maxMachines,
    ...(asked === undefined ? {} : demandJson(asked, now)),
    usage_hs06_hours: usage?.get(type.name),
    creation_failures: failures === undefined ? undefined : failuresJson(failures, now),
    cloud: machinetypeCloudJson(type),
  });
}

const demandJson = (asked: Demand, now: Instant): Json =>
  'unknownSince' in asked
    ? { demand_unknown: { ago: elapsed(asked.unknownSince, now), why: asked.why } }
    : { demand: { waiting: asked.waiting, running: asked.running, ago: elapsed(asked.at, now) } };

function peer(p: PeerStatus, since: (at: Instant | undefined) => number | undefined): Json {
  return {
    factory: p.factory,
    machinetype: p.machinetype,
    running_hs06: p.runningHs06,
    running_machines: p.runningMachines,
    running_processors: p.runningProcessors,
    num_before_fizzle: p.numBeforeFizzle,
    shutdown_message: p.shutdownMessage ?? null,
    shutdown_ago: since(p.shutdownAt) ?? null,
    ...(p.usageHs06Hours === undefined ? {} : { usage_hs06_hours: p.usageHs06Hours }),
  };
}

function localMachines(observed: Observed): Json[] {
  const { listing } = observed;
  const sightings = new Map<MachineId, Sighting>();
  if (listing.state !== 'unknown') for (const sighting of listing.sightings) sightings.set(sighting.id, sighting);
  return observed.machines.map((m) => localMachine(m, observed, sightings.get(m.id)));
}

function localMachine(m: Machine, observed: Observed, seen: Sighting | undefined): Json {
  const { now, inFlight, listing, cloud } = observed;
  const ago = (at: Instant | undefined): number | undefined => (at === undefined ? undefined : elapsed(at, now));
  const flying = inFlight.has(m.id);
  const gone = !flying && (seen?.power === 'off' || (seen === undefined && listing.state === 'complete'));
  const ran = 'startedAt' in m && m.startedAt !== undefined ? { started_ago: ago(m.startedAt), heartbeat_ago: ago(m.heartbeatAt) } : {};
  const facts = {
    slot: m.slot,
    machinetype: m.machinetype,
    processors: m.processors,
    hs06: m.hs06PerProcessor === undefined ? undefined : m.hs06PerProcessor * m.processors,
    created_ago: ago(m.createdAt),
    ...ran,
    ends_in: elapsed(now, m.shutdownTime),
    shutdown_message: m.message?.text,
    message_ago: ago(m.message?.at),
    job_heartbeat_ago: ago(m.heartbeatFileAt),
    contact_ago: ago(m.contactAt),
    held: m.held,
    shutdown_announced: m.drainAnnounced,
    in_flight: flying ? true : undefined,
  };
  // At a cloud the record and what is seen of it stand apart.
  if (cloud !== undefined) return given({ ...facts, ...stateOf(m, false, undefined, now, ago), cloud: machineCloudJson(m, seen, observed) });
  return given({ ...facts, ...stateOf(m, gone, flying ? undefined : seen, now, ago) });
}

function stateOf(m: Machine, gone: boolean, seen: Sighting | undefined, now: Instant, ago: (at: Instant | undefined) => number | undefined): Json {
  switch (m.state) {
    case 'creating': {
      const ran = gone ? ranOf(m, seen, now) : undefined;
      if (gone) return ran === undefined ? { state: 'starting' } : { state: 'stopped', started_ago: ago(ran.startedAt), heartbeat_ago: ago(ran.heartbeatAt) };
      if (seen?.power === 'paused') return { state: 'paused', not_adopted: true };
      return seen?.power === 'running' ? { state: 'creating', started_ago: ago(acceptedAt(m, seen, now)) } : { state: 'creating' };
    }
    case 'running':
      return { state: gone ? 'stopped' : seen?.power === 'paused' ? 'paused' : 'running' };
    case 'ending':
      return { state: gone ? 'stopped' : 'ending', kill_reason: m.killReason, ending_ago: ago(m.endingSince) };
    case 'finished': {
      const { abort, code, message, at, killReason, cause } = m.outcome;
      const judged = abort ? { shutdown_message: message, message_ago: ago(at) } : code === undefined ? { abort: false } : {};
      return { state: 'finished', finished_ago: ago(m.finishedAt), cause, kill_reason: killReason, ...judged };
    }
  }
}
