import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import type { Job, JobEvent, JobId, JobState } from '../../core/jobs/job.ts';
import { eventsOfSubmission } from '../../core/jobs/record.ts';
import { type Seconds, seconds } from '../../core/units.ts';
import { type ClassCount, type JobFilter, StoreError } from '../store.ts';
import { classCountFrom } from './class-count.ts';
import { listingQueries } from './listing.ts';
import { eventFrom, jobFrom, type Row } from './row.ts';
import { sqliteError } from './sqlite-error.ts';
import { applicationId, schemaVersion, sqliteSchema } from './sqlite-schema.ts';
import { SqliteTransaction } from './sqlite-transaction.ts';
import type { Tables, Transaction } from './tables.ts';

export interface SqliteOptions {
  /** How long a call waits for another process that holds the file, before it is BUSY. Default: 5 s. */
  readonly patience?: Seconds;
  /** Bytes that the file may have; a store at this size is FULL. Default: what the disk has. */
  readonly maxBytes?: number;
}

interface Connections {
  readonly writer: DatabaseSync;
  readonly reader: DatabaseSync;
  readonly transaction: SqliteTransaction;
}

const pageBytes = 4096;
const pauseMilliseconds = 20;

/** Two connections to one file: one writes, one reads what has been committed. */
export class SqliteTables implements Tables {
  readonly #path: string;
  readonly #tries: number;
  readonly #maxPages: number | undefined;
  #open: Connections | undefined;

  constructor(path: string, { patience = seconds(5), maxBytes }: SqliteOptions) {
    this.#path = path;
    this.#tries = Math.max(1, Math.ceil((patience * 1000) / pauseMilliseconds));
    this.#maxPages = maxBytes === undefined ? undefined : Math.max(1, Math.floor(maxBytes / pageBytes));
  }

  async open(): Promise<void> {
    let writer: DatabaseSync | undefined;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      closeSync(openSync(this.#path, 'a', 0o600));
      chmodSync(this.#path, 0o600);
      writer = new DatabaseSync(this.#path);
      // A match waits for nobody inside SQLite: that would stop every other caller of this process. `#begin` waits outside.
      writer.exec(`PRAGMA busy_timeout = 0; PRAGMA page_size = ${pageBytes};`);
      const db = writer;
      await this.#patiently(() => this.#check(db));
      await this.#patiently(() => db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;'));
      if (this.#maxPages !== undefined) writer.exec(`PRAGMA max_page_count = ${this.#maxPages}`);
      await this.#patiently(() => db.exec('BEGIN IMMEDIATE'));
      if (this.#check(db) === 'empty') db.exec(sqliteSchema);
      writer.exec('COMMIT');
      const reader = new DatabaseSync(this.#path, { readOnly: true });
      reader.exec('PRAGMA busy_timeout = 1000; PRAGMA cache_size = -16384;');
      this.#open = { writer, reader, transaction: new SqliteTransaction(writer) };
    } catch (cause) {
      writer?.close();
      throw sqliteError(this.#path, cause);
    }
  }

  /** Throws for what is no store of ours, before anything is written to it. */
  #check(db: DatabaseSync): 'empty' | 'store' {
    const number = (pragma: string): number => Number(Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
    const version = number('user_version');
    if (Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']) === 0) return 'empty';
    if (number('application_id') !== applicationId) throw new StoreError('DAMAGED', `${this.#path} is not a store of jobs: it is another program's database`);
    if (version > schemaVersion)
      throw new StoreError('VERSION', `${this.#path} is a store of version ${version}; this program knows versions up to ${schemaVersion}`);
    return 'store';
  }

  async transaction<T>(work: (t: Transaction) => Promise<T>): Promise<T> {
    const { writer, transaction } = this.#opened();
    try {
      await this.#patiently(() => writer.exec('BEGIN IMMEDIATE'));
      transaction.begun();
      const result = await work(transaction);
      writer.exec('COMMIT');
      return result;
    } catch (cause) {
      if (writer.isTransaction) writer.exec('ROLLBACK');
      throw sqliteError(this.#path, cause);
    }
  }

  async #patiently(step: () => void): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        step();
        return;
      } catch (cause) {
        if (tries >= this.#tries || sqliteError(this.#path, cause).code !== 'BUSY') throw cause;
        await pause(pauseMilliseconds);
      }
    }
  }

  async job(id: JobId): Promise<Job | undefined> {
    return this.#rows('SELECT * FROM job WHERE id = ?', id).map(jobFrom)[0];
  }
  async history(id: JobId): Promise<readonly JobEvent[]> {
    const row = this.#rows('SELECT * FROM job WHERE id = ?', id)[0];
    if (row === undefined) return [];
    const first = eventsOfSubmission({ job: jobFrom(row), ready: row['ready'] === 1 });
    return [...first, ...this.#rows('SELECT * FROM event WHERE job = ? ORDER BY seq', id).map(eventFrom)];
  }
  async list(filter: JobFilter, page: { readonly after?: JobId; readonly limit: number }): Promise<readonly Job[]> {
    const rows = listingQueries(filter, page, { table: 'job', mark: () => '?' }).flatMap(({ sql, values }) => this.#rows(sql, ...values));
    return rows
      .map(jobFrom)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, page.limit);
  }
  async leased(lease: string): Promise<Job | undefined> {
    return this.#rows(`SELECT * FROM job WHERE lease = ? AND state = 'PROCESSING-RUNNING'`, lease).map(jobFrom)[0];
  }
  async classes(tenant: string | undefined): Promise<readonly ClassCount[]> {
    const rows = this.#rows(
      `SELECT c.tenant, c.requires, sum(l.waiting) AS waiting, sum(l.running) AS running,
         (SELECT submitted_at FROM job WHERE id = (SELECT id FROM queued q WHERE q.class = c.id ORDER BY id LIMIT 1)) AS oldest
       FROM line l JOIN class c ON c.id = l.class WHERE (l.waiting > 0 OR l.running > 0) AND (?1 IS NULL OR c.tenant = ?1) GROUP BY c.id ORDER BY c.id`,
      tenant ?? null,
    );
    return rows.map(classCountFrom);
  }
  async counts(tenant: string | undefined): Promise<readonly { readonly state: JobState; readonly jobs: number }[]> {
    return this.#rows('SELECT state, jobs FROM tally WHERE ?1 IS NULL OR tenant = ?1', tenant ?? null).map((r) => ({
      state: String(r['state']) as JobState,
      jobs: Number(r['jobs']),
    }));
  }
  async ownerOf(tenant: string, machine: string): Promise<string | undefined> {
    const owner = this.#rows('SELECT owner FROM machine WHERE tenant = ? AND machine = ?', tenant, machine)[0]?.['owner'];
    return owner === undefined ? undefined : String(owner);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    open?.reader.close();
    open?.writer.close();
  }

  #opened(): Connections {
    if (this.#open === undefined) throw new StoreError('UNREACHABLE', `${this.#path} is not open`);
    return this.#open;
  }

  #rows(sql: string, ...values: (string | number | null)[]): Row[] {
    try {
      return this.#opened()
        .reader.prepare(sql)
        .all(...values);
    } catch (cause) {
      throw sqliteError(this.#path, cause);
    }
  }
}
