import { changeFor } from '../core/changes.ts';
import { shiftMachine } from '../core/clock-step.ts';
import { decide } from '../core/decide/decide.ts';
import type { Action, Decision, Rule } from '../core/decision.ts';
import type { Machine } from '../core/machine.ts';
import { newMachine } from '../core/new-machine.ts';
import { remember, shiftUsage, type UsageMemory } from '../core/space-rules/usage.ts';
import type { Observed, Sighting } from '../core/observed.ts';
import type { Configuration } from '../core/settings.ts';
import { type Instant, instant, later, type MachineId, seconds, type Seconds } from '../core/units.ts';
import type { Agenda } from './agenda.ts';
import type { Census } from './census.ts';
import { EndedMachines } from './ended.ts';
import { SimMachine } from './machine.ts';
import type { SpaceNetwork } from './network/types.ts';
import type { Random } from './random.ts';
import type { Host } from './scenario/types.ts';
import { telling } from './telling.ts';
import type { TaskQueue } from './work.ts';

/** From an order to the provider's word that it has taken it. */
const acceptSeconds = 0.5;
/** Ends come in bursts; one turn serves them all (as in the daemon). */
const spacing = 0.1;
/** A turn that has nothing to wait for but time comes at least after this; the provider of a simulation reports every change. */
const restSeconds = 86_400;
/** What all factories of a simulation have in common. */
export interface Surroundings {
  readonly agenda: Agenda;
  readonly network: SpaceNetwork;
  readonly census: Census;
  readonly queues: ReadonlyMap<string, TaskQueue>;
  readonly names: readonly string[];
  readonly rule: Rule;
  /** Turns at these distances only, as Vac 3.1; absent: whenever something has changed. */
  readonly cycle?: Seconds;
  newId(): MachineId;
}

/** What makes machines of a host fail. */
export interface BlackHole {
  readonly after: Seconds;
  readonly message?: string;
}

/** One factory with its host: the real decisions about simulated machines. */
export class SimFactory {
  readonly index: number;
  readonly host: Host;
  /** What its wall clock is ahead of the true one. */
  skew = seconds(0);
  blackHole: BlackHole | undefined;
  decisions = 0;
  /** The daemon runs. */
  #up = false;
  readonly #world: Surroundings;
  readonly #random: Random;
  readonly #phase: number;
  #configuration: Configuration;
  #machines = new Map<MachineId, SimMachine>();
  readonly #ended = new EndedMachines();
  #recentStarts: Instant[] = [];
  #upSince: Instant | undefined;
  #due = instant(Number.POSITIVE_INFINITY);
  #lastTurn = instant(0);
  #last: Decision | undefined;
  #usage: UsageMemory | undefined;
  #publications = 0;

  constructor(index: number, host: Host, world: Surroundings, random: Random) {
    this.index = index;
    this.host = host;
    this.#world = world;
    this.#random = random;
    this.#phase = random() * 1000 * (world.cycle ?? 0);
    const { configuration } = host.group;
    const settings = { ...configuration.settings, factoryName: host.name, factories: world.names, cycle: seconds(restSeconds) };
    this.#configuration = { ...configuration, settings };
  }

  get up(): boolean {
    return this.#up;
  }
  /** What it decided last, with reasons. */
  get decision(): Decision | undefined {
    return this.#last;
  }
  get machines(): Iterable<SimMachine> {
    return this.#machines.values();
  }

  /** The daemon starts, and finds what it has recorded before. */
  start(): void {
    if (this.#up) return;
    this.#up = true;
    this.#upSince = this.wall();
    this.#world.network.open(this.index, this.skew, () => this.wake());
  }

  /** The daemon is gone; machines run on. */
  stop(): void {
    this.#up = false;
    this.#world.network.lost(this.index);
  }

  /** The host is gone, and its machines with it. */
  crash(): void {
    this.stop();
    for (const m of this.#machines.values()) if (m.power !== 'gone') this.#gone(m, 'vanished');
  }

  /** The wall clock is set. As in the daemon, all recorded times move along. */
  stepClock(by: Seconds): void {
    this.skew = seconds(this.skew + by);
    for (const m of this.#machines.values()) {
      m.record = shiftMachine(m.record, by);
      if (m.sighting.startedAt !== undefined) m.sighting = { ...m.sighting, startedAt: later(m.sighting.startedAt, by) };
    }
    this.#ended.shift(by);
    if (this.#usage !== undefined) this.#usage = shiftUsage(this.#usage, by);
    this.#recentStarts = this.#recentStarts.map((at) => later(at, by));
    if (this.#upSince !== undefined) this.#upSince = later(this.#upSince, by);
    this.#world.network.shift(this.index, by);
    if (this.#up) this.#publish();
  }

  /** A global shutdown time, on the true clock; undefined: none any more. */
  setShutdownTime(at: Instant | undefined): void {
    const { shutdownTime: _, ...settings } = this.#configuration.settings;
    this.#configuration = { ...this.#configuration, settings: { ...settings, ...(at !== undefined && { shutdownTime: at }) } };
    this.wake();
  }

  /** A turn at a true time; at once when it is past. */
  wake(at = this.#world.agenda.now): void {
    const { agenda, cycle } = this.#world;
    let due = instant(Math.max(at, agenda.now, later(this.#lastTurn, spacing)));
    if (cycle !== undefined) due = instant(Math.ceil((due - this.#phase) / (cycle * 1000)) * cycle * 1000 + this.#phase);
    if (!this.#up || due >= this.#due) return;
    this.#due = due;
    agenda.at(due, () => {
      if (this.#due !== due) return; // an earlier turn has been noted since
      this.#due = instant(Number.POSITIVE_INFINITY);
      if (this.#up) this.#turn();
    });
  }

  wall(): Instant {
    return later(this.#world.agenda.now, this.skew);
  }

  #turn(): void {
    const { agenda, network, rule } = this.#world;
    this.#lastTurn = agenda.now;
    const observed = this.#observe(true);
    const decision = decide(observed, this.#configuration, this.#random, rule);
    this.#last = decision;
    this.decisions += 1;
    for (const action of decision.actions) this.#perform(action, observed.now);
    this.#forget();
    this.#publish();
    this.wake(instant(Math.max(later(decision.wakeAt, -this.skew), later(agenda.now, 1))));
    const { veto } = decision.reasons;
    if (veto?.why === 'none_eligible' || veto?.why === 'none_suitable') network.await(this.index);
    if (veto === undefined) this.wake(later(agenda.now, 1)); // one start per turn: there may be room for more
  }

  /** `others`: what is known of them, too. */
  #observe(others: boolean): Observed {
    const now = this.wall();
    const machines: Machine[] = [];
    const sightings: Sighting[] = [];
    const inFlight = new Set<MachineId>();
    let load = 0;
    for (const m of this.#machines.values()) {
      if (m.power === 'on') {
        const seen = m.record as { heartbeatAt?: Instant; heartbeatFileAt?: Instant };
        if (m.record.state !== 'creating') seen.heartbeatAt = now;
        if (m.booted && m.record.heartbeatFile !== undefined) seen.heartbeatFileAt = now;
        load += m.record.processors;
      }
      machines.push(m.record);
      if (m.power === 'ordered') inFlight.add(m.record.id);
      else if (m.power !== 'gone') sightings.push(m.sighting);
    }
    machines.push(...this.#ended.records);
    this.#recentStarts = this.#recentStarts.filter((at) => at > later(now, -60));
    const { factoryName, shareMemory } = this.#configuration.settings;
    if (shareMemory !== undefined) this.#usage = remember(this.#usage, machines, now, shareMemory.halfLife);
    const view = others ? this.#world.network.view(this.index, this.#ended.troubled) : undefined;
    return {
      now,
      host: { factory: factoryName, processors: this.host.group.processors, load },
      machines,
      listing: { state: 'complete', at: now, sightings, foreignProcessors: 0 },
      inFlight,
      space: view?.peers ?? [],
      silent: view?.silent ?? [],
      ...(this.#usage !== undefined && { usage: new Map(Object.entries(this.#usage.hs06Hours)) }),
      preparations: new Map(),
      creationFailures: new Map(),
      ...(this.#upSince !== undefined && { guestServiceSince: this.#upSince }),
      recentStarts: this.#recentStarts,
    };
  }

  #perform(action: Action, now: Instant): void {
    if (action.kind === 'create') return this.#create(action, now);
    const m = this.#machines.get(action.id);
    if (m === undefined) return;
    const change = changeFor(action, m.record, now);
    if (change !== undefined) m.record = change.machine;
    if (action.kind === 'end') m.asked();
    else if (action.kind === 'finish') this.#world.census.finished(m.record, action.outcome, this.skew);
    else if (action.kind === 'destroy' && m.power !== 'gone') {
      this.#gone(m, 'killed');
      if (m.record.state !== 'finished') this.wake();
    }
  }

  #create(action: Action & { kind: 'create' }, now: Instant): void {
    const { agenda, census, queues } = this.#world;
    const type = this.#configuration.machinetypes.get(action.machinetype);
    if (type === undefined) return;
    const record = newMachine(this.#world.newId(), action, type, this.#configuration.settings, now);
    const machine = new SimMachine(record, queues.get(type.name), {
      agenda,
      skewOf: () => this.skew,
      booted: (m) => this.#booted(m),
      ended: (m) => {
        census.stopped(this.index, m.record, m.booted);
        this.wake();
      },
    });
    this.#machines.set(record.id, machine);
    this.#recentStarts.push(now);
    census.ordered(record);
    agenda.at(later(agenda.now, acceptSeconds), () => {
      if (machine.power !== 'ordered') return;
      const { boot, bootSpread } = this.host.group;
      machine.powerOn(Math.max(0.1, boot - acceptSeconds) * (1 + bootSpread * (2 * this.#random() - 1)));
      census.started(this.index, machine.record);
      this.wake();
    });
  }

  #booted(machine: SimMachine): void {
    const { agenda, census, queues } = this.#world;
    census.booted(machine.record);
    if (this.#last?.reasons.veto?.why === 'boot_concurrency') this.wake();
    const work = queues.get(machine.record.machinetype)?.work;
    const hole = this.blackHole;
    if (hole !== undefined) agenda.at(later(agenda.now, hole.after), () => machine.say(hole.message));
    else if (work !== undefined && work.fails > 0 && this.#random() < work.fails) machine.say(work.failure);
    else machine.work();
  }

  #gone(machine: SimMachine, cause: 'killed' | 'vanished'): void {
    if (machine.power === 'on') this.#world.census.stopped(this.index, machine.record, machine.booted);
    machine.cut('gone', cause);
  }

  #forget(): void {
    const gone: Machine[] = [];
    for (const [id, m] of this.#machines) {
      if (m.record.state !== 'finished' || m.power !== 'gone') continue;
      this.#machines.delete(id);
      gone.push(m.record);
    }
    this.#ended.add(gone, this.#configuration.machinetypes.size);
  }

  #publish(): void {
    const { network, agenda } = this.#world;
    const { own, changesAt } = telling(this.#observe(false), this.#configuration);
    network.publish(this.index, own);
    if (changesAt === undefined) return;
    const publication = ++this.#publications;
    agenda.at(later(changesAt, -this.skew), () => {
      if (this.#up && this.#publications === publication) this.#publish();
    });
  }
}
