import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteStore } from './sqlite-store.ts';
import { storeContract } from './store-contract.ts';

storeContract('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'vacua-store-'));
  return {
    async open(name, options) {
      const store = new SqliteStore(join(dir, `${name}.sqlite`), options);
      await store.open();
      return store;
    },
    async close() {
      rmSync(dir, { recursive: true, force: true });
    },
  };
});
