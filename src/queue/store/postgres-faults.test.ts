import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from 'pg';
import type { JobId } from '../../core/jobs/job.ts';
import { seconds } from '../../core/units.ts';
import { StoreError } from '../store.ts';
import { openStore } from './open-store.ts';
import { postgresError } from './postgres-error.ts';
import { contractOptions } from './store-contract.ts';
import { type TestPostgres, testPostgres, withoutPostgres } from './test-postgres.ts';
import { anAgent, aSpec, assertCountsFit, at, leaseTime, taken } from './testing.ts';

const code = (expected: StoreError['code']) => (error: unknown) => error instanceof StoreError && error.code === expected;

describe('PostgreSQL store in trouble', { concurrency: false, skip: withoutPostgres() }, () => {
  let server: TestPostgres;
  before(async () => {
    server = await testPostgres();
  });
  after(async () => server?.close());

  it('PostgreSQL stopped and started again: UNREACHABLE, then all is as before', async () => {
    const store = await openStore(await server.database('stopped'), contractOptions);
    await store.submit([aSpec(), aSpec()], { now: at(0), ready: true });
    const { lease, job } = await taken(store);
    await server.stop();
    await assert.rejects(store.begin(lease, at(1)), code('UNREACHABLE'));
    await assert.rejects(store.take(anAgent(), { now: at(1), lease: leaseTime }), code('UNREACHABLE'));
    await assert.rejects(store.job(job.id), code('UNREACHABLE'));
    await assert.rejects(Promise.all([store.counts(), store.classes()]), code('UNREACHABLE'));
    await server.start();
    assert.equal((await store.finish(lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(2))).held, true);
    await taken(store);
    await assertCountsFit(store);
    await store.close();
  });

  it('a queue server that stands still in a transaction: BUSY; killed: nothing of it stays, and the others go on', async () => {
    const url = await server.database('standing');
    const store = await openStore(url, { ...contractOptions, patience: seconds(0.2) });
    const stander = fork(join(import.meta.dirname, 'testing-child.ts'), ['stand', url], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    await once(stander, 'message');
    await assert.rejects(store.submit([aSpec()], { now: at(0), ready: true }), code('BUSY'));
    assert.deepEqual(await store.list({}, { limit: 10 }), []);
    stander.kill('SIGKILL');
    const patient = await openStore(url, contractOptions);
    const [id] = await patient.submit([aSpec()], { now: at(0), ready: true });
    assert.deepEqual(
      (await store.list({}, { limit: 10 })).map((j) => j.id),
      [id as JobId],
    );
    await patient.close();
    await store.close();
  });

  it('a newer store, a missing database and a URL that cannot be read are refused; no message tells the password', async () => {
    const url = await server.database('newer');
    await (await openStore(url, contractOptions)).close();
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query('UPDATE vacua_queue.meta SET schema = 99');
    await client.end();
    await assert.rejects(openStore(url, contractOptions), code('VERSION'));
    const missing = url.replace('/newer', '/missing').replace('postgres@', 'postgres:hunter2@');
    await assert.rejects(openStore(missing, contractOptions), (error: unknown) => code('UNREACHABLE')(error) && !String(error).includes('hunter2'));
    await assert.rejects(
      openStore('postgres://u:hunter2@ho st:x/db', contractOptions),
      (error: unknown) => code('UNREACHABLE')(error) && !String(error).includes('hunter2'),
    );
  });
});

describe('errors of PostgreSQL', () => {
  for (const [sqlState, expected] of [
    ['53100', 'FULL'],
    ['53300', 'BUSY'],
    ['55P03', 'BUSY'],
    ['57014', 'BUSY'],
    ['40P01', 'BUSY'],
    ['57P01', 'UNREACHABLE'],
    ['25P03', 'UNREACHABLE'],
    ['08006', 'UNREACHABLE'],
    ['XX001', 'DAMAGED'],
    ['42P01', 'DAMAGED'],
    ['ECONNREFUSED', 'UNREACHABLE'],
    ['ENOENT', 'UNREACHABLE'],
  ] as const)
    it(`${sqlState} is ${expected}`, () => {
      assert.equal(postgresError('postgres://h/d', Object.assign(new Error('x'), { code: sqlState })).code, expected);
    });
  it('Connection terminated unexpectedly is UNREACHABLE', () => {
    assert.equal(postgresError('postgres://h/d', new Error('Connection terminated unexpectedly')).code, 'UNREACHABLE');
  });
});
