import { hs06PerProcessorOf } from '../new-machine.ts';
import type { Action, Rule } from '../decision.ts';
import { hs06Of, type KillReason, type Machine, type Outcome } from '../machine.ts';
import type { Observed, Sighting } from '../observed.ts';
import { abortCode, cloudKillMessages, killMessages, publishedMessage } from '../outcome.ts';
import type { Configuration } from '../settings.ts';
import { earliest, type Instant, instant, later, type MachineId, seconds } from '../units.ts';
import type { Alarm } from './alarm.ts';
import { type AtCloud, atCloud, cloudEnd, cloudFault, isMissing, isOver, mayRemove, orphanFate, withFailure } from './cloud-lifecycle.ts';
import { heartbeatFault } from './heartbeat.ts';
import { acceptedAt, finishAction, type LiveMachine, outcomeNow, ranOf } from './outcomes.ts';

/** A machine that was asked to shut down is removed by force after this time (spec/factory.md §6.3). */
export const shutdownPatience = seconds(30);
/** A machine that has not spoken to its guest service counts as booting for this long after its start. */
export const bootPatience = seconds(120);

/** A machine that occupies processors and a slot when this turn's ends have been counted. */
export interface Occupant {
  readonly machinetype: string;
  readonly slot: number;
  readonly processors: number;
  readonly hs06: number;
  readonly shutdownTime: Instant;
  /** Absent: still being created. */
  readonly startedAt?: Instant;
  /** Its end has begun: it occupies, but its superslot no longer counts on it. */
  readonly ending: boolean;
  readonly booting: boolean;
}

/** An end of an own machine that makes its machinetype back off. */
export interface OwnAbort {
  readonly machinetype: string;
  readonly at: Instant;
  readonly message: string;
}

export interface Standing {
  readonly actions: Action[];
  readonly occupants: Occupant[];
  readonly aborts: OwnAbort[];
  /** At a cloud: machines that have ended for us, or that nobody describes, and are still listed; they use the project's allowance. */
  readonly lingering: { readonly machinetype?: string; readonly processors: number }[];
}

interface Turn extends Standing {
  readonly observed: Observed;
  readonly configuration: Configuration;
  readonly rule: Rule;
  readonly alarm: Alarm;
  readonly cloud: AtCloud | undefined;
}

/** What the provider says of one recorded machine. `gone` only after a complete listing (design §4.4); undefined: nothing is known. */
type Seen = Sighting | 'gone' | undefined;

/**
 * Brings records and the provider's listing together, in both directions, and ends what has to end (design §4.3,
 * spec/factory.md §6.3, §10). Machines in flight are left alone: whoever performs an effect reports it by the next turn.
 */
export function lifecycle(observed: Observed, configuration: Configuration, rule: Rule, alarm: Alarm): Standing {
  const cloud = atCloud(observed, configuration, alarm);
  const turn: Turn = { observed, configuration, rule, alarm, cloud, actions: [], occupants: [], aborts: [], lingering: [] };
  const { listing, inFlight } = observed;
  const sightings = new Map<MachineId, Sighting>();
  if (listing.state !== 'unknown') for (const sighting of listing.sightings) sightings.set(sighting.id, sighting);
  for (const m of observed.machines) {
    const sighting = sightings.get(m.id);
    if (sighting !== undefined) sightings.delete(m.id);
    if (inFlight.has(m.id)) leave(turn, m);
    else step(turn, m, sighting ?? (listing.state === 'complete' && (cloud === undefined || isMissing(cloud, m.id)) ? 'gone' : undefined));
  }
  // With a journal that fails, a missing record may be our fault and not the machine's.
  if (observed.host.journalFault === undefined) {
    for (const sighting of sightings.values()) if (!inFlight.has(sighting.id)) stranger(turn, sighting);
  }
  return turn;
}

/** A machine with our mark and without a record. */
function stranger(turn: Turn, sighting: Sighting): void {
  const { cloud, configuration, observed } = turn;
  const { id, marks } = sighting;
  if (cloud === undefined) return void turn.actions.push({ kind: 'destroy', id, why: 'no-record' });
  const fate = orphanFate(sighting, cloud);
  if (fate === 'remove') remove(turn, id, 'no-record');
  if (fate === 'remove' || marks === undefined || isOver(sighting)) {
    turn.lingering.push({ ...(marks === undefined ? {} : { machinetype: marks.machinetype }), processors: marks?.processors ?? 1 });
    return;
  }
  if (fate === 'take') turn.actions.push({ kind: 'take', id, marks });
  const type = configuration.machinetypes.get(marks.machinetype);
  const hs06 = type === undefined ? 1 : (hs06PerProcessorOf(type, configuration.settings) ?? 1);
  const startedAt = sighting.startedAt ?? (sighting.power === 'starting' ? undefined : instant(Math.min(observed.now, marks.createdAt)));
  turn.occupants.push({
    machinetype: marks.machinetype,
    slot: 0,
    processors: marks.processors,
    hs06: hs06 * marks.processors,
    shutdownTime: marks.shutdownTime,
    ...(startedAt === undefined ? {} : { startedAt }),
    ending: false,
    booting: false,
  });
}

/** By force; at a cloud not more often than its pauses allow. */
function remove(turn: Turn, id: MachineId, why: KillReason | 'finished' | 'no-record'): void {
  if (turn.cloud === undefined || mayRemove(turn.cloud, id)) turn.actions.push({ kind: 'destroy', id, why });
}

function leave(turn: Turn, m: Machine): void {
  if (m.state === 'finished') noteAbort(turn, m, m.outcome);
  else if (m.state === 'ending') endingStill(turn, m);
  else occupy(turn, m, false);
}

function step(turn: Turn, m: Machine, seen: Seen): void {
  if (m.state === 'finished') return finished(turn, m, seen);
  if (seen === 'gone') return finish(turn, m, undefined);
  if (seen?.power === 'off') return finish(turn, m, seen);
  if (turn.cloud !== undefined && seen !== undefined && isOver(seen)) return finishAtCloud(turn, m, seen);
  if (m.state === 'ending') return ending(turn, m);
  if (turn.cloud !== undefined) {
    const fault = seen === undefined || m.held === true ? undefined : cloudFault(m, seen, turn.cloud);
    if (fault !== undefined) return end(turn, m, fault);
  } else if (seen?.power === 'paused' && m.held !== true) return end(turn, m, 'paused');
  if (m.state === 'running') return running(turn, m);
  if (seen?.power === 'running') {
    const startedAt = acceptedAt(m, seen, turn.observed.now);
    turn.actions.push({ kind: 'adopt', id: m.id, startedAt, ...lifetimeFrom(startedAt, m, turn) });
    return occupy(turn, m, false, startedAt);
  }
  occupy(turn, m, false);
}

/** At a cloud a machine may wait long for its start, and its lifetime counts from there (spec/cloud.md §5.3 rule 3). */
function lifetimeFrom(startedAt: Instant, m: LiveMachine, { cloud, configuration }: Turn): { readonly shutdownTime?: Instant } {
  if (cloud === undefined) return {};
  const whole = instant(m.shutdownTime + (startedAt - m.createdAt));
  return { shutdownTime: earliest(whole, configuration.settings.shutdownTime ?? whole) };
}

function running(turn: Turn, m: Machine & { state: 'running' }): void {
  const { now } = turn.observed;
  if (m.held === true) return occupy(turn, m, false);
  const shutdownTime = shortened(turn, m);
  const told = shutdownTime < m.shutdownTime || m.drainAnnounced === true;
  // At a cloud a lost heartbeat comes before a shutdown time (spec/cloud.md §5.3).
  if (now > shutdownTime && !(told && turn.cloud !== undefined)) return end(turn, m, told ? 'shutdown-time' : 'wallclock');
  turn.alarm.after(shutdownTime);
  const type = turn.configuration.machinetypes.get(m.machinetype) ?? (turn.cloud === undefined ? undefined : recordedType(m));
  const fault = type === undefined ? undefined : heartbeatFault(m, type, turn.observed.guestServiceSince, now, turn.alarm);
  if (fault !== undefined) return end(turn, m, fault);
  if (now > shutdownTime) return end(turn, m, 'shutdown-time');
  occupy(turn, m, false, m.startedAt, shutdownTime);
}

/** What is judged of a machine whose machinetype has left the configuration (spec/cloud.md §5.3, project rule). */
const recordedType = ({ heartbeatFile, heartbeat, fizzle }: Machine): Parameters<typeof heartbeatFault>[1] => ({
  ...(heartbeatFile === undefined ? {} : { heartbeatFile }),
  heartbeat: heartbeat ?? seconds(0),
  fizzle,
});

/** Its shutdown time under a global one, which under our rule is never set nearer than `grace` (spec/factory.md §10.3). */
function shortened(turn: Turn, m: Machine & { state: 'running' }): Instant {
  const { shutdownTime, grace } = turn.configuration.settings;
  if (shutdownTime === undefined) return m.shutdownTime;
  const nearest = turn.rule === 'vac31' ? shutdownTime : instant(Math.max(shutdownTime, later(turn.observed.now, grace)));
  if (nearest >= m.shutdownTime) return m.shutdownTime;
  turn.actions.push({ kind: 'shorten', id: m.id, shutdownTime: nearest });
  return nearest;
}

/** No guest that is stuck or paused obeys a request: these are removed at once. */
const forced: ReadonlySet<KillReason> = new Set(['heartbeat-missing', 'heartbeat-old', 'paused', 'creation-failed', 'not-started', 'failed']);

/** Begins the end of a machine; where no obedience can be expected, `destroy` follows in the same decision. */
function end(turn: Turn, m: Machine & { state: 'creating' | 'running' }, why: KillReason): void {
  const { now } = turn.observed;
  const written = turn.cloud === undefined ? killMessages : cloudKillMessages;
  const message = publishedMessage(m.message?.text) === undefined ? written[why] : undefined;
  turn.actions.push({ kind: 'end', id: m.id, why, ...(message === undefined ? {} : { message }) });
  if (forced.has(why)) remove(turn, m.id, why);
  else turn.alarm.from(later(now, shutdownPatience));
  // A machine that was running until this moment has lived until now; a paused one only until it was last seen running.
  const lived = m.state === 'running' && why !== 'paused' ? { heartbeatAt: now } : {};
  const said = message === undefined ? {} : { message: { text: message, at: now } };
  endingStill(turn, { ...m, ...lived, ...(turn.cloud === undefined ? {} : said), state: 'ending', killReason: why, endingSince: now });
}

function ending(turn: Turn, m: Machine & { state: 'ending' }): void {
  const patience = later(m.endingSince, shutdownPatience);
  const due = forced.has(m.killReason) || turn.observed.now >= patience;
  if (!due) turn.alarm.from(patience);
  else if (turn.cloud?.facts.missing.has(m.id) !== true) remove(turn, m.id, m.killReason);
  endingStill(turn, m);
}

/** Its outcome is settled and counts; under our rule it occupies until it is finished, in Vac 3.1 an end is over at once. */
function endingStill(turn: Turn, m: Machine & { state: 'ending' }): void {
  noteAbort(turn, m, outcomeNow(m, ranOf(m, undefined, turn.observed.now), 'killed'));
  if (turn.rule === 'vacua') occupy(turn, m, true, m.startedAt);
}

function finish(turn: Turn, m: LiveMachine, seen: Sighting | undefined): void {
  const { observed, configuration } = turn;
  const ran = ranOf(m, seen, observed.now);
  const assumed = m.state === 'ending' ? 'killed' : seen === undefined ? 'vanished' : 'unknown';
  const outcome = outcomeNow(m, ran, ran === undefined ? 'never-started' : (seen?.cause ?? assumed));
  turn.actions.push(finishAction(m, ran, outcome, { settings: configuration.settings, factory: observed.host.factory }));
  if (seen !== undefined) removeEnded(turn, m);
  noteAbort(turn, m, outcome);
}

/** Its cloud has given it up, or somebody there removes it. What cannot be made counts against the cloud, not against the machinetype's tenant. */
function finishAtCloud(turn: Turn, m: LiveMachine, seen: Sighting): void {
  const { observed, configuration } = turn;
  const { ran, cause } = cloudEnd(m, seen, observed.now);
  const outcome = withFailure(outcomeNow(m, ran, cause), seen);
  const finished = finishAction(m, ran, outcome, { settings: configuration.settings, factory: observed.host.factory });
  const failed = ran === undefined && seen.power === 'failed' && m.state !== 'ending';
  const lack = seen.lack === undefined ? {} : { lack: seen.lack };
  turn.actions.push(failed ? { ...finished, failure: { text: seen.failure ?? 'the cloud gives no reason', ...lack } } : finished);
  removeEnded(turn, m);
  noteAbort(turn, m, outcome);
}

function removeEnded(turn: Turn, m: Machine): void {
  remove(turn, m.id, 'finished');
  if (turn.cloud !== undefined) turn.lingering.push({ machinetype: m.machinetype, processors: m.processors });
}

/** What is left of a finished machine goes; its record goes when its saved outputs have expired (spec/factory.md §16). */
function finished(turn: Turn, m: Machine & { state: 'finished' }, seen: Seen): void {
  noteAbort(turn, m, m.outcome);
  if (seen === undefined) return;
  if (seen !== 'gone') return removeEnded(turn, m);
  const days = turn.configuration.machinetypes.get(m.machinetype)?.machinesDirDays ?? m.machinesDirDays;
  if (days <= 0) return;
  const expiry = later(m.heartbeatAt ?? m.finishedAt, days * 86_400);
  if (turn.observed.now > expiry) turn.actions.push({ kind: 'forget', id: m.id });
  else turn.alarm.after(expiry);
}

function noteAbort(turn: Turn, m: Machine, outcome: Outcome): void {
  const counts = outcome.abort && abortCode(outcome.message ?? '', turn.configuration.settings.abortCodes) !== undefined;
  if (counts && outcome.at !== undefined) turn.aborts.push({ machinetype: m.machinetype, at: outcome.at, message: outcome.message ?? '' });
}

function occupy(turn: Turn, m: LiveMachine, isEnding: boolean, startedAt = 'startedAt' in m ? m.startedAt : undefined, shutdownTime = m.shutdownTime): void {
  const booted = startedAt === undefined ? undefined : later(startedAt, bootPatience);
  if (booted !== undefined) turn.alarm.from(booted);
  const booting = !isEnding && (booted === undefined || (m.contactAt === undefined && turn.observed.now < booted));
  turn.occupants.push({
    machinetype: m.machinetype,
    slot: m.slot,
    processors: m.processors,
    hs06: hs06Of(m),
    shutdownTime,
    ...(startedAt === undefined ? {} : { startedAt }),
    ending: isEnding,
    booting,
  });
}
