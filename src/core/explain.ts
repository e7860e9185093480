import { didYouMean } from './config/suggest.ts';
import type { Action, Decision, LimitedBy, MachinetypeReason, Verdict, Veto } from './decision.ts';
import { agoText, durationText, untilText } from './explain-time.ts';
import type { Machine, Outcome } from './machine.ts';
import type { Observed } from './observed.ts';
import { fizzlePrefix } from './outcome.ts';
import type { Configuration } from './settings.ts';
import { assertNever, type Instant } from './units.ts';

export interface ExplainOptions {
  /** False: the moment of the decision is made up, so times of day are left out. */
  readonly clock?: boolean;
}

interface Scene {
  readonly observed: Observed;
  readonly configuration: Configuration;
  /** `until 14:03:20 UTC (in 412 s)`. */
  readonly until: (at: Instant) => string;
  readonly ago: (at: Instant) => string;
}

/**
 * Answers "why does nothing start?" in plain words with the numbers used: one line about the turn, one per machinetype, one about
 * silent factories; with `machinetype` the first and that machinetype's lines only. Every reason has a hint where something can be done.
 */
export function explain(decision: Decision, observed: Observed, configuration: Configuration, machinetype?: string, options: ExplainOptions = {}): string[] {
  const clock = options.clock ?? true;
  const scene: Scene = {
    observed,
    configuration,
    until: (at) => untilText(decision.at, at, clock),
    ago: (at) => agoText(decision.at, at),
  };
  const { machinetypes } = decision.reasons;
  const about = machinetype === undefined ? machinetypes : machinetypes.filter((r) => r.machinetype === machinetype);
  if (machinetype !== undefined && about.length === 0) {
    const names = machinetypes.map((r) => r.machinetype);
    return [
      `${machinetype}: no such machinetype is configured${didYouMean(machinetype, names) || `; there ${names.length === 0 ? 'are none' : `are ${names.join(', ')}`}`}`,
    ];
  }
  return [
    turnLine(decision, scene),
    ...about.flatMap((reason) => machinetypeLines(reason, scene, machinetype !== undefined)),
    ...silentLines(observed),
    ...stuckLines(decision, scene),
  ];
}

function turnLine({ actions, reasons }: Decision, scene: Scene): string {
  const counts = new Map<string, number>();
  for (const action of actions) if (action.kind === 'create') counts.set(action.machinetype, (counts.get(action.machinetype) ?? 0) + 1);
  const started = [...counts].map(([name, count]) => `${count} × ${name}`).join(', ');
  const why = reasons.veto === undefined ? undefined : vetoSentence(reasons.veto, scene);
  if (started === '') return `nothing is started: ${why ?? 'no reason is known'}`;
  return why === undefined ? `starts ${started}` : `starts ${started}; nothing more: ${why}`;
}

const limitText = (by: LimitedBy, option: string): string => (by === 'quota' ? 'the quota of the project' : option);

const decimals = (n: number): string => n.toFixed(2);
const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Why nothing at all, or nothing more, is started: a sentence, and what to do about it. */
function vetoSentence(veto: Veto, { observed, configuration, until, ago }: Scene): string {
  switch (veto.why) {
    case 'configuration_refused':
      return `the configuration is refused: ${veto.text}. Run vacua check`;
    case 'journal':
      return `the journal cannot be written: ${veto.text}. Make room on the file system of the state directory, or repair it; vacua doctor checks it`;
    case 'provider_unknown':
      return `the provider does not answer, the first time ${ago(veto.since)}: ${veto.text}. Machines run on; ${configuration.settings.cloud ? 'vacua check --online' : 'vacua doctor'} checks the provider`;
    case 'load':
      return `the load ${decimals(veto.load)} is above ${decimals(veto.limit)} (overload_per_processor ${configuration.settings.overloadPerProcessor}). It passes when the load falls`;
    case 'shutdown_time_passed':
      return `shutdown_time was ${ago(veto.shutdownTime)}. Remove it from the configuration to start machines again`;
    case 'draining':
      return configuration.settings.cloud
        ? 'this space is draining: machines run to their end. vacua drain off ends it, or draining = no in its section, or that section itself where it has been removed'
        : 'this factory is draining: machines run to their end. vacua drain off ends it, or draining = no in the configuration';
    case 'disk':
      return `only ${gib(veto.freeBytes)} are free on the file system of the state directory, ${gib(veto.neededBytes)} are needed. Make room there`;
    case 'no_free_processors':
      return veto.limit === undefined
        ? `all processors are in use (${veto.used} of ${veto.total})`
        : `all processors that ${limitText(veto.limit, 'processors_limit')} allows are in use (${veto.used} of ${veto.total}), those of other machines in the project included`;
    case 'no_free_machines':
      return `all machines that ${limitText(veto.limit, 'machines_limit')} allows are there (${veto.used} of ${veto.total}), others in the project included`;
    case 'ramp':
      return `${veto.requested} processors have been asked for in this cycle, ramp_percent allows ${veto.limit}. More are asked for ${until(veto.until)}`;
    case 'list_incomplete':
      return 'the list of machines that the cloud gave is not complete, so that nothing can be counted. Machines run on; the next list may be better';
    case 'offer_unknown':
      return 'the cloud has not told its flavors and limits yet. Run vacua check --online';
    case 'not_lease_holder':
      return veto.holder === undefined
        ? `this manager does not hold the lease of the space: ${veto.text}`
        : `${veto.holder} holds the lease of the space, and starts machines. This manager takes over after takeover_seconds of its silence`;
    case 'space_failing': {
      const failed = `the last ${veto.count === 1 ? 'creation' : `${veto.count} creations`} in the space failed: ${veto.text}`;
      return veto.until === undefined ? `${failed}. One is being tried` : `${failed}. Waits ${until(veto.until)}, then one is tried`;
    }
    case 'none_eligible':
      return observed.space.length === 0 && configuration.machinetypes.size === 0
        ? 'no machinetype is configured. Add a [machinetype] or a [vacuum_pipe] section'
        : 'no machinetype may be started now';
    case 'none_suitable':
      return 'no machinetype that may be started fits into the free processors';
    case 'start_rate':
      return `start_rate_per_minute is ${veto.perMinute}; the limit is reached ${until(veto.until)}`;
    case 'boot_concurrency':
      return `${veto.booting} machines are booting, boot_concurrency is ${veto.limit}. The next starts when one of them has booted`;
    case 'black_hole': {
      const failed = `this host looks like a black hole: its last ${veto.failures} machines failed (${veto.machinetypes.join(', ')}; the first ${ago(veto.since)}, the last with "${veto.message}")`;
      const next =
        veto.until === undefined
          ? 'One is being tried, and its success ends this'
          : `Nothing is started ${until(veto.until)}; then one is tried, and its success ends this`;
      return `${failed}. ${next}. Run vacua doctor, and see vacua outputs of the last machine`;
    }
    default:
      return assertNever(veto);
  }
}

function machinetypeLines(reason: MachinetypeReason, scene: Scene, details: boolean): string[] {
  const line = `${reason.machinetype}: ${verdictSentence(reason, scene)}`;
  if (!details) return [line];
  const type = scene.configuration.machinetypes.get(reason.machinetype);
  const group = type === undefined || type.machinegroup === reason.machinetype ? '' : `; its group ${type.machinegroup} has ${decimals(reason.groupScore)}`;
  const fresh = `${reason.fresh} of them starting or younger than ${type?.fizzle ?? 0} s`;
  const numbers = `target_share ${reason.targetShare}${effectiveText(reason)}, ${reason.machines} machines in the space (${fresh}) with ${decimals(reason.hs06)} HS06: score ${decimals(reason.score)}${group}`;
  return [line, `${reason.machinetype}: ${numbers}. The lowest score is served first`];
}

const effectiveText = ({ targetShare, effectiveShare }: MachinetypeReason): string =>
  effectiveShare === undefined ? '' : ` (${decimals(effectiveShare)} now: what it has had ${effectiveShare > targetShare ? 'earns it more' : 'costs it some'})`;

/** What was decided about one machinetype: a sentence, and what to do about it. */
function verdictSentence({ machinetype, verdict, score, groupScore }: MachinetypeReason, scene: Scene): string {
  const type = scene.configuration.machinetypes.get(machinetype);
  const { until } = scene;
  switch (verdict.why) {
    case 'started':
      return `starts ${verdict.count} now (score ${decimals(score)}, group score ${decimals(groupScore)})`;
    case 'no_share':
      return 'its target_share is 0. Give it a share in its section, or in its vacuum pipe';
    case 'not_ready':
      return `is not ready: ${verdict.text}`;
    case 'creation_failing':
      return creationText(verdict, scene);
    case 'no_flavor':
      return `${verdict.text}. See flavor_names, min_processors and max_processors`;
    case 'own_limit':
      return `has ${verdict.used} of its ${verdict.limit} processors (processors_limit), and its next machine needs ${verdict.needs}`;
    case 'starting_limit':
      return `${verdict.starting} of its processors are starting, max_starting_processors is ${verdict.limit}. The next starts when one of them has started`;
    case 'no_demand':
      return demandText(verdict);
    case 'demand_unknown': {
      const since = verdict.since === undefined ? '' : `, the first time ${scene.ago(verdict.since)}`;
      return `starts nothing while it is not known how many jobs wait${since}: ${verdict.text}. See demand_url and queue_token_key in its section`;
    }
    case 'shutdown_time_near':
      if (verdict.left < 0) return 'is not started after shutdown_time';
      return `needs at least ${durationText(verdict.needs)} (min_wallclock_seconds), but shutdown_time is in ${durationText(verdict.left)}. A smaller min_wallclock_seconds would fit`;
    case 'backing_off':
      return `backs off ${until(verdict.until)}: ${abortText(verdict, scene)}, ${pauseText(verdict, type?.backoff ?? 0)}. ${abortHint(verdict.message)}`;
    case 'scout_out':
      return `waits for a scout, at most ${until(verdict.until)}: ${abortText(verdict, scene)}, and ${verdict.fresh} of its machines are still younger than fizzle_seconds (${type?.fizzle ?? 0})`;
    case 'not_elected':
      return `${electionText(verdict, until(verdict.until))}; ${abortText(verdict, scene)}`;
    case 'does_not_fit':
      return `does not fit: it needs ${verdict.minProcessors} processors, ${verdict.free} are free${reservedText(verdict.reserved)}`;
    case 'after_others':
      return `its turn comes after ${verdict.first} (score ${decimals(score)}, group score ${decimals(groupScore)})`;
    case 'eligible':
      return `may be started (score ${decimals(score)}, group score ${decimals(groupScore)})`;
    default:
      return assertNever(verdict);
  }
}

function creationText({ count, text, until, lack }: Extract<Verdict, { why: 'creation_failing' }>, scene: Scene): string {
  const where = scene.configuration.settings.cloud === undefined ? 'on this host' : 'at the cloud';
  const failed = `its last ${count === 1 ? 'creation' : `${count} creations`} failed ${where}: ${text}`;
  const ran = lack === undefined ? '' : lack === 'quota' ? ' (the quota of the project is used up)' : ' (the cloud has no room)';
  return until === undefined ? `${failed}${ran}. One is being tried` : `${failed}${ran}. Waits ${scene.until(until)}`;
}

const reservedText = (reserved: number): string =>
  reserved === 0
    ? ''
    : ` and ${reserved} are kept for running superslots, whose remaining time is not within its min_wallclock_seconds and max_wallclock_seconds or whose room is too small`;

/** Policy `demand` (docs/agent.md). */
function demandText({ waiting, running, machines, maxMachines }: Extract<Verdict, { why: 'no_demand' }>): string {
  const jobs = `${waiting} ${waiting === 1 ? 'job waits' : 'jobs wait'} and ${running} ${running === 1 ? 'runs' : 'run'}`;
  const have = `the space has ${machines} of its machines`;
  if (maxMachines !== undefined && waiting + running > machines) return `has as many machines as demand_max_machines (${maxMachines}) allows: ${jobs}, ${have}`;
  return `has no need of more machines: ${jobs}, ${have}. Its policy is demand`;
}

/** With `backoff_doubling` the pause grows with every abort of the same cause in a row. */
function pauseText({ inARow, pause }: Extract<Verdict, { why: 'backing_off' }>, backoff: number): string {
  if (inARow === undefined || pause === undefined) return `backoff_seconds is ${backoff}`;
  return `the same cause ${inARow} times in a row makes backoff_seconds (${backoff}) a pause of ${durationText(pause)}`;
}

/** After a back-off about one factory of the space tries first, and growth doubles until a machine has proved itself (docs/decisions.md). */
function electionText({ rank, of, width, fresh }: Extract<Verdict, { why: 'not_elected' }>, until: string): string {
  const place = `this factory is number ${rank} of ${of}`;
  if (fresh === 0) return `leaves it to another factory to try first, at most ${until}: ${place}, and ${width === 1 ? '1 may' : `${width} may`} try now`;
  const young = fresh === 1 ? '1 of its machines has still to prove itself' : `${fresh} of its machines have still to prove themselves`;
  return `waits ${until}: ${young}, the space may have ${width} such now, and ${place}`;
}

type Aborted = Extract<Verdict, { why: 'backing_off' | 'scout_out' | 'not_elected' }>;

function abortText(verdict: Aborted, { observed, ago }: Scene): string {
  const who = verdict.factory === observed.host.factory ? 'a machine here' : verdict.factory;
  return `${who} said "${verdict.message}" ${ago(verdict.lastAbort)}`;
}

/** What the hundreds of a code ask for (spec/factory.md §9.1). */
function abortHint(message: string): string {
  if (message.startsWith(fizzlePrefix)) return 'It ended sooner than fizzle_seconds and left no message: see vacua console and vacua outputs of that machine';
  switch (message.trim()[0]) {
    case '3':
      return 'Its task queue has no work for now';
    case '4':
      return 'The tenant has banned this site or host: ask the tenant';
    case '5':
      return 'The machine found a problem of the site: see vacua outputs of the last machine';
    case '6':
      return 'The tenant has a problem everywhere: nothing to do here';
    default:
      return 'See vacua outputs of the last machine';
  }
}

function stuckLines({ reasons }: Decision, { ago, until }: Scene): string[] {
  return (reasons.stuck ?? []).map(
    ({ id, name, tries, since, nextAt }) =>
      `${name ?? id} is still at the cloud after ${tries} removals, the first ${ago(since)}: the next comes ${until(nextAt)}. See what the cloud says of it`,
  );
}

function silentLines({ silent }: Observed): string[] {
  if (silent.length === 0) return [];
  const names = silent.slice(0, 5).join(', ') + (silent.length > 5 ? ', …' : '');
  return [`${silent.length === 1 ? '1 factory does' : `${silent.length} factories do`} not answer (${names}): their machines and aborts are not counted`];
}

/** One line for the log. `machine`: the record that the action is about. */
export function describeAction(action: Action, machine?: Machine): string {
  const who = machine === undefined ? ('id' in action ? action.id : '') : `${machine.name} (${machine.machinetype})`;
  switch (action.kind) {
    case 'create':
      return createText(action);
    case 'adopt':
      return `adopts ${who}, running since ${dateText(action.startedAt)}`;
    case 'take':
      return `takes over ${action.marks.name} (${action.marks.machinetype}) of ${action.marks.manager}, without a record`;
    case 'end':
      return `ends ${who}: ${action.why}${action.message === undefined ? '' : `, "${action.message}"`}`;
    case 'destroy':
      return `removes ${who} from the provider: ${action.why}`;
    case 'finish':
      return `${who} has ended: ${outcomeText(action.outcome)}${action.usage === undefined ? ', never started' : `, ran ${durationText(action.usage.wall)}`}`;
    case 'shorten':
      return `shortens ${who} to ${dateText(action.shutdownTime)}`;
    case 'forget':
      return `forgets ${who}: its saved outputs have expired`;
    default:
      return assertNever(action);
  }
}

function createText({ machinetype, slot, processors, superslot, shutdownTime, flavor }: Extract<Action, { kind: 'create' }>): string {
  const size = processors === 1 ? '1 processor' : `${processors} processors`;
  if (flavor !== undefined) return `creates ${machinetype} of flavor ${flavor.name}: ${size}, until ${dateText(shutdownTime)}`;
  return `creates ${machinetype} in slot ${slot}: ${size}, ${superslot} superslot, until ${dateText(shutdownTime)}`;
}

/** `300 No work, abort (power-off)`. */
export function outcomeText({ message, cause, killReason, abort }: Outcome): string {
  return `${message ?? 'no message'}${abort ? ', abort' : ''} (${killReason ?? cause})`;
}

const dateText = (at: Instant): string => `${new Date(at).toISOString().slice(0, 19)}Z`;
