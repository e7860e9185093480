import { namedImage } from '../core/cloud/image.ts';
import { type ClockReading, clockStep, shiftMachine } from '../core/clock-step.ts';
import { decide } from '../core/decide/decide.ts';
import type { Action, Decision } from '../core/decision.ts';
import type { Machine } from '../core/machine.ts';
import type { Observed } from '../core/observed.ts';
import type { Configuration } from '../core/settings.ts';
import { elapsed, type Instant, instant, later, type MachineId, type Seconds, seconds } from '../core/units.ts';
import { CloudWatch } from './cloud-watch.ts';
import { CreationLedger } from './creation-ledger.ts';
import type { Change } from './journal.ts';
import { ProviderError } from '../providers/contract.ts';
import type { LoopParts } from './loop-parts.ts';
import { observe } from './observe.ts';
import { perform } from './perform.ts';
import { UsageKeeper } from './usage-keeper.ts';
import { type Work, workFor } from './work.ts';

/** Heartbeats and CPU times are written this often; after a crash they may be this much behind. */
const noteEverySeconds = 60;
/** Turns that come later than this were held up by something, so no machine is blamed for silence before. */
const stallSeconds = 60;
/** Ends of many machines come in bursts; one turn serves them all. */
const spacingSeconds = 0.1;
const stopGraceSeconds = 10;

/**
 * observe → decide → record → perform (design §2). One turn at a time; effects run concurrently beside the turns,
 * one after another for the same machine, and wake the loop when they are done.
 */
export class Loop {
  readonly #parts: LoopParts;
  readonly #stop = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #busy = new Map<MachineId, Promise<void>>();
  readonly #usage: UsageKeeper;
  readonly #failures: CreationLedger;
  readonly #cloud: CloudWatch | undefined;
  #starts: Instant[] = [];
  #steadySince: Instant;
  #lastTurnUptime: Seconds;
  #unknownSince: Instant | undefined;
  #journalFault: string | undefined;
  #clock: ClockReading;
  #notedUptime: Seconds;
  #wake = new AbortController();
  last: { readonly observed: Observed; readonly decision: Decision } | undefined;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    const { clock } = parts;
    const remote = parts.provider.can.remote === true;
    this.#failures = new CreationLedger(remote);
    this.#cloud = remote ? new CloudWatch(clock) : undefined;
    this.#steadySince = clock.wall();
    this.#lastTurnUptime = clock.uptime();
    this.#notedUptime = clock.uptime();
    this.#clock = { wall: clock.wall(), uptime: clock.uptime(), bootId: clock.bootId };
    const anchor = parts.journal.fact('clock');
    if (anchor !== undefined) this.#clock = JSON.parse(anchor) as ClockReading;
    this.#usage = new UsageKeeper(parts.journal);
  }

  get journalFault(): string | undefined {
    return this.#journalFault;
  }

  /** Serves machines that an earlier process left behind, then turns until `stop`. */
  async run(): Promise<void> {
    await this.resume();
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      const decision = await this.turn();
      const { clock } = this.#parts;
      const earliest = later(clock.wall(), 1);
      await clock.sleepUntil(later(clock.wall(), spacingSeconds), this.#stop.signal);
      await clock.sleepUntil(decision.wakeAt > earliest ? decision.wakeAt : earliest, AbortSignal.any([this.#stop.signal, this.#wake.signal]));
    }
    await this.#leave();
  }

  /** Answers again for every machine that may be running. */
  async resume(): Promise<void> {
    this.#followClock();
    const live = this.#parts.journal.machines().filter((m) => m.state !== 'finished');
    await Promise.all(
      live.map((machine) =>
        this.#parts.guests
          .attach(machine)
          .catch((error: unknown) => this.#failed({ kind: 'adopt', id: machine.id, startedAt: machine.createdAt }, machine, error)),
      ),
    );
  }

  /** The next turn comes at once. */
  wake(): void {
    this.#wake.abort();
  }

  /** No further turn begins; effects under way have `stopGraceSeconds` to end. Machines run on. */
  stop(): void {
    this.#stop.abort();
  }

  async #leave(): Promise<void> {
    const limit = setTimeout(() => this.#giveUp.abort(), stopGraceSeconds * 1000);
    await this.idle();
    clearTimeout(limit);
  }

  /** Resolves when no effect is under way. */
  async idle(): Promise<void> {
    while (this.#busy.size > 0) await Promise.all(this.#busy.values());
  }

  async turn(): Promise<Decision> {
    const { parts, configuration } = { parts: this.#parts, configuration: this.configuration() };
    if (!this.#followClock()) return this.#outOfTime();
    const types = [...configuration.machinetypes.values()];
    parts.images.want(
      types.filter((type) => namedImage(type.rootImage) === undefined),
      configuration.settings,
    );
    parts.demand?.want(configuration);
    const memory = {
      inFlight: new Set(this.#busy.keys()),
      creationFailures: this.#failures.types(),
      failing: this.#failures.space(),
      cloud: this.#cloud,
      recentStarts: this.#starts,
      steadySince: this.#steadySince,
      unknownSince: this.#unknownSince,
      journalFault: this.#probeJournal(),
    };
    const observed = this.#usage.observe(await observe(parts, configuration, memory, this.#stop.signal), configuration);
    this.#unknownSince = observed.listing.state === 'unknown' ? observed.listing.since : undefined;
    await parts.steps.at('turn:observed');
    const decision = decide(observed, configuration, parts.random, parts.rule);
    this.last = { observed, decision };
    const work = await this.#record(decision, observed, configuration);
    parts.space?.publish({ ...observed, machines: parts.journal.machines() }, configuration);
    parts.bus.emit('decided', decision);
    for (const item of work) this.#begin(item, configuration);
    return decision;
  }

  /** The configuration in force, with what a person has asked for on top of it. */
  configuration(): Configuration {
    const { configuration } = this.#parts.configuration.current();
    if (!configuration) throw new Error('no usable configuration');
    if (this.#parts.journal.fact('draining') !== 'yes') return configuration;
    return { ...configuration, settings: { ...configuration.settings, draining: true } };
  }

  /** Durable intent first. When the journal cannot be written, only what needs no record is carried out. */
  async #record(decision: Decision, observed: Observed, configuration: Configuration): Promise<readonly Work[]> {
    const work = decision.actions.map((action) => workFor(action, configuration, observed, this.#parts));
    await this.#parts.steps.at('record:before');
    try {
      this.#parts.journal.commit([...this.#anchor(), ...work.flatMap((item) => item.changes)]);
    } catch (error) {
      this.#faulted(error);
      // What goes together with an unwritten end must wait for it: the provider may be the only one who remembers the start.
      const unwritten = new Set(work.filter((item) => item.changes.length > 0).map((item) => item.machine?.id));
      return work.filter((item) => item.action.kind === 'destroy' && !unwritten.has(item.action.id));
    }
    for (const { action, machine } of work) this.#parts.bus.emit('recorded', { action, ...(machine && { machine }) });
    this.#noteIfDue();
    await this.#parts.steps.at('record:done');
    return work;
  }

  /** Starts the effect behind those already under way for the same machine. */
  #begin({ action, machine }: Work, configuration: Configuration): void {
    const id = action.kind === 'create' ? machine?.id : action.id;
    if (id === undefined) return;
    if (action.kind === 'create') this.#starts = [...this.#starts.filter((at) => at > later(this.#parts.clock.wall(), -60)), this.#parts.clock.wall()];
    if (action.kind === 'finish' && machine) this.#ended(action, machine);
    if (action.kind === 'destroy') this.#cloud?.removing(id);
    const before = this.#busy.get(id) ?? Promise.resolve();
    const mine: Promise<void> = before
      .then(() => this.#carryOut(action, machine, configuration))
      .finally(() => {
        if (this.#busy.get(id) === mine) this.#busy.delete(id);
        if (action.kind !== 'adopt' && action.kind !== 'shorten') this.wake();
      });
    this.#busy.set(id, mine);
  }

  async #carryOut(action: Action, machine: Machine | undefined, configuration: Configuration): Promise<void> {
    const began = performance.now();
    try {
      await perform(action, machine, configuration, this.#parts, this.#giveUp.signal);
      if (action.kind === 'create' && machine) this.#failures.accepted(action.machinetype, machine.createdAt);
      if (action.kind === 'adopt' && machine) this.#failures.started(machine.machinetype, machine.createdAt);
      this.#parts.bus.emit('performed', { action, ...(machine && { machine }), took: seconds((performance.now() - began) / 1000) });
    } catch (error) {
      if (action.kind === 'create' && machine) this.#failures.failed(action.machinetype, machine.createdAt, this.#parts.clock.wall(), error);
      this.#failed(action, machine, error);
    }
  }

  #failed(action: Action, machine: Machine | undefined, error: unknown): void {
    this.#parts.bus.emit('failed', { action, ...(machine && { machine }), error });
  }

  #ended({ outcome, failure }: Extract<Action, { kind: 'finish' }>, machine: Machine): void {
    this.#parts.bus.emit('finished', { machine, outcome });
    if (failure === undefined) return;
    const { text, lack } = failure;
    const fault = new ProviderError('MACHINE_FAILED', text, { fault: 'provider', ...(lack !== undefined && { lack }) });
    this.#failures.failed(machine.machinetype, machine.createdAt, this.#parts.clock.wall(), fault);
  }

  /** The clocks as they stand, when the journal has no reading of this boot: without one, a step could not be found after a restart. */
  #anchor(): readonly Change[] {
    const known = this.#parts.journal.fact('clock');
    if (known !== undefined && (JSON.parse(known) as ClockReading).bootId === this.#clock.bootId) return [];
    return [{ kind: 'fact', key: 'clock', value: JSON.stringify(this.#clock) }];
  }

  /** A turn while records are on another time than the clock: nothing can be judged. */
  #outOfTime(): Decision {
    const at = this.#parts.clock.wall();
    const reasons = { veto: { why: 'journal', text: this.#journalFault ?? '' }, usedProcessors: 0, totalProcessors: 0, machinetypes: [], order: [] } as const;
    return { at, actions: [], reasons, wakeAt: later(at, 10) };
  }

  /**
   * When the wall clock has stepped, every recorded time moves with it, so that all durations stay what they were.
   * False: it has, but that cannot be written down now.
   */
  #followClock(): boolean {
    const { clock, journal, bus, guests } = this.#parts;
    const present = { wall: clock.wall(), uptime: clock.uptime(), bootId: clock.bootId };
    const by = clockStep(this.#clock, present);
    if (present.uptime - this.#lastTurnUptime > stallSeconds) this.#steadySince = present.wall;
    this.#lastTurnUptime = present.uptime;
    if (by !== 0) {
      try {
        journal.commit([
          ...journal.machines().map((m): Change => ({ kind: 'put', machine: shiftMachine(m, by) })),
          { kind: 'fact', key: 'clock', value: JSON.stringify(present) },
          ...this.#usage.changes(by),
        ]);
      } catch (error) {
        this.#faulted(error); // the old anchor stays, so the step is found again in the next turn
        return false;
      }
      this.#starts = this.#starts.map((at) => later(at, by));
      this.#failures.shift(by);
      this.#cloud?.shift(by);
      this.#parts.managers?.shift(by);
      if (this.#unknownSince !== undefined) this.#unknownSince = later(this.#unknownSince, by);
      this.#steadySince = present.wall;
      guests.shift(by);
      this.#usage.shift(by);
      this.#parts.space?.shift(by);
      for (const machine of journal.machines()) if (machine.state !== 'finished') guests.update(machine);
      bus.emit('clockStepped', { by });
    }
    this.#clock = present;
    return true;
  }

  #noteIfDue(): void {
    const { journal, clock } = this.#parts;
    if (this.#journalFault !== undefined || elapsed(instant(this.#notedUptime * 1000), instant(clock.uptime() * 1000)) < noteEverySeconds) return;
    this.#notedUptime = clock.uptime();
    const running = journal.machines().filter((m) => m.state === 'running' || m.state === 'ending');
    try {
      journal.commit([
        ...running.map((machine): Change => ({ kind: 'put', machine })),
        { kind: 'fact', key: 'clock', value: JSON.stringify(this.#clock) },
        ...this.#usage.changes(),
      ]);
    } catch (error) {
      this.#faulted(error);
    }
  }

  /** After a fault, tries a small write in every turn; healthy again when that works. */
  #probeJournal(): string | undefined {
    if (this.#journalFault === undefined) return undefined;
    try {
      this.#parts.journal.commit([{ kind: 'fact', key: 'clock', value: JSON.stringify(this.#clock) }]);
      this.#journalFault = undefined;
    } catch (error) {
      this.#faulted(error);
    }
    return this.#journalFault;
  }

  #faulted(error: unknown): void {
    this.#journalFault = error instanceof Error ? error.message : String(error);
    this.#parts.bus.emit('journalFault', { error });
  }
}
