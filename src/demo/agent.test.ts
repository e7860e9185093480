import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { instant, seconds } from '../core/units.ts';
import { integrate } from './job.ts';
import { JobQueue } from './queue.ts';
import { serveTenant } from './tenant.ts';

const path = new URL('agent.sh', import.meta.url).pathname;
const text = readFileSync(path, 'utf8');

test('the agent is a script that the guest’s shell and a POSIX shell accept', () => {
  for (const [shell, ...args] of [
    ['busybox', 'sh', '-n', path],
    ['sh', '-n', path],
  ] as const) {
    const { status, stderr } = spawnSync(shell, args, { encoding: 'utf8' });
    assert.equal(status, 0, `${shell}: ${stderr}`);
  }
});

test('the guest’s awk and the queue agree to the last digit', () => {
  const program = /awk -v seed="\$seed" -v n="\$points" '([^']+)'/.exec(text)?.[1];
  assert.ok(program);
  for (const spec of [
    { seed: 1, points: 1 },
    { seed: 2_147_483_646, points: 5000 },
    { seed: 123_456_789, points: 20_000 },
  ]) {
    const { stdout }: { stdout: string } = spawnSync('busybox', ['awk', '-v', `seed=${spec.seed}`, '-v', `n=${spec.points}`, program], { encoding: 'utf8' });
    const { hits, state } = integrate(spec);
    assert.equal(stdout, `${hits} ${state}\n`);
  }
});

test('every substitution of the agent is one that factories or this tenant’s pipe make', () => {
  const known = ['machinefeatures_url', 'jobfeatures_url', 'joboutputs_url', 'option_queue', 'option_jobs'];
  const used = [...text.matchAll(/##user_data_([a-z0-9_]+)##/g)].map((m) => m[1]);
  assert.deepEqual([...new Set(used)].sort(), known.sort());
});

/** Runs the agent in busybox with the mini guest's curl, against a real queue and a stand-in for the guest service. */
async function runAgent(t: TestContext, queue: JobQueue, jobsPerMachine: number, features: Record<string, string>): Promise<Map<string, string[]>> {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-agent-'));
  t.after(() => rmSync(directory, { recursive: true }));
  symlinkSync(new URL('../../guest/mini/curl', import.meta.url).pathname, join(directory, 'curl'));
  for (const tool of ['nc', 'awk', 'sh']) symlinkSync(spawnSync('which', ['busybox'], { encoding: 'utf8' }).stdout.trim(), join(directory, tool));
  const puts = new Map<string, string[]>();
  const service = createServer((request, response) => {
    const value = features[request.url ?? ''];
    if (request.method === 'PUT') {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        puts.set(request.url ?? '', [...(puts.get(request.url ?? '') ?? []), body]);
        response.writeHead(201).end();
      });
    } else response.writeHead(value === undefined ? 404 : 200).end(value);
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  t.after(() => service.close());
  const limits = { backoff: seconds(1), fizzle: seconds(1), heartbeat: seconds(1), maxWallclock: seconds(100) };
  const machineUrl = (port: number): string => `http://127.0.0.1:${port}`;
  const tenant = await serveTenant({ name: 'red', ...limits, jobsPerMachine, machineUrl }, queue, () => instant(0));
  t.after(() => tenant[Symbol.asyncDispose]());
  const base = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const values: Record<string, string> = {
    machinefeatures_url: `${base}/machinefeatures`,
    jobfeatures_url: `${base}/jobfeatures`,
    joboutputs_url: `${base}/joboutputs`,
    option_queue: machineUrl(tenant.port),
    option_jobs: String(jobsPerMachine),
  };
  const script = join(directory, 'user_data');
  writeFileSync(
    script,
    text.replaceAll(/##user_data_([a-z0-9_]+)##/g, (_, key: string) => values[key] ?? ''),
  );
  await new Promise<void>((resolve, reject) => {
    const environment = { PATH: `${directory}:${process.env.PATH}`, TMPDIR: directory };
    execFile('busybox', ['sh', script], { cwd: directory, env: environment }, (error) => (error ? reject(error) : resolve()));
  });
  return puts;
}

const alive = (): Record<string, string> => ({
  '/machinefeatures/total_cpu': '1',
  '/jobfeatures/jobstart_secs': String(Math.floor(Date.now() / 1000)),
  '/jobfeatures/wall_limit_secs': '600',
});
const queueOf = (jobs: number): JobQueue => {
  let next = 0;
  const queue = new JobQueue({ lease: seconds(10), newToken: () => `t${++next}` });
  for (let i = 1; i <= jobs; i++) queue.submit({ seed: i, points: 50 });
  return queue;
};

test('an agent does its number of jobs, with a heartbeat after each, and ends with 200', async (t) => {
  const queue = queueOf(3);
  const puts = await runAgent(t, queue, 2, alive());
  assert.deepEqual(puts.get('/joboutputs/heartbeat'), ['started\n', '1\n', '2\n']);
  assert.deepEqual(puts.get('/joboutputs/shutdown_message'), ['200 2 jobs done']);
  assert.equal(queue.counts(instant(0)).verified, 2);
});

test('an agent that finds no more work ends with 300', async (t) => {
  const puts = await runAgent(t, queueOf(1), 2, alive());
  assert.deepEqual(puts.get('/joboutputs/shutdown_message'), ['300 no more work, 1 jobs done']);
});

test('an agent takes no job when a shutdown time is near, or its lifetime ends', async (t) => {
  const near = String(Math.floor(Date.now() / 1000) + 20);
  const planned = await runAgent(t, queueOf(1), 2, { ...alive(), '/jobfeatures/shutdowntime_job': near });
  assert.deepEqual(planned.get('/joboutputs/shutdown_message'), ['100 the host ends soon, 0 jobs done']);
  const old = await runAgent(t, queueOf(1), 2, { ...alive(), '/jobfeatures/wall_limit_secs': '10' });
  assert.deepEqual(old.get('/joboutputs/shutdown_message'), ['100 the host ends soon, 0 jobs done']);
});

test('an agent without features says that the site is at fault', async (t) => {
  const puts = await runAgent(t, queueOf(1), 2, {});
  assert.deepEqual(puts.get('/joboutputs/shutdown_message'), ['500 no machine or job features']);
});
