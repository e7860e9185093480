import { randomUUID } from 'node:crypto';
import type { JobDocument, QueueClient } from '../queue/client/client.ts';
import { description, hangMark, integrate, type JobSpec, readResult, resultFile } from './job.ts';

export interface QueueCounts {
  readonly submitted: number;
  readonly waiting: number;
  readonly leased: number;
  readonly verified: number;
  /** Runs that were given up: their machine died, hung, or was too slow. */
  readonly lost: number;
  /** Jobs that failed, or whose result is not right. */
  readonly wrong: number;
  readonly hits: number;
  readonly points: number;
}

/** What the story needs of a queue. */
export interface WorkQueue {
  /** Appends a job. `hangs`: the first machine that takes it will hang. */
  submit(spec: JobSpec, hangs?: boolean): void;
  counts(): QueueCounts;
}

interface Known {
  readonly spec: JobSpec;
  /** Points inside, recomputed; absent: it has no right result yet. */
  hits?: number;
  job?: JobDocument;
  /** Whether it ended with the right result; absent: it has not ended. */
  right?: boolean;
}

/** The jobs of one tenant, seen as a user sees them: through the queue's API. Each result is computed again and compared. */
export class TenantQueue implements WorkQueue {
  readonly #client: Pick<QueueClient, 'submitAll' | 'list' | 'output'>;
  readonly #tenant: string;
  readonly #pending: { readonly spec: JobSpec; readonly hangs: boolean }[] = [];
  readonly #jobs = new Map<string, Known>();

  constructor(client: Pick<QueueClient, 'submitAll' | 'list' | 'output'>, tenant: string) {
    this.#client = client;
    this.#tenant = tenant;
  }

  /** The queue hears of it at the next `refresh`. */
  submit(spec: JobSpec, hangs = false): void {
    this.#pending.push({ spec, hangs });
  }

  /** Sends what was submitted, and looks how the jobs stand that had not ended. Rejects with a QueueError. */
  async refresh(): Promise<void> {
    const pending = this.#pending.slice();
    if (pending.length > 0) {
      const descriptions = pending.map(({ spec, hangs }) => description(spec, hangs));
      const ids = await this.#client.submitAll(descriptions, { tenant: this.#tenant, key: randomUUID() });
      this.#pending.splice(0, pending.length);
      for (const [i, { spec }] of pending.entries()) this.#jobs.set(ids[i] ?? '', { spec });
    }
    const all = [...this.#jobs].sort(([a], [b]) => (a < b ? -1 : 1));
    const open = all.findIndex(([, { right }]) => right === undefined);
    if (open < 0) return;
    const before = all[open - 1]?.[0];
    const { jobs } = await this.#client.list({ tenant: this.#tenant, limit: 1000, ...(before !== undefined && { after: before }) });
    for (const job of jobs) {
      const known = this.#jobs.get(job.id);
      if (known === undefined || known.right !== undefined) continue;
      known.job = job;
      if (job.state === 'TERMINAL') await this.#judge(known, job);
    }
  }

  counts(): QueueCounts {
    const all = [...this.#jobs.values()];
    const verified = all.filter(({ right }) => right === true);
    const wrong = all.filter(({ right }) => right === false).length;
    const leased = all.filter(({ right, job }) => right === undefined && (job?.state === 'PROCESSING-RUNNING' || job?.state === 'POSTPROCESSING')).length;
    const submitted = all.length + this.#pending.length;
    return {
      submitted,
      waiting: submitted - verified.length - wrong - leased,
      leased,
      verified: verified.length,
      lost: all.reduce((sum, { job, right }) => sum + lostRuns(job, right !== undefined), 0),
      wrong,
      hits: verified.reduce((sum, { hits = 0 }) => sum + hits, 0),
      points: verified.reduce((sum, { spec }) => sum + spec.points, 0),
    };
  }

  /** Machine that runs a job now which is to hang its first machine. */
  hanging(): string | undefined {
    const found = [...this.#jobs.values()].find(({ job }) => job?.spec.environment[hangMark] !== undefined && job.runs === 1 && isRunning(job));
    return found?.job?.run?.machine;
  }

  async #judge(known: Known, { id, attributes, exitCode }: JobDocument): Promise<void> {
    const right = integrate(known.spec);
    const result = attributes.length === 0 && exitCode === 0 ? readResult(await this.#result(id)) : undefined;
    known.right = result?.hits === right.hits && result.state === right.state;
    if (known.right) known.hits = right.hits;
  }

  async #result(id: string): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of await this.#client.output(id, resultFile)) parts.push(part);
    return Buffer.concat(parts).toString('utf8');
  }
}

const isRunning = ({ state, attributes }: JobDocument): boolean => state === 'PROCESSING-RUNNING' && attributes.includes('APP-RUNNING');

function lostRuns(job: JobDocument | undefined, ended: boolean): number {
  if (job === undefined) return 0;
  const present = ended || job.state === 'PROCESSING-RUNNING' || job.state === 'POSTPROCESSING' ? 1 : 0;
  return Math.max(0, job.runs - present);
}
