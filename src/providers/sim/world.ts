import type { EndCause } from '../../core/machine.ts';
import type { Sighting } from '../../core/observed.ts';
import { type Instant, later, type MachineId, type Seconds, seconds } from '../../core/units.ts';
import type { MachineOrder } from '../contract.ts';
import type { SimClock } from './clock.ts';
import type { SimPlan, SimScript } from './script.ts';

/** Everything that ever happens in a simulated world, in order. A world is rebuilt from it, and a test audits it. */
export type SimEvent =
  | { readonly kind: 'accepted'; readonly up: Seconds; readonly at: Instant; readonly order: MachineOrder; readonly plan: SimPlan }
  | { readonly kind: 'asked'; readonly up: Seconds; readonly id: MachineId }
  | { readonly kind: 'ended'; readonly up: Seconds; readonly id: MachineId; readonly cause: EndCause }
  | { readonly kind: 'destroyed'; readonly up: Seconds; readonly id: MachineId; readonly worked: boolean };

/** A guest that acts: called when its machine has booted, ends the machine when it resolves. Called again when the world is opened by another process. */
export type SimGuest = (machine: {
  readonly order: MachineOrder;
  /** Time since the provider accepted it. */
  readonly age: () => Seconds;
  /** Aborts when it is asked to shut down. */
  readonly asked: AbortSignal;
  /** Aborts when the machine has gone; what the guest returns is then ignored. */
  readonly gone: AbortSignal;
}) => Promise<EndCause>;

export interface SimWorldOptions {
  readonly clock: SimClock;
  readonly script?: SimScript;
  readonly guest?: SimGuest;
  /** What has happened before (world-file.ts). */
  readonly past?: Iterable<SimEvent>;
  /** Called with each new event before it takes effect; where it is stored. */
  readonly onEvent?: (event: SimEvent) => void;
  /** Releases where it is stored. */
  readonly onClose?: () => void;
}

interface SimMachine {
  readonly order: MachineOrder;
  readonly plan: SimPlan;
  readonly since: Seconds;
  asked: boolean;
  ended?: { readonly up: Seconds; readonly cause: EndCause };
  guest?: { readonly asked: AbortController; readonly gone: AbortController };
}

/**
 * The simulated hypervisor: outlives provider objects, as real machines outlive the daemon. Its state is a function of
 * elapsed time, worked out when somebody looks; between looks there is at most one timer, for the next thing due.
 */
export class SimWorld {
  readonly clock: SimClock;
  readonly script: SimScript;
  readonly #guest: SimGuest | undefined;
  readonly #onEvent: ((event: SimEvent) => void) | undefined;
  readonly #onClose: (() => void) | undefined;
  readonly #machines = new Map<MachineId, SimMachine>();
  readonly #watchers = new Set<(id: MachineId) => void>();
  #timer: AbortController | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: SimWorldOptions) {
    this.clock = options.clock;
    this.script = options.script ?? {};
    this.#guest = options.guest;
    for (const event of options.past ?? []) this.#apply(event);
    this.#onEvent = options.onEvent;
    this.#onClose = options.onClose;
    this.#settle();
  }

  /** False when it already exists, also when it has ended. */
  accept(order: MachineOrder): boolean {
    this.#settle();
    if (this.#machines.has(order.id)) return false;
    const plan = this.script.plan?.(order) ?? { boot: seconds(0) };
    this.#happen({ kind: 'accepted', up: this.clock.uptime(), at: this.clock.wall(), order, plan });
    this.#settle();
    return true;
  }

  /** A shutdown request: obeyed at once when the guest is up and listens, lost otherwise. */
  ask(id: MachineId): void {
    this.#settle();
    const m = this.#machines.get(id);
    if (m === undefined || m.ended !== undefined) return;
    const hears = m.plan.deaf !== true && this.clock.uptime() >= m.since + m.plan.boot;
    if (!hears) return;
    if (!m.asked) this.#happen({ kind: 'asked', up: this.clock.uptime(), id });
    if (m.guest === undefined) this.end(id, 'power-off');
  }

  /** The machine stops, and stays listed until it is destroyed. No effect on one that has stopped. */
  end(id: MachineId, cause: EndCause): void {
    const m = this.#machines.get(id);
    if (m === undefined || m.ended !== undefined) return;
    this.#stop(m, this.clock.uptime(), cause);
    this.#arm();
  }

  /** Removes every trace. No effect when there is none. */
  destroy(id: MachineId): void {
    this.#settle();
    const m = this.#machines.get(id);
    if (m === undefined) return;
    this.#happen({ kind: 'destroyed', up: this.clock.uptime(), id, worked: m.ended === undefined });
    this.#arm();
  }

  /** Replaces the rest of a machine's life: how a test makes a guest hang or end. */
  replan(id: MachineId, change: Partial<SimPlan>): void {
    const m = this.#machines.get(id);
    if (m === undefined || m.ended !== undefined) return;
    this.#machines.set(id, { ...m, plan: { ...m.plan, ...change } });
    this.#settle();
  }

  sightings(): Sighting[] {
    this.#settle();
    return [...this.#machines.values()].map((m) => {
      const ran = (m.ended?.up ?? this.clock.uptime()) - m.since;
      return {
        id: m.order.id,
        power: m.ended === undefined ? 'running' : 'off',
        ...(m.ended === undefined ? {} : { cause: m.ended.cause }),
        startedAt: later(this.clock.wall(), m.since - this.clock.uptime()),
        cpuSeconds: seconds(ran * (m.plan.busy ?? 1)),
        order: m.order,
      };
    });
  }

  machine(id: MachineId): { readonly order: MachineOrder; readonly age: Seconds; readonly booted: boolean; readonly ended: boolean } | undefined {
    this.#settle();
    const m = this.#machines.get(id);
    if (m === undefined) return undefined;
    const age = seconds((m.ended?.up ?? this.clock.uptime()) - m.since);
    return { order: m.order, age, booted: age >= m.plan.boot, ended: m.ended !== undefined };
  }

  watch(onChange: (id: MachineId) => void): () => void {
    this.#watchers.add(onChange);
    this.#arm();
    return () => this.#watchers.delete(onChange);
  }

  /** Ends this process's part: guests and the timer. Machines stay as they are for whoever opens the world next. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.abort();
    this.#watchers.clear();
    for (const m of this.#machines.values()) m.guest?.gone.abort();
    this.#onClose?.();
  }

  #stop(m: SimMachine, up: Seconds, cause: EndCause): void {
    this.#happen({ kind: 'ended', up, id: m.order.id, cause });
    if (m.plan.traceless === true) this.#happen({ kind: 'destroyed', up, id: m.order.id, worked: false });
  }

  #happen(event: SimEvent): void {
    this.#onEvent?.(event);
    this.#apply(event);
    const id = event.kind === 'accepted' ? event.order.id : event.id;
    for (const watcher of this.#watchers) watcher(id);
  }

  #apply(event: SimEvent): void {
    if (event.kind === 'accepted') {
      this.#machines.set(event.order.id, { order: event.order, plan: event.plan, since: event.up, asked: false });
      return;
    }
    const m = this.#machines.get(event.id);
    if (m === undefined) return;
    if (event.kind === 'asked') {
      m.asked = true;
      m.guest?.asked.abort();
    } else {
      if (event.kind === 'ended') m.ended = { up: event.up, cause: event.cause };
      else this.#machines.delete(event.id);
      m.guest?.gone.abort();
    }
  }

  /** Uptime at which this machine next does something by itself; infinite: never. */
  #due(m: SimMachine): number {
    if (m.ended !== undefined) return Number.POSITIVE_INFINITY;
    const boots = this.#guest !== undefined && m.guest === undefined ? m.since + m.plan.boot : Number.POSITIVE_INFINITY;
    return Math.min(boots, m.plan.run === undefined ? Number.POSITIVE_INFINITY : m.since + m.plan.run);
  }

  /** Lets everything that is due happen. */
  #settle(): void {
    if (this.#closed) return;
    const now = this.clock.uptime();
    for (const m of this.#machines.values()) {
      if (this.#due(m) > now) continue;
      if (m.plan.run !== undefined && m.since + m.plan.run <= now) this.#stop(m, seconds(m.since + m.plan.run), m.plan.ends ?? 'power-off');
      else this.#boot(m);
    }
    this.#arm();
  }

  /** When nobody waits for an answer. */
  #settleUnasked(): void {
    try {
      this.#settle();
    } catch {
      // What cannot be stored has not happened yet; the next listing tries again, and fails by it where somebody sees it.
    }
  }

  #boot(m: SimMachine): void {
    const guest = { asked: new AbortController(), gone: new AbortController() };
    m.guest = guest;
    if (m.asked) guest.asked.abort();
    const life = this.#guest?.({
      order: m.order,
      age: () => seconds(this.clock.uptime() - m.since),
      asked: guest.asked.signal,
      gone: guest.gone.signal,
    });
    if (life !== undefined) void this.#await(m.order.id, life, guest.gone.signal);
  }

  async #await(id: MachineId, life: Promise<EndCause>, gone: AbortSignal): Promise<void> {
    // A guest that fails is a guest that panics: nothing in it may reach the daemon.
    const ends = await life.catch((): EndCause => 'panic');
    const m = this.#machines.get(id);
    if (gone.aborted || m === undefined) return;
    this.#machines.set(id, { ...m, plan: { ...m.plan, run: seconds(this.clock.uptime() - m.since), ends } });
    this.#settleUnasked();
  }

  /** One timer for the next thing due, as long as somebody cares about it without looking. */
  #arm(): void {
    const next = this.#watchers.size === 0 && this.#guest === undefined ? Number.POSITIVE_INFINITY : this.#nextDue();
    if (next === this.#armedFor) return;
    this.#timer?.abort();
    this.#armedFor = next;
    if (!this.#closed && Number.isFinite(next)) void this.#wakeAt(next);
  }

  #nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const m of this.#machines.values()) next = Math.min(next, this.#due(m));
    return next;
  }

  async #wakeAt(up: number): Promise<void> {
    const timer = new AbortController();
    this.#timer = timer;
    const wait = Math.max(0, up - this.clock.uptime());
    await this.clock.sleepUntil(later(this.clock.wall(), wait + 0.001), timer.signal);
    if (timer.signal.aborted) return;
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#settleUnasked();
  }
}
