import type { EndCause, Machine } from '../core/machine.ts';
import type { Sighting } from '../core/observed.ts';
import { elapsed, type Instant, later, type Seconds, seconds } from '../core/units.ts';
import type { Agenda } from './agenda.ts';
import type { Agent, Job, TaskQueue } from './work.ts';

/** An agent leaves this much of its lifetime unused, for what follows its last job. */
const endMargin = 30;
/** From the last word of a guest to its power being off. */
const powerOffSeconds = 2;

/** What a machine tells its host. */
export interface Hosting {
  readonly agenda: Agenda;
  /** What the host's wall clock is ahead of the true one. */
  skewOf(): Seconds;
  /** First contact: the boot is over. */
  booted(machine: SimMachine): void;
  /** Its power is off by itself. */
  ended(machine: SimMachine): void;
}

/**
 * A machine at the simulated provider, with the agent in it, and its record as the factory keeps it. `power`: `ordered` until the
 * provider has accepted it, `gone` when it is not in the provider's list any more.
 */
export class SimMachine implements Agent {
  record: Machine;
  power: 'ordered' | 'on' | 'off' | 'gone' = 'ordered';
  cause: EndCause = 'power-off';
  booted = false;
  sighting: Sighting;
  readonly #hosting: Hosting;
  readonly #queue: TaskQueue | undefined;
  #job: Job | undefined;
  #jobsDone = 0;
  #waits = 0;

  constructor(record: Machine, queue: TaskQueue | undefined, hosting: Hosting) {
    this.record = record;
    this.#queue = queue;
    this.#hosting = hosting;
    this.sighting = { id: record.id, power: 'running' };
  }

  get busy(): boolean {
    return this.#job !== undefined;
  }

  /** The provider has accepted it. */
  powerOn(bootSeconds: number): void {
    this.power = 'on';
    this.sighting = { id: this.record.id, power: 'running', startedAt: this.#wall() };
    this.#in(bootSeconds, () => {
      this.booted = true;
      this.record = { ...this.record, contactAt: this.#wall() };
      this.#hosting.booted(this);
    });
  }

  /** The agent begins to work. */
  work(): void {
    if (this.power !== 'on' || this.record.message !== undefined) return;
    const { work } = this.#queue ?? {};
    if (work !== undefined && work.jobsPerMachine > 0 && this.#jobsDone >= work.jobsPerMachine) return this.say('200 Intended work completed');
    const job = this.#queue?.fetch(this);
    if (job === 'too-long') return this.say(this.#jobsDone > 0 ? '200 No further job fits into the time left' : '300 No job fits into the time left');
    if (job !== undefined) return this.take(job);
    this.#queue?.await(this);
    const waits = ++this.#waits;
    this.#in(work?.idle ?? 300, () => {
      if (this.#waits !== waits || this.busy) return;
      this.#queue?.leave(this);
      this.say('300 No more work available from task queue');
    });
  }

  left(): Seconds {
    return seconds(elapsed(this.#wall(), this.record.shutdownTime) - endMargin);
  }

  take(job: Job): void {
    this.#waits += 1;
    this.#job = job;
    this.#in(job.length, () => {
      if (this.#job !== job) return;
      this.#job = undefined;
      this.#jobsDone += 1;
      this.#queue?.finish(job);
      this.work();
    });
  }

  /** The guest's last word, after which it powers off. Without a message it just powers off. */
  say(message?: string): void {
    if (message !== undefined) this.record = { ...this.record, message: { text: message, at: this.#wall() } };
    this.#in(powerOffSeconds, () => {
      this.cut('off', 'power-off');
      this.#hosting.ended(this);
    });
  }

  /** The guest obeys a request to shut down. */
  asked(): void {
    if (this.power === 'on') this.say();
  }

  /** Whatever runs in it stops now. */
  cut(power: 'off' | 'gone', cause: EndCause): void {
    if (this.power === 'on' || this.power === 'ordered') {
      this.cause = cause;
      this.#queue?.leave(this);
      this.#waits += 1;
      const job = this.#job;
      this.#job = undefined;
      if (job !== undefined) this.#queue?.putBack(job);
      this.sighting = { id: this.record.id, power: 'off', cause };
    }
    this.power = power;
  }

  /** Does something later, unless the machine has lost its power by then. */
  #in(after: number, what: () => void): void {
    this.#hosting.agenda.at(later(this.#hosting.agenda.now, after), () => {
      if (this.power === 'on') what();
    });
  }

  #wall(): Instant {
    return later(this.#hosting.agenda.now, this.#hosting.skewOf());
  }
}
