import type { JobStore } from '../store.ts';
import type { SqliteOptions } from './sqlite-tables.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { StoreOptions } from './table-store.ts';

/** Opens the store at `where`: a URL `postgres://…` or the path of an SQLite file. Rejects with StoreError. The caller closes it. */
export async function openStore(where: string, options: StoreOptions & SqliteOptions): Promise<JobStore> {
  const store = new SqliteStore(where, options);
  await store.open();
  return store;
}
