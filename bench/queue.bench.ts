import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { classadMeets } from '../src/core/jobs/agent-ad.ts';
import { instant, seconds } from '../src/core/units.ts';
import type { JobStore } from '../src/queue/store.ts';
import { openStore } from '../src/queue/store/open-store.ts';
import { testPostgres, withoutPostgres } from '../src/queue/store/test-postgres.ts';
import { agentOf, fillQueue, lease, queued, takeJobs } from './queue-jobs.ts';
import { atMost, type BenchResult, notMeasured, quantile, shown } from './result.ts';

const matches = 5_000;
const agents = 8;
const servers = 2;
const title = '1,000,000 queued in 100 classes';
const rate = (jobs: number, took: number): string => `${Math.round(jobs / took).toLocaleString('en')}/s`;

async function cycleMilliseconds(store: JobStore, jobs: number): Promise<number> {
  const from = performance.now();
  for (let k = 0; k < jobs; k++) {
    const now = instant(Date.UTC(2030, 0, 2) + k);
    const taken = await store.take(agentOf(k), { now, lease });
    if (taken.job === undefined) throw new Error('a million jobs wait, and an agent got none');
    await store.begin(taken.lease, now);
    await store.renew(taken.lease, { now, lease });
    await store.finish(taken.lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, now);
  }
  return (performance.now() - from) / jobs;
}

async function sqlite(): Promise<BenchResult[]> {
  const dir = mkdtempSync(join(tmpdir(), 'vacua-bench-'));
  const path = join(dir, 'queue.sqlite');
  let store = await openStore(path, { meets: classadMeets() });
  try {
    const filled = await fillQueue(store);
    await store.close();
    const from = performance.now();
    store = await openStore(path, { meets: classadMeets() });
    await store.take(agentOf(0), { now: instant(Date.UTC(2030, 0, 1)), lease });
    const counting = performance.now();
    await Promise.all([store.counts(), store.classes()]);
    const counted = performance.now();
    const alone = await takeJobs(store, matches, 1);
    const together = await takeJobs(store, matches, agents, matches);
    const cycle = await cycleMilliseconds(store, 1_000);
    return [
      atMost('SQLite: bulk submission of 1,000 jobs', (filled / queued) * 1e6, 'ms', 200, { note: `mean of 1,000,000 jobs; ${rate(queued, filled)}` }),
      atMost(`SQLite: match, ${title}`, (alone.seconds / matches) * 1000, 'ms', 1, { note: `mean, one agent at a time; ${rate(matches, alone.seconds)}` }),
      atMost('SQLite: the same, p99', quantile(alone.waited, 0.99), 'ms', 20),
      atMost(`SQLite: match, ${agents} agents at once`, (together.seconds / matches) * 1000, 'ms', 1, { note: `mean; ${rate(matches, together.seconds)}` }),
      atMost('SQLite: the same, p99 of an agent', quantile(together.waited, 0.99), 'ms', 20),
      shown('SQLite: a job from match to end', cycle, 'ms', { note: 'match, begin, renew, finish, one after the other' }),
      atMost('SQLite: opening until the first match', counting - from, 'ms', 1000),
      atMost('SQLite: counts and classes', counted - counting, 'ms', 20),
    ];
  } finally {
    await store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Milliseconds that each match of `servers` processes took, which began together; and seconds until the last was done. */
async function onServers(url: string): Promise<{ readonly waited: number[]; readonly seconds: number }> {
  const each = matches / servers;
  const children = Array.from({ length: servers }, (_, i) =>
    fork(join(import.meta.dirname, 'queue-server.ts'), [url, String(each), String(agents), String((i + 1) * 100_000)], { execArgv: process.execArgv }),
  );
  const heard = (child: (typeof children)[number]): Promise<unknown[]> =>
    Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => Promise.reject(new Error(`a queue server ended with ${code}`)))]);
  await Promise.all(children.map(heard));
  const results = children.map(heard);
  for (const child of children) child.send('begin');
  const told = (await Promise.all(results)).map(([message]) => message as { waited: number[]; seconds: number });
  return { waited: told.flatMap((t) => t.waited), seconds: Math.max(...told.map((t) => t.seconds)) };
}

/** Lets the database finish what a million new rows leave to it, so that matches are not measured beside that. */
async function settle(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('VACUUM (ANALYZE)');
  await client.query('CHECKPOINT');
  await client.end();
}

async function postgres(): Promise<BenchResult[]> {
  const skip = withoutPostgres();
  if (skip !== false) return [notMeasured(`PostgreSQL: match, ${title}, ${servers} servers`, 'ms', skip)];
  const server = await testPostgres({ durable: true });
  try {
    const url = await server.database('bench');
    const store = await openStore(url, { meets: classadMeets() });
    const filled = await fillQueue(store);
    await settle(url);
    const both = await onServers(url);
    const cycle = await cycleMilliseconds(store, 500);
    await store.close();
    return [
      atMost('PostgreSQL: bulk submission of 1,000 jobs', (filled / queued) * 1e6, 'ms', 200, { note: `mean of 1,000,000 jobs; ${rate(queued, filled)}` }),
      atMost(`PostgreSQL: match, ${title}, ${servers} servers`, (both.seconds / matches) * 1000, 'ms', 1, {
        note: `mean, ${agents} agents at each; ${rate(matches, both.seconds)}`,
      }),
      shown('PostgreSQL: the same, p99 of an agent', quantile(both.waited, 0.99), 'ms'),
      shown('PostgreSQL: a job from match to end', cycle, 'ms', { note: 'match, begin, renew, finish, one after the other' }),
    ];
  } finally {
    await server.close();
  }
}

/** Store of jobs with a million of them, on SQLite and on PostgreSQL, both waiting for the disk at every commit (docs/queue-store.md). */
export const run = async (): Promise<BenchResult[]> => [...(await sqlite()), ...(await postgres())];
