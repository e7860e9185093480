import { createHash, randomBytes } from 'node:crypto';
import type { Meets } from '../../core/jobs/classes.ts';
import { defaultHalfLife } from '../../core/jobs/fair.ts';
import { type AgentFacts, type Job, type JobEvent, type JobId, type JobSpec, type JobState, jobStates, type RunResult } from '../../core/jobs/job.ts';
import { acted, begun, defaultKeep, finished, givenBack, type JobRecord, type LeaseStep, overdue, renewed } from '../../core/jobs/record.ts';
import { type Instant, later, type Seconds } from '../../core/units.ts';
import {
  type ClassCount,
  type JobAction,
  type JobFilter,
  type JobStore,
  type LeaseAnswer,
  type LeaseToken,
  type NotTaken,
  StoreError,
  type Taken,
} from '../store.ts';
import { Book, machinesForgotten } from './book.ts';
import { jobIdMaker } from './job-id.ts';
import { Ledger } from './ledger.ts';
import { checkAgent, checkSpec } from './limits.ts';
import { submitAll } from './submit-all.ts';
import { Turns } from './turns.ts';
import type { Tables } from './tables.ts';

export interface StoreOptions {
  readonly meets: Meets;
  /** Of the recent usage of owners. Longer repays longer. Default: a day. */
  readonly halfLife?: Seconds;
  /** Outputs of a job that has ended are kept so long; then it is EXPIRED. Default: seven days. */
  readonly keep?: Seconds;
}

const overduePerCall = 500;
const hashed = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/** A JobStore over the tables of a database: the rules of core/jobs on what the tables hold. */
export class TableStore implements JobStore {
  readonly #tables: Tables;
  readonly #book: Book;
  readonly #keep: Seconds;
  readonly #nextId = jobIdMaker();
  readonly #turns: Turns;

  constructor(tables: Tables, { meets, halfLife = defaultHalfLife, keep = defaultKeep }: StoreOptions) {
    this.#tables = tables;
    this.#book = new Book(meets, halfLife);
    this.#keep = keep;
    this.#turns = new Turns(tables, this.#book);
  }

  open(): Promise<void> {
    return this.#tables.open();
  }

  async submit(
    specs: readonly JobSpec[],
    { now, ready, keys }: { readonly now: Instant; readonly ready: boolean; readonly keys?: readonly string[] },
  ): Promise<readonly JobId[]> {
    if (keys !== undefined && keys.length !== specs.length)
      throw new StoreError('REFUSED', `submission: ${specs.length} jobs have ${keys.length} keys; give one for each`);
    specs.forEach((spec) => checkSpec(spec));
    if (specs.length === 0) return [];
    return this.#turns.do<readonly JobId[]>({ kind: 'alone', run: (t) => submitAll(t, this.#book, specs, { now, ready, keys, nextId: this.#nextId }) });
  }

  async take(agent: AgentFacts, { now, lease }: { readonly now: Instant; readonly lease: Seconds }): Promise<Taken | NotTaken> {
    checkAgent(agent);
    const token = randomBytes(32).toString('base64url') as LeaseToken;
    const answer = await this.#turns.do<Job | NotTaken>({ kind: 'take', agent, now, until: later(now, lease), lease: hashed(token) });
    return 'reasons' in answer ? answer : { job: answer, lease: token };
  }

  begin(lease: LeaseToken, now: Instant): Promise<LeaseAnswer> {
    return this.#byLease(lease, now, (record, hash) => begun(record, hash, now, this.#keep));
  }
  renew(lease: LeaseToken, { now, lease: length }: { readonly now: Instant; readonly lease: Seconds }): Promise<LeaseAnswer> {
    return this.#byLease(lease, now, (record, hash) => renewed(record, hash, now, later(now, length), this.#keep));
  }
  finish(lease: LeaseToken, result: RunResult, now: Instant): Promise<LeaseAnswer> {
    return this.#byLease(lease, now, (record, hash) => finished(record, hash, result, now, this.#keep));
  }
  giveBack(lease: LeaseToken, why: string, now: Instant): Promise<LeaseAnswer> {
    return this.#byLease(lease, now, (record, hash) => givenBack(record, hash, why, now, this.#keep));
  }

  expire(now: Instant): Promise<number> {
    return this.#turns.do<number>({
      kind: 'alone',
      run: async (t) => {
        const records = await t.due(now, overduePerCall);
        const ledger = new Ledger(this.#book.usage);
        let changed = 0;
        for (const record of records) {
          const step = overdue(record, now, this.#keep);
          if (step === undefined) continue;
          ledger.step(record, step, now);
          changed++;
        }
        if (changed > 0) this.#book.wrote(await t.write(ledger.changes()));
        await t.forget(now, machinesForgotten(now));
        return changed;
      },
    });
  }

  act(id: JobId, action: JobAction, by: string, now: Instant): Promise<Job> {
    return this.#turns.do<Job>({
      kind: 'record',
      id,
      now,
      step: (record) => {
        if (record === undefined) throw new StoreError('NOT_FOUND', `job ${id}: there is none`);
        const step = acted(record, action, by, now, this.#keep);
        if ('refused' in step) throw new StoreError('REFUSED', `job ${id}: ${step.refused}`);
        return { step, answer: step.record?.job ?? record.job };
      },
    });
  }

  job(id: JobId): Promise<Job | undefined> {
    return this.#tables.job(id);
  }
  history(id: JobId): Promise<readonly JobEvent[]> {
    return this.#tables.history(id);
  }
  list(filter: JobFilter, page: { readonly after?: JobId; readonly limit: number }): Promise<readonly Job[]> {
    // No job has such a name, and PostgreSQL takes no text with NUL.
    if (filter.tenant?.includes('\0') === true || filter.owner?.includes('\0') === true) return Promise.resolve([]);
    return this.#tables.list(filter, page);
  }
  leased(lease: LeaseToken): Promise<Job | undefined> {
    return this.#tables.leased(hashed(lease));
  }
  classes(tenant?: string): Promise<readonly ClassCount[]> {
    return this.#tables.classes(tenant);
  }
  async counts(tenant?: string): Promise<Readonly<Record<JobState, number>>> {
    const counts = Object.fromEntries(jobStates.map((s) => [s, 0])) as Record<JobState, number>;
    for (const { state, jobs } of await this.#tables.counts(tenant)) counts[state] += jobs;
    return counts;
  }
  claimToken(jti: string, nonceHash: string, until: Instant): Promise<'new' | 'same' | 'replayed'> {
    return this.#turns.do<'new' | 'same' | 'replayed'>({
      kind: 'alone',
      run: async (t) => {
        const mine = `${nonceHash} ${randomBytes(8).toString('base64url')}`;
        const holder = await t.claim(jti, mine, until);
        if (holder === mine) return 'new';
        return holder.slice(0, holder.lastIndexOf(' ')) === nonceHash ? 'same' : 'replayed';
      },
    });
  }
  ownerOf(tenant: string, machine: string): Promise<string | undefined> {
    return this.#tables.ownerOf(tenant, machine);
  }

  async close(): Promise<void> {
    await this.#turns.close();
    await this.#tables.close();
  }

  #byLease(lease: LeaseToken, now: Instant, step: (record: JobRecord | undefined, hash: string) => LeaseStep): Promise<LeaseAnswer> {
    const hash = hashed(lease);
    return this.#turns.do<LeaseAnswer>({
      kind: 'record',
      lease: hash,
      now,
      step: (record) => {
        const result = step(record, hash);
        return { step: result.step, answer: result.held ? { held: true, job: result.job } : { held: false, why: result.why } };
      },
    });
  }
}
