import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import type { JobId } from '../../core/jobs/job.ts';
import { seconds } from '../../core/units.ts';
import { StoreError } from '../store.ts';
import { openStore } from './open-store.ts';
import { contractOptions } from './store-contract.ts';
import { anAgent, aSpec, assertCountsFit, at, leaseTime, taken } from './testing.ts';

const code = (expected: StoreError['code']) => (error: unknown) => error instanceof StoreError && error.code === expected;
const child = (mode: string, path: string): ChildProcess =>
  fork(join(import.meta.dirname, 'testing-child.ts'), [mode, path], { execArgv: ['--disable-warning=ExperimentalWarning'] });

describe('SQLite store in trouble', { concurrency: false }, () => {
  let dir: string;
  let files = 0;
  const path = (): string => join(dir, `${++files}.sqlite`);
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'vacua-store-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('kill -9 of a queue server at work loses nothing that was answered', async () => {
    const file = path();
    const worker = child('work', file);
    const submitted: JobId[] = [];
    const gone = once(worker, 'exit');
    const last = { taken: new Set<JobId>(), finished: new Set<JobId>() };
    worker.on('message', (m: { submitted?: JobId[]; taken?: JobId; finished?: JobId }) => {
      submitted.push(...(m.submitted ?? []));
      if (m.taken !== undefined) last.taken.add(m.taken);
      if (m.finished !== undefined) last.finished.add(m.finished);
      if (submitted.length >= 200) worker.kill('SIGKILL');
    });
    await gone;
    const store = await openStore(file, contractOptions);
    for (const id of submitted) assert.ok(await store.job(id), `${id} is lost`);
    for (const id of last.taken) assert.notEqual((await store.job(id))?.runs, 0);
    for (const id of last.finished) assert.equal((await store.job(id))?.state, 'TERMINAL');
    assert.ok(last.finished.size > 0);
    await assertCountsFit(store);
    await taken(store);
    await store.close();
  });

  it('kill -9 inside a transaction leaves nothing of it, and the store is free', async () => {
    const file = path();
    const stander = child('stand', file);
    await once(stander, 'message');
    const impatient = await openStore(file, { ...contractOptions, patience: seconds(0.05) }).catch((error: unknown) => error);
    assert.ok(code('BUSY')(impatient));
    const gone = once(stander, 'exit');
    stander.kill('SIGKILL');
    await gone;
    const store = await openStore(file, contractOptions);
    assert.deepEqual(await store.list({}, { limit: 10 }), []);
    await store.submit([aSpec()], { now: at(0), ready: true });
    await assertCountsFit(store);
    await store.close();
  });

  it('locked by another process: BUSY when patience ends, done when the lock ends sooner; reading goes on', async () => {
    const file = path();
    const store = await openStore(file, contractOptions);
    const impatient = await openStore(file, { ...contractOptions, patience: seconds(0.05) });
    const [id] = await store.submit([aSpec()], { now: at(0), ready: true });
    const holder = child('hold', file);
    await once(holder, 'message');
    await assert.rejects(impatient.take(anAgent(), { now: at(1), lease: leaseTime }), code('BUSY'));
    assert.equal((await impatient.job(id as JobId))?.state, 'PROCESSING-QUEUED');
    const waiting = taken(store);
    const gone = once(holder, 'exit');
    holder.send('let go');
    assert.equal((await waiting).job.id, id);
    await gone;
    await impatient.submit([aSpec()], { now: at(2), ready: true });
    await assertCountsFit(store);
    await impatient.close();
    await store.close();
  });

  it('full: FULL, nothing of the submission stays, results of others are kept', async () => {
    const file = path();
    const store = await openStore(file, { ...contractOptions, maxBytes: 1_000_000 });
    await store.submit([aSpec(), aSpec()], { now: at(0), ready: true });
    const { lease, job } = await taken(store);
    const [submission, finish] = await Promise.allSettled([
      store.submit(
        Array.from({ length: 3000 }, () => aSpec()),
        { now: at(1), ready: true },
      ),
      store.finish(lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, at(2)),
    ]);
    assert.ok(submission.status === 'rejected' && code('FULL')(submission.reason));
    assert.equal(finish.status, 'fulfilled');
    assert.equal((await store.job(job.id))?.state, 'TERMINAL');
    await assertCountsFit(store);
    await store.close();
    const larger = await openStore(file, contractOptions);
    await larger.submit(
      Array.from({ length: 3000 }, () => aSpec()),
      { now: at(1), ready: true },
    );
    assert.equal((await larger.counts())['PROCESSING-QUEUED'], 3001);
    await larger.close();
  });

  it('what is no store, or a newer one, is refused and left as it is', async () => {
    const garbage = path();
    writeFileSync(garbage, 'no database'.repeat(1000));
    await assert.rejects(openStore(garbage, contractOptions), code('DAMAGED'));
    const foreign = path();
    const db = new DatabaseSync(foreign);
    db.exec('CREATE TABLE theirs (x)');
    db.close();
    const before = readFileSync(foreign);
    await assert.rejects(openStore(foreign, contractOptions), code('DAMAGED'));
    assert.deepEqual(readFileSync(foreign), before);
    const newer = path();
    await (await openStore(newer, contractOptions)).close();
    const newDb = new DatabaseSync(newer);
    newDb.exec('PRAGMA user_version = 99');
    newDb.close();
    await assert.rejects(openStore(newer, contractOptions), code('VERSION'));
    await assert.rejects(openStore(dir, contractOptions), code('UNREACHABLE'));
  });

  it('the file is readable by its user alone', async () => {
    const file = path();
    const store = await openStore(file, contractOptions);
    await store.submit([aSpec()], { now: at(0), ready: true });
    for (const name of [file, `${file}-wal`]) assert.equal(statSync(name).mode & 0o777, 0o600);
    await store.close();
  });
});
