import { SqliteTables, type SqliteOptions } from './sqlite-tables.ts';
import { type StoreOptions, TableStore } from './table-store.ts';

/** The store of one queue server in one file (docs/queue-store.md). Other processes may use the file too, but each waits for the others. */
export class SqliteStore extends TableStore {
  constructor(path: string, options: StoreOptions & SqliteOptions) {
    super(new SqliteTables(path, options), options);
  }
}
