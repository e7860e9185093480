import { PostgresStore } from './postgres-store.ts';
import { storeContract } from './store-contract.ts';
import { testPostgres, withoutPostgres } from './test-postgres.ts';

storeContract(
  'PostgreSQL',
  async () => {
    const server = await testPostgres();
    const urls = new Map<string, string>();
    return {
      async open(name, options) {
        const url = urls.get(name) ?? (await server.database(name));
        urls.set(name, url);
        const store = new PostgresStore(url, options);
        await store.open();
        return store;
      },
      close: () => server.close(),
    };
  },
  withoutPostgres(),
);
