import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Requires } from '../../core/jobs/classes.ts';
import type { JobId } from '../../core/jobs/job.ts';
import type { JobRecord } from '../../core/jobs/record.ts';
import { type Instant, instant } from '../../core/units.ts';
import { changing, columns, recordFrom, type Row, toRow } from './row.ts';
import type { Changes, LineRow, News, Transaction } from './tables.ts';

const marks = (n: number): string => Array.from({ length: n }, () => '?').join(', ');
const changesFrom = columns.indexOf('state');

/** Statements of the one connection that writes, each compiled once. */
export class SqliteTransaction implements Transaction {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  version = 0;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** At the beginning of every transaction. */
  begun(): void {
    this.version = Number(this.#get('SELECT version FROM meta')?.['version']);
  }

  news(since: number): News {
    const lines = since === 0 ? 'SELECT * FROM line WHERE waiting > 0' : 'SELECT * FROM line WHERE version > ?';
    return {
      classes: this.#all('SELECT * FROM class WHERE version > ? ORDER BY id', since).map((r) => ({
        id: Number(r['id']),
        tenant: String(r['tenant']),
        requires: JSON.parse(String(r['requires'])) as Requires,
      })),
      lines: (since === 0 ? this.#all(lines) : this.#all(lines, since)).map(lineFrom),
      owners: this.#all('SELECT * FROM owner WHERE version > ?', since).map((r) => ({
        tenant: String(r['tenant']),
        owner: String(r['owner']),
        running: Number(r['running']),
        used: Number(r['used']),
        at: instant(Number(r['at'])),
      })),
    };
  }

  records({ leases, ids }: { readonly leases: readonly string[]; readonly ids: readonly JobId[] }): readonly JobRecord[] {
    const rows = [
      ...leases.map((lease) => this.#get('SELECT * FROM job WHERE lease = ?', lease)),
      ...ids.map((id) => this.#get('SELECT * FROM job WHERE id = ?', id)),
    ];
    return rows.flatMap((row) => (row === undefined ? [] : [recordFrom(row)]));
  }
  due(now: Instant, limit: number): readonly JobRecord[] {
    return this.#all('SELECT * FROM job WHERE due <= ? ORDER BY due LIMIT ?', now, limit).map(recordFrom);
  }
  submissions(tenant: string, keys: readonly string[]): ReadonlyMap<string, JobId> {
    const found = keys.map((key) => [key, this.#get('SELECT job FROM submission WHERE tenant = ? AND key = ?', tenant, key)?.['job']] as const);
    return new Map(found.flatMap(([key, id]) => (id === undefined ? [] : [[key, String(id) as JobId]])));
  }
  forget(now: Instant, before: Instant): void {
    this.#run('DELETE FROM token WHERE until <= ?', now);
    this.#run('DELETE FROM machine WHERE at < ?', before);
  }
  claim(jti: string, nonceHash: string, until: Instant): string {
    this.#run('INSERT INTO token (jti, nonce, until) VALUES (?, ?, ?) ON CONFLICT (jti) DO NOTHING', jti, nonceHash, until);
    return String(this.#get('SELECT nonce FROM token WHERE jti = ?', jti)?.['nonce']);
  }

  write(c: Changes): readonly LineRow[] {
    this.version++;
    for (const { id, tenant, requires } of c.classes)
      this.#run('INSERT INTO class (id, tenant, requires, version) VALUES (?, ?, ?, ?)', id, tenant, JSON.stringify(requires), this.version);
    this.#writeJobs(c);
    for (const { class: id, owner, rank, id: job } of c.left)
      this.#run('DELETE FROM queued WHERE class = ? AND owner = ? AND rank = ? AND id = ?', id, owner, rank, job);
    for (const { class: id, owner, rank, id: job } of c.joined)
      this.#run('INSERT INTO queued (class, owner, rank, id) VALUES (?, ?, ?, ?)', id, owner, rank, job);
    const lines = c.lines.map((line) => this.#line(line));
    for (const u of c.owners)
      this.#run(
        `INSERT INTO owner (tenant, owner, running, used, at, version) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, owner) DO UPDATE SET
         running = excluded.running, used = excluded.used, at = excluded.at, version = excluded.version`,
        u.tenant,
        u.owner,
        u.running,
        u.used,
        u.at,
        this.version,
      );
    for (const { tenant, state, jobs } of c.tallies)
      this.#run(
        'INSERT INTO tally (tenant, state, jobs) VALUES (?, ?, ?) ON CONFLICT (tenant, state) DO UPDATE SET jobs = jobs + excluded.jobs',
        tenant,
        state,
        jobs,
      );
    for (const { tenant, machine, owner, at } of c.machines)
      this.#run(
        'INSERT INTO machine (tenant, machine, owner, at) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, machine) DO UPDATE SET owner = excluded.owner, at = excluded.at',
        tenant,
        machine,
        owner,
        at,
      );
    this.#run('UPDATE meta SET version = ?', this.version);
    return lines;
  }

  #writeJobs(c: Changes): void {
    for (const record of c.inserted) this.#run(`INSERT INTO job (${columns.join(', ')}) VALUES (${marks(columns.length)})`, ...toRow(record));
    for (const record of c.updated) {
      const row = toRow(record);
      this.#run(`UPDATE job SET ${changing.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`, ...row.slice(changesFrom), record.job.id);
    }
    for (const id of c.removed) {
      this.#run('DELETE FROM job WHERE id = ?', id);
      this.#run('DELETE FROM event WHERE job = ?', id);
      this.#run('DELETE FROM submission WHERE job = ?', id);
    }
    for (const { tenant, key, id } of c.submissions) this.#run('INSERT INTO submission (tenant, key, job) VALUES (?, ?, ?)', tenant, key, id);
    for (const { job, seq, event: e } of c.events)
      this.#run(
        'INSERT INTO event (job, seq, at, state, attributes, text, run, machine) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        job,
        seq,
        e.at,
        e.state,
        e.attributes.join(' '),
        e.text,
        e.run ?? null,
        e.machine ?? null,
      );
  }

  #line({ class: id, owner, waiting, running }: Changes['lines'][number]): LineRow {
    const head = this.#get('SELECT rank, id FROM queued WHERE class = ? AND owner = ? ORDER BY rank, id LIMIT 1', id, owner);
    const row = this.#get(
      `INSERT INTO line (class, owner, waiting, running, rank, head, version) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (class, owner) DO UPDATE SET
       waiting = waiting + excluded.waiting, running = running + excluded.running, rank = excluded.rank, head = excluded.head, version = excluded.version RETURNING *`,
      id,
      owner,
      waiting,
      running,
      head === undefined ? null : Number(head['rank']),
      head === undefined ? null : String(head['id']),
      this.version,
    );
    return lineFrom(row ?? {});
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }
  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }
  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }
}

const lineFrom = (r: Row): LineRow => ({
  class: Number(r['class']),
  owner: String(r['owner']),
  waiting: Number(r['waiting']),
  ...(r['head'] === null ? {} : { head: { rank: Number(r['rank']), id: String(r['head']) as JobId } }),
});
