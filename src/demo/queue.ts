import { later, type Instant, type Seconds } from '../core/units.ts';
import { integrate, type JobResult, type JobSpec } from './job.ts';

/** What a machine is given: one job, its own until `until`. */
export interface Lease {
  readonly token: string;
  readonly job: number;
  readonly spec: JobSpec;
  /** `hang`: the machine is to stop without a word, for the demonstration's sake. */
  readonly kind: 'pi' | 'hang';
  readonly until: Instant;
}

/** Answer to a result. `wrong`: the job is given again. `lost`: no such lease, or it has run out, or was used before. */
export type Receipt = 'verified' | 'wrong' | 'lost';

export interface QueueCounts {
  readonly submitted: number;
  readonly waiting: number;
  readonly leased: number;
  readonly verified: number;
  /** Leases that ran out: the machine died, hung, or was too slow. */
  readonly lost: number;
  readonly wrong: number;
  readonly hits: number;
  readonly points: number;
}

interface Job {
  readonly id: number;
  readonly spec: JobSpec;
  hangs: boolean;
}

export interface QueueOptions {
  readonly lease: Seconds;
  /** Unguessable, new at every call. */
  readonly newToken: () => string;
}

/**
 * A tenant's task queue: every job is leased to one machine at a time, given again when its lease runs out, and counted
 * once, when a result has been verified. Time is an argument; a lease that has run out counts as lost at the next call.
 */
export class JobQueue {
  readonly #options: QueueOptions;
  readonly #waiting: Job[] = [];
  readonly #leases = new Map<string, { readonly job: Job; readonly until: Instant }>();
  readonly #verified = new Map<number, JobResult>();
  #submitted = 0;
  #lost = 0;
  #wrong = 0;
  #hits = 0;
  #points = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** Appends a job. `hangs`: the first machine that takes it will hang. */
  submit(spec: JobSpec, hangs = false): void {
    this.#submitted++;
    this.#waiting.push({ id: this.#submitted, spec, hangs });
  }

  /** The next job; undefined when none is waiting. */
  take(now: Instant): Lease | undefined {
    this.#expire(now);
    const job = this.#waiting.shift();
    if (job === undefined) return undefined;
    const kind = job.hangs ? 'hang' : 'pi';
    job.hangs = false;
    const token = this.#options.newToken();
    const until = later(now, this.#options.lease);
    this.#leases.set(token, { job, until });
    return { token, job: job.id, spec: job.spec, kind, until };
  }

  /** Recomputes the job of the lease and compares. A lease is good for one result. */
  finish(token: string, result: JobResult | undefined, now: Instant): Receipt {
    this.#expire(now);
    const lease = this.#leases.get(token);
    if (lease === undefined) return 'lost';
    this.#leases.delete(token);
    const right = integrate(lease.job.spec);
    if (result === undefined || result.hits !== right.hits || result.state !== right.state) {
      this.#wrong++;
      this.#waiting.unshift(lease.job);
      return 'wrong';
    }
    this.#verified.set(lease.job.id, result);
    this.#hits += result.hits;
    this.#points += lease.job.spec.points;
    return 'verified';
  }

  counts(now: Instant): QueueCounts {
    this.#expire(now);
    return {
      submitted: this.#submitted,
      waiting: this.#waiting.length,
      leased: this.#leases.size,
      verified: this.#verified.size,
      lost: this.#lost,
      wrong: this.#wrong,
      hits: this.#hits,
      points: this.#points,
    };
  }

  #expire(now: Instant): void {
    for (const [token, { job, until }] of this.#leases) {
      if (until > now) continue;
      this.#leases.delete(token);
      this.#lost++;
      this.#waiting.unshift(job);
    }
  }
}
