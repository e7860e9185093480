import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Machine, UsageRecord } from '../core/machine.ts';
import { decodeMachine, decodeUsage, encodeMachine, encodeUsage } from '../core/machine-record.ts';
import type { MachineId } from '../core/units.ts';

/** One durable change. All changes of one `commit` happen together or not at all. */
export type Change =
  | { readonly kind: 'put'; readonly machine: Machine }
  /** The end of a machine. Its usage record is keyed by the machine's id, so a second attempt changes nothing. */
  | { readonly kind: 'finish'; readonly machine: Machine; readonly usage?: UsageRecord }
  | { readonly kind: 'forget'; readonly id: MachineId }
  | { readonly kind: 'fact'; readonly key: string; readonly value: string };

export class JournalError extends Error {
  override readonly name = 'JournalError';
  readonly code: 'BUSY' | 'UNREADABLE' | 'UNWRITABLE';
  constructor(code: 'BUSY' | 'UNREADABLE' | 'UNWRITABLE', message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

const schema = `
  CREATE TABLE IF NOT EXISTS machine (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS usage (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS fact (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
`;

/**
 * The factory's only durable state (design §4): one SQLite file, held by one process at a time. Reads come from memory;
 * a change is in memory only after it is on disk. The lock is the kernel's and ends with the process, however it ends.
 */
export class Journal {
  readonly #db: DatabaseSync;
  readonly #machines = new Map<MachineId, Machine>();
  readonly #facts = new Map<string, string>();
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #use: StatementSync;
  readonly #say: StatementSync;

  /** Throws JournalError: BUSY when another process holds it, UNREADABLE when it is damaged or of a newer version. */
  constructor(path: string) {
    let db: DatabaseSync | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      db = new DatabaseSync(path);
      this.#db = db;
      chmodSync(path, 0o600);
      this.#db.exec(
        'PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -256;',
      );
      this.#db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT;`);
    } catch (cause) {
      db?.close();
      throw opening(path, cause);
    }
    this.#put = this.#db.prepare('INSERT INTO machine (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record');
    this.#drop = this.#db.prepare('DELETE FROM machine WHERE id = ?');
    this.#use = this.#db.prepare('INSERT INTO usage (id, record) VALUES (?, ?) ON CONFLICT (id) DO NOTHING');
    this.#say = this.#db.prepare('INSERT INTO fact (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value');
    this.#read(path);
  }

  machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }
  machine(id: MachineId): Machine | undefined {
    return this.#machines.get(id);
  }
  fact(key: string): string | undefined {
    return this.#facts.get(key);
  }
  usage(): UsageRecord[] {
    return this.#db
      .prepare('SELECT record FROM usage ORDER BY rowid')
      .all()
      .map((row) => decodeUsage(String(row['record'])));
  }

  /** Durable when it returns. Throws JournalError UNWRITABLE, and then nothing has changed. */
  commit(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const change of changes) this.#write(change);
      this.#db.exec('COMMIT');
    } catch (cause) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw new JournalError('UNWRITABLE', `the journal cannot be written: ${text(cause)}`, cause);
    }
    for (const change of changes) this.#remember(change);
  }

  /** A record that changes every turn (heartbeat, CPU time) and may be a minute old after a crash. */
  note(machine: Machine): void {
    this.#machines.set(machine.id, machine);
  }

  close(): void {
    this.#db.close();
  }

  #write(change: Change): void {
    if (change.kind === 'put') this.#put.run(change.machine.id, encodeMachine(change.machine));
    else if (change.kind === 'forget') this.#drop.run(change.id);
    else if (change.kind === 'fact') this.#say.run(change.key, change.value);
    else {
      this.#put.run(change.machine.id, encodeMachine(change.machine));
      if (change.usage) this.#use.run(change.machine.id, encodeUsage(change.usage));
    }
  }

  #remember(change: Change): void {
    if (change.kind === 'forget') this.#machines.delete(change.id);
    else if (change.kind === 'fact') this.#facts.set(change.key, change.value);
    else this.#machines.set(change.machine.id, change.machine);
  }

  #read(path: string): void {
    try {
      for (const row of this.#db.prepare('SELECT record FROM machine').all()) {
        const machine = decodeMachine(String(row['record']));
        this.#machines.set(machine.id, machine);
      }
      for (const row of this.#db.prepare('SELECT key, value FROM fact').all()) this.#facts.set(String(row['key']), String(row['value']));
    } catch (cause) {
      throw new JournalError('UNREADABLE', `${path}: a record cannot be read; was it written by a newer version? ${text(cause)}`, cause);
    }
  }
}

const text = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

function opening(path: string, cause: unknown): JournalError {
  if (/locked|busy/i.test(text(cause)))
    return new JournalError('BUSY', `${dirname(path)} is in use by another vacua factory; stop it first, or give this one its own state_dir`, cause);
  if (/not a database|malformed|corrupt/i.test(text(cause))) return new JournalError('UNREADABLE', `${path} is not a journal: ${text(cause)}`, cause);
  return new JournalError('UNWRITABLE', `${path} cannot be opened: ${text(cause)}`, cause);
}
