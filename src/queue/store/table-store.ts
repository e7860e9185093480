import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Meets } from '../../core/jobs/classes.ts';
import { defaultHalfLife } from '../../core/jobs/fair.ts';
import { type AgentFacts, type Job, type JobEvent, type JobId, type JobSpec, type JobState, jobStates, type RunResult } from '../../core/jobs/job.ts';
import {
  acted,
  begun,
  defaultKeep,
  finished,
  givenBack,
  type JobRecord,
  type LeaseStep,
  overdue,
  renewed,
  type Step,
  submitted,
} from '../../core/jobs/record.ts';
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
import { giveAway, type TakeOrder } from './give-away.ts';
import type { Tables, Transaction } from './tables.ts';

export interface StoreOptions {
  readonly meets: Meets;
  /** Of the recent usage of owners. Longer repays longer. Default: a day. */
  readonly halfLife?: Seconds;
  /** Outputs of a job that has ended are kept so long; then it is EXPIRED. Default: seven days. */
  readonly keep?: Seconds;
}

/** Changes a record that is named by its lease or its id. May throw StoreError; then nothing changes. */
interface RecordOrder {
  readonly kind: 'record';
  readonly lease?: string;
  readonly id?: JobId;
  readonly now: Instant;
  step(record: JobRecord | undefined): { readonly step?: Step | undefined; readonly answer: unknown };
}
interface AloneOrder {
  readonly kind: 'alone';
  run(t: Transaction): Promise<unknown>;
}
type Order = (RecordOrder | AloneOrder | TakeOrder) & { resolve(value: unknown): void; reject(error: unknown): void };
type OrderBody = RecordOrder | AloneOrder | TakeOrder;

const mostPerTransaction = 64;
const overduePerCall = 500;
const hashed = (secret: string): string => createHash('sha256').update(secret).digest('base64url');

/**
 * A JobStore over the tables of a database. Calls that come while a transaction is under way share the next one: it costs one wait for the disk
 * and one for the lock, however many they are. A transaction that fails as a whole is done again call by call, so that a submission
 * which finds the store full takes nobody's result with it.
 */
export class TableStore implements JobStore {
  readonly #tables: Tables;
  readonly #book: Book;
  readonly #keep: Seconds;
  readonly #nextId = jobIdMaker();
  #waiting: Order[] = [];
  #busy: Promise<void> | undefined;
  #closed = false;

  constructor(tables: Tables, { meets, halfLife = defaultHalfLife, keep = defaultKeep }: StoreOptions) {
    this.#tables = tables;
    this.#book = new Book(meets, halfLife);
    this.#keep = keep;
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
    return this.#do<readonly JobId[]>({ kind: 'alone', run: (t) => this.#submit(t, specs, { now, ready, ...(keys === undefined ? {} : { keys }) }) });
  }

  async take(agent: AgentFacts, { now, lease }: { readonly now: Instant; readonly lease: Seconds }): Promise<Taken | NotTaken> {
    checkAgent(agent);
    const token = randomBytes(32).toString('base64url') as LeaseToken;
    const answer = await this.#do<Job | NotTaken>({ kind: 'take', agent, now, until: later(now, lease), lease: hashed(token) });
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
    return this.#do<number>({
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
    return this.#do<Job>({
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
    return this.#do<'new' | 'same' | 'replayed'>({
      kind: 'alone',
      run: async (t) => {
        const mine = `${nonceHash} ${randomBytes(8).toString('base64url')}`;
        const holder = await t.claim(jti, mine, until);
        if (holder === mine) return 'new';
        return holder.slice(0, holder.lastIndexOf(' ')) === nonceHash ? 'same' : 'replayed';
      },
    });
  }
  ownerOf(machine: string): Promise<string | undefined> {
    return this.#tables.ownerOf(machine);
  }

  async close(): Promise<void> {
    this.#closed = true;
    while (this.#busy !== undefined) await this.#busy;
    await this.#tables.close();
  }

  #byLease(lease: LeaseToken, now: Instant, step: (record: JobRecord | undefined, hash: string) => LeaseStep): Promise<LeaseAnswer> {
    const hash = hashed(lease);
    return this.#do<LeaseAnswer>({
      kind: 'record',
      lease: hash,
      now,
      step: (record) => {
        const result = step(record, hash);
        return { step: result.step, answer: result.held ? { held: true, job: result.job } : { held: false, why: result.why } };
      },
    });
  }

  async #submit(
    t: Transaction,
    specs: readonly JobSpec[],
    { now, ready, keys }: { readonly now: Instant; readonly ready: boolean; readonly keys?: readonly string[] },
  ): Promise<readonly JobId[]> {
    const ledger = new Ledger(this.#book.usage);
    const known = new Map<string, Map<string, JobId>>();
    if (keys !== undefined) {
      const asked = Map.groupBy(
        specs.map((spec, i) => ({ tenant: spec.tenant, key: keys[i] ?? '' })),
        ({ tenant }) => tenant,
      );
      for (const [tenant, of] of asked)
        known.set(
          tenant,
          new Map(
            await t.submissions(
              tenant,
              of.map(({ key }) => key),
            ),
          ),
        );
    }
    let inserted = 0;
    const ids = specs.map((spec, i) => {
      const key = keys?.[i];
      const before = key === undefined ? undefined : known.get(spec.tenant)?.get(key);
      if (before !== undefined) return before;
      const of = this.#book.classOf(spec);
      if (of.added !== undefined) ledger.class(of.added);
      const record = submitted(this.#nextId(now), spec, { class: of.id, ready, now });
      ledger.insert(record);
      inserted++;
      if (key !== undefined) {
        ledger.submission(spec.tenant, key, record.job.id);
        known.get(spec.tenant)?.set(key, record.job.id);
      }
      return record.job.id;
    });
    if (inserted > 0) this.#book.wrote(await t.write(ledger.changes()));
    return ids;
  }

  #do<T>(body: OrderBody): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreError('UNREACHABLE', 'the store is closed'));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ ...body, resolve: (value) => resolve(value as T), reject });
      this.#busy ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    // After the callbacks of this turn of the event loop, so that requests which came together share a transaction.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const orders = this.#waiting.splice(0, mostPerTransaction);
      const failed = await this.#try(orders);
      if (failed === undefined) continue;
      const again = orders.length > 1 && !(failed instanceof StoreError && (failed.code === 'BUSY' || failed.code === 'UNREACHABLE'));
      for (const order of orders) {
        const error = again ? await this.#try([order]) : failed;
        if (error !== undefined) order.reject(error);
      }
    }
    this.#busy = undefined;
  }

  /** All in one transaction; undefined when it was committed, and then every order is settled. */
  async #try(orders: readonly Order[]): Promise<unknown> {
    const settle: (() => void)[] = [];
    try {
      await this.#tables.transaction(async (t) => {
        settle.length = 0;
        await this.#book.refresh(t);
        const records: (Order & RecordOrder)[] = [];
        const takes: (Order & TakeOrder)[] = [];
        for (const order of orders) {
          if (order.kind === 'record') records.push(order);
          else if (order.kind === 'take') takes.push(order);
          else {
            const answer = await order.run(t);
            settle.push(() => order.resolve(answer));
          }
        }
        await this.#stepAll(t, records, settle);
        // Last, so that they see what has just come or come back.
        await giveAway(t, this.#book, takes, (order, answer) => settle.push(() => order.resolve(answer)));
      });
    } catch (error) {
      this.#book.forget();
      return error;
    }
    for (const done of settle) done();
    return undefined;
  }

  async #stepAll(t: Transaction, orders: readonly (Order & RecordOrder)[], settle: (() => void)[]): Promise<void> {
    let rest = orders;
    while (rest.length > 0) {
      const records = await t.records({ leases: rest.flatMap((o) => o.lease ?? []), ids: rest.flatMap((o) => o.id ?? []) });
      const byLease = new Map(records.flatMap((r) => (r.lease === undefined ? [] : [[r.lease, r]])));
      const byId = new Map(records.map((r) => [r.job.id, r]));
      const touched = new Set<JobId>();
      const again: (Order & RecordOrder)[] = [];
      const ledger = new Ledger(this.#book.usage);
      for (const order of rest) {
        const record = order.lease === undefined ? order.id && byId.get(order.id) : byLease.get(order.lease);
        if (record !== undefined && touched.has(record.job.id)) {
          again.push(order);
          continue;
        }
        try {
          const { step, answer } = order.step(record);
          if (record !== undefined && step !== undefined) {
            ledger.step(record, step, order.now);
            touched.add(record.job.id);
          }
          settle.push(() => order.resolve(answer));
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          settle.push(() => order.reject(error));
        }
      }
      if (touched.size > 0) this.#book.wrote(await t.write(ledger.changes()));
      rest = again;
    }
  }
}
