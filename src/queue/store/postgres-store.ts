import { type PostgresOptions, PostgresTables } from './postgres-tables.ts';
import { type StoreOptions, TableStore } from './table-store.ts';

/** The store of any number of queue servers in one PostgreSQL database (docs/queue-store.md). */
export class PostgresStore extends TableStore {
  constructor(url: string, options: StoreOptions & PostgresOptions) {
    super(new PostgresTables(url, options), options);
  }
}
