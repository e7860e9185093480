import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import type { JobId } from '../../core/jobs/job.ts';
import { seconds } from '../../core/units.ts';
import { openStore } from './open-store.ts';
import { PostgresTables } from './postgres-tables.ts';
import { SqliteTables } from './sqlite-tables.ts';
import { contractOptions } from './store-contract.ts';
import { Ledger } from './ledger.ts';
import { submitted } from '../../core/jobs/record.ts';
import { anAgent, aSpec, at, leaseTime } from './testing.ts';

/**
 * Another process for tests: `node testing-child.ts MODE STORE`.
 * `work`: submits, takes and finishes without end, and tells each id after it was answered. `stand`: writes inside a transaction that never ends.
 * `hold`: holds the SQLite file exclusively until it is told to let go.
 */
const [mode, where] = process.argv.slice(2);
if (where === undefined || process.send === undefined) throw new Error('testing-child.ts MODE STORE, forked');
const tell = (message: object): void => void process.send?.(message);

async function work(store: string): Promise<void> {
  const jobs = await openStore(store, contractOptions);
  for (let i = 0; ; i++) {
    const ids = await jobs.submit([aSpec(), aSpec({ owner: 'bob', priority: i % 7 })], { now: at(i), ready: true });
    tell({ submitted: ids });
    const taken = await jobs.take(anAgent(), { now: at(i), lease: leaseTime });
    if (taken.job === undefined) continue;
    tell({ taken: taken.job.id });
    await jobs.finish(taken.lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(i));
    tell({ finished: taken.job.id });
  }
}

async function stand(store: string): Promise<void> {
  const tables = store.startsWith('postgres') ? new PostgresTables(store, {}) : new SqliteTables(store, {});
  await tables.open();
  await tables.transaction(async (t) => {
    const ledger = new Ledger(() => {
      throw new Error('nothing runs');
    });
    const spec = aSpec();
    ledger.class({ id: 1, tenant: spec.tenant, requires: spec });
    ledger.insert(submitted('x'.repeat(20) as JobId, spec, { class: 1, ready: true, now: at(0) }));
    await t.write(ledger.changes());
    tell({ standing: true });
    await once(process, 'never');
  });
}

async function hold(path: string): Promise<void> {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA busy_timeout = 5000; BEGIN EXCLUSIVE');
  tell({ holding: true });
  await once(process, 'message');
  db.exec('COMMIT');
  db.close();
  process.disconnect();
}

process.on('disconnect', () => process.exit());
await { work, stand, hold }[mode as 'work' | 'stand' | 'hold'](where);
