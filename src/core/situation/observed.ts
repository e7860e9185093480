import type { Rule } from '../decision.ts';
import type { GuestReport, Machine, MachineFacts } from '../machine.ts';
import type { CreationFailures, Demand, Listing, Observed, PeerStatus, Preparation, Sighting } from '../observed.ts';
import { outcomeOf } from '../outcome.ts';
import type { Configuration } from '../settings.ts';
import { type Instant, instant, later, type MachineId, machineId, seconds } from '../units.ts';
import { cloudFactsFrom, failuresFrom, type MachineCloud } from './cloud.ts';
import { thisFactory } from './neutral.ts';
import { configurationOf, slotsOf } from './options.ts';
import type { LocalMachine, MachinetypeOptions, Situation } from './schema.ts';

/** The moment of a situation that does not say when it was taken. Any will do: all its times are relative. */
const someMoment = instant(Date.UTC(2030, 0, 1));
/** Longer than any limit: the guest service of a situation has always been working unless it says otherwise. */
const always = 1e10;

export interface Situated {
  readonly observed: Observed;
  readonly configuration: Configuration;
  /** Not empty: Vac 3.1 refuses this configuration as a whole, so nothing is decided. */
  readonly refusals: readonly string[];
}

/** The facts of a situation as the decision function takes them. Own machines always count (spec/decisions.md §3). */
export function situationToObserved(situation: Situation, rule: Rule): Situated {
  const now = situation.at === undefined || situation.at === null ? someMoment : instant(Date.parse(situation.at));
  const { factory } = situation;
  const { configuration, refusals } = configurationOf(situation, now, rule);
  const ago = (s: number | null | undefined): Instant | undefined => (s === undefined || s === null ? undefined : past(now, s));
  const machines = situation.local_machines.map((m, index) => record(m, idOf(index), configuration, now));
  const situated = situation.local_machines.map((m, index) => ({ id: idOf(index), cloud: m.cloud ?? {} }));
  const atCloud = factory.cloud ? cloudFactsFrom(factory.cloud, situated, now, (stranger) => idOf(machines.length + stranger)) : undefined;
  const sightings: Sighting[] = [...(atCloud?.sightings ?? [])];
  const inFlight = new Set<MachineId>();
  for (const [index, m] of situation.local_machines.entries()) {
    if (atCloud !== undefined) {
      if (m.in_flight === true) inFlight.add(idOf(index));
      continue;
    }
    const accepted = m.state === 'creating' && typeof m.started_ago === 'number';
    if (m.in_flight === true || (m.state === 'creating' && !accepted)) inFlight.add(idOf(index));
    if (accepted) sightings.push({ id: idOf(index), power: 'running', startedAt: past(now, m.started_ago ?? 0) });
    else if (m.state === 'paused') sightings.push({ id: idOf(index), power: 'paused' });
    else if (m.state === 'running' || m.state === 'ending') sightings.push({ id: idOf(index), power: 'running' });
  }
  const preparations = new Map<string, Preparation>();
  const creationFailures = new Map<string, CreationFailures>();
  const usage = new Map<string, number>();
  const demand = new Map<string, Demand>();
  for (const [name, { not_ready: why, creation_failures: failures, usage_hs06_hours: used }] of Object.entries(situation.machinetypes)) {
    const asked = demandOf(situation.machinetypes[name] ?? {}, now);
    if (asked !== undefined) demand.set(name.toLowerCase(), asked);
    if (typeof used === 'number') usage.set(name.toLowerCase(), used);
    if (typeof why === 'string') preparations.set(name.toLowerCase(), { ready: false, why });
    if (failures) creationFailures.set(name.toLowerCase(), failuresFrom(failures, now));
  }
  const unknown = factory.provider_unknown;
  const listing: Listing =
    typeof unknown === 'string'
      ? { state: 'unknown', since: ago(factory.provider_unknown_ago) ?? now, why: unknown }
      : { state: atCloud?.complete === false ? 'partial' : 'complete', at: now, sightings, foreignProcessors: factory.foreign_processors ?? 0 };
  const observed: Observed = {
    now,
    host: {
      factory: factory.name ?? thisFactory,
      processors: slotsOf(factory),
      load: factory.load_average ?? 0,
      ...(typeof factory.disk_free_bytes === 'number' ? { freeDiskBytes: factory.disk_free_bytes } : {}),
      ...(typeof factory.journal_fault === 'string' ? { journalFault: factory.journal_fault } : {}),
    },
    machines,
    listing,
    inFlight,
    space: peers(situation, now),
    silent: situation.silent_factories ?? [],
    preparations,
    creationFailures,
    ...(factory.guest_service_down === true ? {} : { guestServiceSince: past(now, factory.guest_service_ago ?? always) }),
    ...(demand.size === 0 ? {} : { demand }),
    ...(usage.size === 0 ? {} : { usage }),
    ...(atCloud === undefined ? {} : { cloud: atCloud.cloud }),
    recentStarts: (factory.recent_starts_ago ?? []).map((s) => past(now, s)).sort((a, b) => a - b),
  };
  return { observed, configuration, refusals };
}

function demandOf({ demand, demand_unknown: unknown }: MachinetypeOptions, now: Instant): Demand | undefined {
  if (unknown) return { unknownSince: past(now, unknown.ago), why: unknown.why };
  return demand ? { waiting: demand.waiting, running: demand.running, at: past(now, demand.ago) } : undefined;
}

const past = (now: Instant, ago: number): Instant => instant(Math.round(later(now, -ago)));

const idOf = (index: number): MachineId => machineId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);

/** A later entry of one factory for one machinetype replaces an earlier one, as answers do (spec/vacquery.md §7.1). */
function peers(situation: Situation, now: Instant): PeerStatus[] {
  const latest = new Map<string, PeerStatus>();
  for (const p of situation.space) {
    latest.set(`${p.factory} ${p.machinetype}`, {
      factory: p.factory,
      machinetype: p.machinetype,
      runningHs06: p.running_hs06 ?? 0,
      runningMachines: p.running_machines ?? 0,
      runningProcessors: p.running_processors ?? 0,
      numBeforeFizzle: p.num_before_fizzle ?? 0,
      ...(typeof p.shutdown_message === 'string' ? { shutdownMessage: p.shutdown_message } : {}),
      ...(typeof p.shutdown_ago === 'number' ? { shutdownAt: past(now, p.shutdown_ago) } : {}),
      ...(typeof p.usage_hs06_hours === 'number' ? { usageHs06Hours: p.usage_hs06_hours } : {}),
    });
  }
  return [...latest.values()];
}

function recordAtCloud({ flavor, heartbeat }: MachineCloud, processors: number): Partial<MachineFacts> {
  return {
    ...(flavor === undefined ? {} : { flavor: { id: flavor, name: flavor, processors, memoryMb: 0, diskGb: 0 } }),
    ...(heartbeat === undefined ? {} : { heartbeatFile: heartbeat.file, heartbeat: seconds(heartbeat.seconds) }),
  };
}

function record(m: LocalMachine, id: MachineId, configuration: Configuration, now: Instant): Machine {
  const type = configuration.machinetypes.get(m.machinetype);
  const neverStarted =
    m.state === 'starting' || m.state === 'creating' || (m.state === 'finished' && typeof m.started_ago !== 'number' && typeof m.heartbeat_ago !== 'number');
  const createdAt = past(now, m.created_ago ?? m.started_ago ?? 0);
  const startedAt = past(now, m.started_ago ?? m.created_ago ?? 0);
  const heartbeatAt = past(now, m.heartbeat_ago ?? 0);
  const ran =
    neverStarted || typeof (m.started_ago ?? (m.cloud ? undefined : m.created_ago)) !== 'number' ? {} : { startedAt, heartbeatAt, cpuSeconds: seconds(0) };
  const facts: MachineFacts & GuestReport = {
    id,
    name: `${String(m.slot).padStart(2, '0')}`,
    slot: m.slot,
    machinetype: m.machinetype,
    machinegroup: type?.machinegroup ?? m.machinetype,
    model: type?.model ?? 'cernvm3',
    processors: m.processors,
    memoryMb: m.processors * configuration.settings.mbPerProcessor,
    ...(typeof m.hs06 === 'number' ? { hs06PerProcessor: m.hs06 / m.processors } : {}),
    fizzle: type?.fizzle ?? seconds(600),
    machinesDirDays: type?.machinesDirDays ?? 3,
    createdAt,
    shutdownTime: typeof m.ends_in === 'number' ? past(now, -m.ends_in) : later(createdAt, type?.maxWallclock ?? 86_400),
    ...(m.shutdown_announced === true ? { drainAnnounced: true } : {}),
    ...(m.held === true ? { held: true } : {}),
    ...(typeof m.shutdown_message === 'string' ? { message: { text: m.shutdown_message, at: past(now, m.message_ago ?? m.heartbeat_ago ?? 0) } } : {}),
    ...(typeof m.job_heartbeat_ago === 'number' ? { heartbeatFileAt: past(now, m.job_heartbeat_ago) } : {}),
    ...(typeof m.contact_ago === 'number' ? { contactAt: past(now, m.contact_ago) } : {}),
    ...(m.cloud ? recordAtCloud(m.cloud, m.processors) : {}),
  };
  const killReason = m.kill_reason ?? undefined;
  const endingSince = past(now, m.ending_ago ?? 0);
  if (m.state === 'creating' || m.state === 'starting' || m.not_adopted === true) return { ...facts, state: 'creating' };
  if (m.state === 'finished') {
    const cause = m.cause ?? 'unknown';
    const plain = { cause, ...(killReason === undefined ? {} : { killReason }), abort: false };
    const outcome = m.abort === false ? plain : outcomeOf({ ...facts, ...ran, cause, killReason, killedAt: endingSince });
    const finishedAt = typeof m.finished_ago === 'number' ? past(now, m.finished_ago) : heartbeatAt;
    return { ...facts, ...ran, state: 'finished', finishedAt, outcome };
  }
  if (m.state === 'ending' || killReason !== undefined) return { ...facts, ...ran, state: 'ending', killReason: killReason ?? 'person', endingSince };
  return { ...facts, state: 'running', startedAt, heartbeatAt, cpuSeconds: seconds(0) };
}
