import type { Requires } from '../../core/jobs/classes.ts';
import type { JobId } from '../../core/jobs/job.ts';
import type { JobRecord } from '../../core/jobs/record.ts';
import { type Instant, instant } from '../../core/units.ts';
import { jobColumns, schemaName as s } from './postgres-schema.ts';
import { changing, columns, recordFrom, type Row, toRow } from './row.ts';
import type { Changes, LineRow, News, Transaction } from './tables.ts';

export type Query = (sql: string, ...values: unknown[]) => Promise<readonly Row[]>;

/** Rows in one statement. Bounds what the server has to hold at once. */
const rowsPerStatement = 2_000;
const placeColumns = 'class integer, owner text, rank integer, id text';

const sql = {
  classes: `INSERT INTO ${s}.class (id, tenant, requires, version) SELECT id, tenant, requires, $2 FROM json_to_recordset($1::json) AS x (id integer, tenant text, requires text)`,
  insert: `INSERT INTO ${s}.job (${columns.join(', ')}) SELECT ${columns.join(', ')} FROM json_to_recordset($1::json) AS x (${jobColumns})`,
  update: `UPDATE ${s}.job SET ${changing.map((c) => `${c} = x.${c}`).join(', ')} FROM json_to_recordset($1::json) AS x (${jobColumns}) WHERE job.id = x.id`,
  submissions: `INSERT INTO ${s}.submission (tenant, key, job) SELECT tenant, key, id FROM json_to_recordset($1::json) AS x (tenant text, key text, id text)`,
  events: `INSERT INTO ${s}.event (job, seq, at, state, attributes, text, run, machine) SELECT * FROM json_to_recordset($1::json)
    AS x (job text, seq integer, at double precision, state text, attributes text, text text, run integer, machine text)`,
  left: `DELETE FROM ${s}.queued q USING json_to_recordset($1::json) AS x (${placeColumns}) WHERE q.class = x.class AND q.owner = x.owner AND q.rank = x.rank AND q.id = x.id`,
  joined: `INSERT INTO ${s}.queued (class, owner, rank, id) SELECT class, owner, rank, id FROM json_to_recordset($1::json) AS x (${placeColumns})`,
  lines: `INSERT INTO ${s}.line AS l (class, owner, waiting, running, rank, head, version)
    SELECT x.class, x.owner, x.waiting, x.running, h.rank, h.id, $2 FROM json_to_recordset($1::json) AS x (class integer, owner text, waiting integer, running integer)
    LEFT JOIN LATERAL (SELECT q.rank, q.id FROM ${s}.queued q WHERE q.class = x.class AND q.owner = x.owner ORDER BY q.rank, q.id LIMIT 1) h ON true
    ON CONFLICT (class, owner) DO UPDATE SET waiting = l.waiting + excluded.waiting, running = l.running + excluded.running, rank = excluded.rank, head = excluded.head,
    version = excluded.version RETURNING l.class, l.owner, l.waiting, l.rank, l.head`,
  owners: `INSERT INTO ${s}.owner (tenant, owner, running, used, at, version)
    SELECT tenant, owner, running, used, at, $2 FROM json_to_recordset($1::json) AS x (tenant text, owner text, running integer, used double precision, at double precision)
    ON CONFLICT (tenant, owner) DO UPDATE SET running = excluded.running, used = excluded.used, at = excluded.at, version = excluded.version`,
  tallies: `INSERT INTO ${s}.tally AS t (tenant, state, jobs) SELECT tenant, state, jobs FROM json_to_recordset($1::json) AS x (tenant text, state text, jobs integer)
    ON CONFLICT (tenant, state) DO UPDATE SET jobs = t.jobs + excluded.jobs`,
  machines: `INSERT INTO ${s}.machine (tenant, machine, owner, at) SELECT tenant, machine, owner, at FROM json_to_recordset($1::json) AS x (tenant text, machine text, owner text, at double precision)
    ON CONFLICT (tenant, machine) DO UPDATE SET owner = excluded.owner, at = excluded.at`,
};

/** One transaction, which holds the lock of the store. Statements that need no answer of each other travel together. */
export class PostgresTransaction implements Transaction {
  readonly #query: Query;
  version: number;

  constructor(query: Query, version: number) {
    this.#query = query;
    this.version = version;
  }

  async news(since: number): Promise<News> {
    const [classes, lines, owners] = await Promise.all([
      this.#query(`SELECT * FROM ${s}.class WHERE version > $1 ORDER BY id`, since),
      since === 0 ? this.#query(`SELECT * FROM ${s}.line WHERE waiting > 0`) : this.#query(`SELECT * FROM ${s}.line WHERE version > $1`, since),
      this.#query(`SELECT * FROM ${s}.owner WHERE version > $1`, since),
    ]);
    return {
      classes: classes.map((r) => ({ id: Number(r['id']), tenant: String(r['tenant']), requires: JSON.parse(String(r['requires'])) as Requires })),
      lines: lines.map(lineFrom),
      owners: owners.map((r) => ({
        tenant: String(r['tenant']),
        owner: String(r['owner']),
        running: Number(r['running']),
        used: Number(r['used']),
        at: instant(Number(r['at'])),
      })),
    };
  }

  async records({ leases, ids }: { readonly leases: readonly string[]; readonly ids: readonly JobId[] }): Promise<readonly JobRecord[]> {
    const found = await Promise.all([
      leases.length === 0 ? [] : this.#query(`SELECT * FROM ${s}.job WHERE lease = ANY ($1::text[])`, leases),
      ids.length === 0 ? [] : this.#query(`SELECT * FROM ${s}.job WHERE id = ANY ($1::text[])`, ids),
    ]);
    return found.flat().map(recordFrom);
  }
  async due(now: Instant, limit: number): Promise<readonly JobRecord[]> {
    return (await this.#query(`SELECT * FROM ${s}.job WHERE due <= $1 ORDER BY due LIMIT $2`, now, limit)).map(recordFrom);
  }
  async submissions(tenant: string, keys: readonly string[]): Promise<ReadonlyMap<string, JobId>> {
    const rows = await this.#query(`SELECT key, job FROM ${s}.submission WHERE tenant = $1 AND key = ANY ($2::text[])`, tenant, keys);
    return new Map(rows.map((r) => [String(r['key']), String(r['job']) as JobId]));
  }
  async forget(now: Instant, before: Instant): Promise<void> {
    await Promise.all([this.#query(`DELETE FROM ${s}.token WHERE until <= $1`, now), this.#query(`DELETE FROM ${s}.machine WHERE at < $1`, before)]);
  }
  async claim(jti: string, nonceHash: string, until: Instant): Promise<string> {
    const [, rows] = await Promise.all([
      this.#query(`INSERT INTO ${s}.token (jti, nonce, until) VALUES ($1, $2, $3) ON CONFLICT (jti) DO NOTHING`, jti, nonceHash, until),
      this.#query(`SELECT nonce FROM ${s}.token WHERE jti = $1`, jti),
    ]);
    return String(rows[0]?.['nonce']);
  }

  async write(c: Changes): Promise<readonly LineRow[]> {
    this.version++;
    const sent: Promise<readonly Row[]>[] = [];
    const send = (statement: string, rows: readonly object[], ...more: unknown[]): void => {
      for (let i = 0; i < rows.length; i += rowsPerStatement) sent.push(this.#query(statement, JSON.stringify(rows.slice(i, i + rowsPerStatement)), ...more));
    };
    send(
      sql.classes,
      c.classes.map((x) => ({ ...x, requires: JSON.stringify(x.requires) })),
      this.version,
    );
    send(sql.insert, c.inserted.map(asObject));
    send(sql.update, c.updated.map(asObject));
    for (const [table, column] of c.removed.length === 0 ? [] : ownedByJob)
      sent.push(this.#query(`DELETE FROM ${s}.${table} WHERE ${column} = ANY ($1::text[])`, c.removed));
    send(sql.submissions, c.submissions);
    send(
      sql.events,
      c.events.map(({ job, seq, event }) => ({ job, seq, ...event, attributes: event.attributes.join(' ') })),
    );
    send(sql.left, c.left);
    send(sql.joined, c.joined);
    // After the places, of which it reads the first.
    const lines: Promise<readonly Row[]>[] = [];
    for (let i = 0; i < c.lines.length; i += rowsPerStatement)
      lines.push(this.#query(sql.lines, JSON.stringify(c.lines.slice(i, i + rowsPerStatement)), this.version));
    send(sql.owners, c.owners, this.version);
    send(sql.tallies, c.tallies);
    // A statement may touch a row once: the last one of a machine counts.
    send(sql.machines, [...new Map(c.machines.map((m) => [`${m.tenant} ${m.machine}`, m])).values()]);
    sent.push(this.#query(`UPDATE ${s}.meta SET version = $1`, this.version));
    const [touched] = await Promise.all([Promise.all(lines), Promise.all(sent)]);
    return touched.flat().map(lineFrom);
  }
}

const ownedByJob = [
  ['job', 'id'],
  ['event', 'job'],
  ['submission', 'job'],
] as const;

function asObject(record: JobRecord): object {
  const row = toRow(record);
  return Object.fromEntries(columns.map((name, i) => [name, row[i]]));
}

const lineFrom = (r: Row): LineRow => ({
  class: Number(r['class']),
  owner: String(r['owner']),
  waiting: Number(r['waiting']),
  ...(r['head'] === null ? {} : { head: { rank: Number(r['rank']), id: String(r['head']) as JobId } }),
});
