import { Pool, type PoolClient } from 'pg';
import type { Job, JobEvent, JobId, JobState } from '../../core/jobs/job.ts';
import { eventsOfSubmission } from '../../core/jobs/record.ts';
import { type Seconds, seconds } from '../../core/units.ts';
import { type ClassCount, type JobFilter, StoreError } from '../store.ts';
import { classCountFrom } from './class-count.ts';
import { listingQueries } from './listing.ts';
import { postgresError } from './postgres-error.ts';
import { postgresSchema, schemaName as s, schemaVersion } from './postgres-schema.ts';
import { PostgresTransaction, type Query } from './postgres-transaction.ts';
import { eventFrom, jobFrom, type Row } from './row.ts';
import type { Tables, Transaction } from './tables.ts';

export interface PostgresOptions {
  /** How long a call waits for a connection or for other queue servers, before it is UNREACHABLE or BUSY. Default: 5 s. */
  readonly patience?: Seconds;
}

/** Of all queue servers on one database: "VaQu". Held by every transaction that changes something, so that they come one after the other. */
const lockKey = 0x56615175;
const statementMilliseconds = 15_000;
/** A queue server that stands still inside a transaction would stop all others: its transaction is ended. */
const stillMilliseconds = 10_000;
const connections = 5;

/** Name of the store without what is secret in its URL. */
function nameOf(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url.replace('@/', '@localhost/'));
  return `postgres://${searchParams.get('host') ?? hostname}${port === '' ? '' : `:${port}`}${pathname}`;
}

export class PostgresTables implements Tables {
  readonly #name: string;
  readonly #pool: Pool;
  readonly #statementNames = new Map<string, string>();
  #ended = false;

  constructor(url: string, { patience = seconds(5) }: PostgresOptions) {
    try {
      this.#name = nameOf(url);
    } catch (cause) {
      throw new StoreError('UNREACHABLE', 'the URL of the store cannot be read; write postgres://USER:PASSWORD@HOST:PORT/DATABASE', { cause });
    }
    this.#pool = new Pool({
      connectionString: url,
      max: connections,
      connectionTimeoutMillis: patience * 1000,
      lock_timeout: Math.max(1, Math.round(patience * 1000)),
      statement_timeout: statementMilliseconds,
      query_timeout: statementMilliseconds + 5_000,
      idle_in_transaction_session_timeout: stillMilliseconds,
      keepAlive: true,
      pipeline: true,
      application_name: 'vacua queue',
    });
    // A connection that breaks while idle, or between two statements, fails the call that uses it next; without listeners it would end the process.
    this.#pool.on('error', ignore);
    this.#pool.on('connect', (client) => client.on('error', ignore));
  }

  async open(): Promise<void> {
    await this.#withClient(async (query) => {
      await query('BEGIN');
      await query(`SELECT pg_advisory_xact_lock(${lockKey})`);
      const exists = (await query(`SELECT to_regclass('${s}.meta') IS NOT NULL AS here`))[0]?.['here'] === true;
      if (exists) {
        const version = Number((await query(`SELECT schema FROM ${s}.meta`))[0]?.['schema']);
        if (version > schemaVersion)
          throw new StoreError('VERSION', `${this.#name} is a store of version ${version}; this program knows versions up to ${schemaVersion}`);
      } else for (const statement of postgresSchema.split(';').filter((text) => text.trim() !== '')) await query(statement);
      await query('COMMIT');
    });
  }

  transaction<T>(work: (t: Transaction) => Promise<T>): Promise<T> {
    return this.#withClient(async (query) => {
      const [, , meta] = await Promise.all([query('BEGIN'), query(`SELECT pg_advisory_xact_lock(${lockKey})`), query(`SELECT version FROM ${s}.meta`)]);
      const result = await work(new PostgresTransaction(query, Number(meta[0]?.['version'])));
      await query('COMMIT');
      return result;
    });
  }

  /** A connection on which a call failed is used no more: whatever its transaction did ends with it. */
  async #withClient<T>(work: (query: Query) => Promise<T>): Promise<T> {
    if (this.#ended) throw new StoreError('UNREACHABLE', `${this.#name} is closed`);
    let client: PoolClient | undefined;
    try {
      const connected = await this.#pool.connect();
      client = connected;
      const result = await work(async (text, ...values) => (await connected.query<Row>({ text, values, name: this.#statementName(text) })).rows);
      client.release();
      return result;
    } catch (cause) {
      client?.release(true);
      throw postgresError(this.#name, cause);
    }
  }

  /** Under which the server keeps the plan of a statement. */
  #statementName(text: string): string {
    const known = this.#statementNames.get(text);
    if (known !== undefined) return known;
    const name = `vacua_${this.#statementNames.size}`;
    this.#statementNames.set(text, name);
    return name;
  }

  #rows(sql: string, ...values: unknown[]): Promise<readonly Row[]> {
    return this.#withClient((query) => query(sql, ...values));
  }

  async job(id: JobId): Promise<Job | undefined> {
    return (await this.#rows(`SELECT * FROM ${s}.job WHERE id = $1`, id)).map(jobFrom)[0];
  }
  async history(id: JobId): Promise<readonly JobEvent[]> {
    return this.#withClient(async (query) => {
      const [rows, events] = await Promise.all([
        query(`SELECT * FROM ${s}.job WHERE id = $1`, id),
        query(`SELECT * FROM ${s}.event WHERE job = $1 ORDER BY seq`, id),
      ]);
      return rows[0] === undefined ? [] : [...eventsOfSubmission({ job: jobFrom(rows[0]), ready: rows[0]['ready'] === 1 }), ...events.map(eventFrom)];
    });
  }
  async list(filter: JobFilter, page: { readonly after?: JobId; readonly limit: number }): Promise<readonly Job[]> {
    const queries = listingQueries(filter, page, { table: `${s}.job`, mark: (n) => `$${n}` });
    const found = await this.#withClient((query) => Promise.all(queries.map(({ sql, values }) => query(sql, ...values))));
    return found
      .flat()
      .map(jobFrom)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, page.limit);
  }
  async leased(lease: string): Promise<Job | undefined> {
    return (await this.#rows(`SELECT * FROM ${s}.job WHERE lease = $1 AND state = 'PROCESSING-RUNNING'`, lease)).map(jobFrom)[0];
  }
  async classes(tenant: string | undefined): Promise<readonly ClassCount[]> {
    const rows = await this.#rows(
      `SELECT c.tenant, c.requires, sum(l.waiting) AS waiting, sum(l.running) AS running,
         (SELECT submitted_at FROM ${s}.job WHERE id = (SELECT q.id FROM ${s}.queued q WHERE q.class = c.id ORDER BY q.id LIMIT 1)) AS oldest
       FROM ${s}.line l JOIN ${s}.class c ON c.id = l.class WHERE (l.waiting > 0 OR l.running > 0) AND ($1::text IS NULL OR c.tenant = $1) GROUP BY c.id ORDER BY c.id`,
      tenant ?? null,
    );
    return rows.map(classCountFrom);
  }
  async counts(tenant: string | undefined): Promise<readonly { readonly state: JobState; readonly jobs: number }[]> {
    const rows = await this.#rows(`SELECT state, jobs FROM ${s}.tally WHERE $1::text IS NULL OR tenant = $1`, tenant ?? null);
    return rows.map((r) => ({ state: String(r['state']) as JobState, jobs: Number(r['jobs']) }));
  }
  async ownerOf(tenant: string, machine: string): Promise<string | undefined> {
    const owner = (await this.#rows(`SELECT owner FROM ${s}.machine WHERE tenant = $1 AND machine = $2`, tenant, machine))[0]?.['owner'];
    return owner === undefined ? undefined : String(owner);
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#pool.end();
  }
}

function ignore(): void {
  // Nothing: see where it is used.
}
