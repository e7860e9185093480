import { elapsed, type Instant, later, type Seconds } from '../core/units.ts';
import type { Agenda } from './agenda.ts';
import { exponential, normal, type Random } from './random.ts';
import type { Length, RateStep, Work } from './scenario/types.ts';

/** One piece of work of a tenant. It is in the queue, with one agent, or done. */
export interface Job {
  readonly id: number;
  /** Seconds of run time. */
  readonly length: number;
  done: boolean;
}

/** An agent as its queue knows it. */
export interface Agent {
  /** Time until its machine ends. */
  left(): Seconds;
  /** Is given a job while it waits. */
  take(job: Job): void;
}

const day = 86_400;
/** So many jobs are tried for an agent with little time. */
const lookAhead = 20;

/** The task queue of one tenant: jobs arrive, agents fetch them, first come first served. */
export class TaskQueue {
  readonly work: Work;
  arrived = 0;
  done = 0;
  running = 0;
  /** Runs that ended before the job did; each is put back to the front. */
  interrupted = 0;
  readonly #agenda: Agenda;
  readonly #random: Random;
  /** Jobs waiting, the next one at `#head`. Those put back stand in `#again`. */
  #jobs: Job[] = [];
  #head = 0;
  readonly #again: Job[] = [];
  /** Arrived behind all these, and not looked at yet. */
  #unseen = 0;
  #ids = 0;
  readonly #idle = new Set<Agent>();

  constructor(work: Work, agenda: Agenda, random: Random) {
    this.work = work;
    this.#agenda = agenda;
    this.#random = random;
    if (work.waiting !== 'endless') this.#arrive(work.waiting);
    if (work.rate.length > 0) this.#next();
  }

  get waiting(): number {
    return this.#jobs.length - this.#head + this.#again.length + this.#unseen;
  }

  /** The first job that fits into the agent's time; `too-long`: there is work, but not for this agent; undefined: the queue is empty. */
  fetch(agent: Agent): Job | 'too-long' | undefined {
    if (this.waiting === 0 && this.work.waiting === 'endless') this.#arrive(1);
    if (this.waiting === 0) return undefined;
    const left = agent.left();
    const again = this.#again.findLastIndex((job) => job.length <= left);
    const [putBack] = again < 0 ? [] : this.#again.splice(again, 1);
    const job = putBack ?? this.#firstFitting(left);
    if (job === undefined) return 'too-long';
    this.running += 1;
    return job;
  }

  /** Looks at the oldest jobs only, as a matcher does. */
  #firstFitting(left: number): Job | undefined {
    for (; this.#unseen > 0 && this.#jobs.length - this.#head < lookAhead; this.#unseen--) this.#jobs.push(this.#newJob());
    for (let i = this.#head; i < Math.min(this.#jobs.length, this.#head + lookAhead); i++) {
      const job = this.#jobs[i];
      if (job === undefined || job.length > left) continue;
      const head = this.#jobs[this.#head];
      if (head !== undefined) this.#jobs[i] = head;
      this.#head += 1;
      if (this.#head > 10_000) {
        this.#jobs = this.#jobs.slice(this.#head);
        this.#head = 0;
      }
      return job;
    }
    return undefined;
  }

  /** The agent wants the next job that arrives. */
  await(agent: Agent): void {
    this.#idle.add(agent);
  }

  leave(agent: Agent): void {
    this.#idle.delete(agent);
  }

  finish(job: Job): void {
    if (job.done) throw new Error(`job ${job.id} of ${this.work.machinetype} was done twice`);
    job.done = true;
    this.done += 1;
    this.running -= 1;
  }

  /** The machine ended before the job. */
  putBack(job: Job): void {
    this.running -= 1;
    this.interrupted += 1;
    this.#again.push(job);
    this.#offer();
  }

  #arrive(jobs: number): void {
    this.arrived += jobs;
    this.#unseen += jobs;
  }

  #newJob(): Job {
    return { id: this.#ids++, length: lengthOf(this.work.jobLength, this.#random), done: false };
  }

  /** The next batch, at the rate of its moment: where the rate changes before, the draw begins anew, which for a Poisson process is the same. */
  #next(): void {
    const now = this.#agenda.now;
    const { perSecond, until } = rateAt(this.work.rate, now);
    const pause = perSecond > 0 ? exponential(this.#random, this.work.batch / perSecond) : Number.POSITIVE_INFINITY;
    if (pause > elapsed(now, until)) {
      this.#agenda.at(until, () => this.#next());
      return;
    }
    this.#agenda.at(later(now, pause), () => {
      this.#arrive(this.work.batch);
      this.#offer();
      this.#next();
    });
  }

  #offer(): void {
    for (const agent of this.#idle) {
      const job = this.fetch(agent);
      if (job === undefined) return;
      if (job === 'too-long') continue;
      this.#idle.delete(agent);
      agent.take(job);
    }
  }
}

/** The step of the day that counts at a moment, and when the next one begins. */
export function rateAt(steps: readonly RateStep[], at: Instant): { readonly perSecond: number; readonly until: Instant } {
  const second = (at / 1000) % day;
  const midnight = later(at, -second);
  const present = steps.findLast((step) => step.from <= second) ?? steps.at(-1);
  const next = steps.find((step) => step.from > second);
  return { perSecond: present?.perSecond ?? 0, until: later(midnight, next?.from ?? day + (steps[0]?.from ?? 0)) };
}

/** Run time of a job, at least a second. */
function lengthOf(length: Length, random: Random): number {
  const drawn = (): number => {
    switch (length.kind) {
      case 'fixed':
        return length.seconds;
      case 'uniform':
        return length.least + (length.most - length.least) * random();
      case 'exponential':
        return exponential(random, length.mean);
      case 'lognormal':
        return length.median * Math.exp(length.sigma * normal(random));
    }
  };
  return Math.max(1, drawn());
}
