import type { JobStore } from '../store.ts';
import type { PostgresOptions } from './postgres-tables.ts';
import type { SqliteOptions } from './sqlite-tables.ts';
import type { StoreOptions } from './table-store.ts';

/** Opens the store at `where`: a URL `postgres://…` or the path of an SQLite file. Rejects with StoreError. The caller closes it. */
export async function openStore(where: string, options: StoreOptions & SqliteOptions & PostgresOptions): Promise<JobStore> {
  const store = await (/^postgres(ql)?:\/\//u.test(where) ? postgres(where, options) : sqlite(where, options));
  try {
    await store.open();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Each brings its client along only when it is used. */
const postgres = async (url: string, options: StoreOptions & PostgresOptions): Promise<JobStore> =>
  new (await import('./postgres-store.ts')).PostgresStore(url, options);
const sqlite = async (path: string, options: StoreOptions & SqliteOptions): Promise<JobStore> =>
  new (await import('./sqlite-store.ts')).SqliteStore(path, options);
