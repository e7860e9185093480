import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { importPKCS8, SignJWT } from 'jose';
import { seconds } from '../core/units.ts';
import { integrate, type JobSpec } from './job.ts';
import { queueServer, type QueueServer } from './queue-server.ts';
import { TenantQueue } from './tenant-queue.ts';
import { tenantApp } from './tenant.ts';

async function server(t: TestContext): Promise<QueueServer> {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-demo-queue-'));
  const made = await queueServer(join(directory, 'queue'), { lease: seconds(60), jobWall: seconds(30) });
  t.after(async () => {
    await made[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });
  return made;
}

/** A machine of red, which asks the queue as an agent does. */
class Machine {
  readonly #port: number;
  readonly #session: string;
  private constructor(port: number, session: string) {
    this.#port = port;
    this.#session = session;
  }
  static async of({ port, keyOf }: QueueServer, id: string): Promise<Machine> {
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      tenant: 'red',
      site: 'demo',
      machinetype: 'red-prod',
      environments: [],
      iss: 'host',
      sub: id,
      aud: 'vacua-queue',
      jti: id,
      iat: now,
      exp: now + 600,
    };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).sign(await importPKCS8(readFileSync(keyOf('red'), 'utf8'), 'EdDSA'));
    const opened = await new Machine(port, token).post('sessions', `nonce=${'0'.repeat(32)}\n`);
    return new Machine(port, opened.trim().replace('session=', ''));
  }
  async post(path: string, body = '', method = 'POST'): Promise<string> {
    const url = `http://127.0.0.1:${this.#port}/agent/v1/${path}`;
    const answer = await fetch(url, { method, body, headers: { authorization: `Bearer ${this.#session}` } });
    assert.ok(answer.ok, `${path}: ${answer.status}`);
    return answer.text();
  }
  /** Takes a job and begins it; its lease and script. */
  async take(): Promise<{ readonly lease: string; readonly text: string }> {
    const text = await this.post('jobs?wait=0', 'processors=1\nmemory_mb=128\ntime_left=600\n');
    const lease = /^lease=(.*)$/m.exec(text)?.[1] ?? '';
    await this.post(`leases/${lease}/begin`);
    return { lease, text };
  }
  async finish(lease: string, result: string, exit = 0): Promise<void> {
    await this.post(`leases/${lease}/outputs/result`, result, 'PUT');
    await this.post(`leases/${lease}/finish`, `result=exited\nexit=${exit}\nwall=1\n`);
  }
}

const spec = (seed: number): JobSpec => ({ seed, points: 100 });
const resultOf = (seed: number): string => `${integrate(spec(seed)).hits} ${integrate(spec(seed)).state}\n`;

test('jobs are counted as the queue says, and verified by their results', async (t) => {
  const queues = await server(t);
  const red = new TenantQueue(queues.client, 'red');
  for (const seed of [1, 2, 3, 4]) red.submit(spec(seed), seed === 2);
  const nothing = { submitted: 4, leased: 0, verified: 0, lost: 0, wrong: 0, hits: 0, points: 0 };
  assert.deepEqual(red.counts(), { ...nothing, waiting: 4 }, 'before the queue has heard of them');
  await red.refresh();
  assert.deepEqual(red.counts(), { ...nothing, waiting: 4 });

  const machine = await Machine.of(queues, 'machine-1');
  const first = await machine.take();
  const second = await machine.take();
  await red.refresh();
  assert.deepEqual(red.counts(), { ...nothing, waiting: 2, leased: 2 });
  assert.match(second.text, /^export HANG='first'$/m);
  assert.equal(red.hanging(), 'machine-1');

  await machine.finish(first.lease, resultOf(1));
  await machine.post(`leases/${second.lease}/return`, 'why=test\n');
  await red.refresh();
  const hits = integrate(spec(1)).hits;
  assert.deepEqual(red.counts(), { ...nothing, waiting: 3, verified: 1, lost: 1, hits, points: 100 });
  assert.equal(red.hanging(), undefined);

  await machine.finish((await machine.take()).lease, resultOf(2));
  await machine.finish((await machine.take()).lease, '1 1\n');
  await machine.finish((await machine.take()).lease, resultOf(4), 1);
  await red.refresh();
  const { verified, wrong, waiting, leased, lost } = red.counts();
  assert.deepEqual({ verified, wrong, waiting, leased, lost }, { verified: 2, wrong: 2, waiting: 0, leased: 0, lost: 1 });
});

test('tenants see their own jobs alone', async (t) => {
  const queues = await server(t);
  const [red, blue] = [new TenantQueue(queues.client, 'red'), new TenantQueue(queues.client, 'blue')];
  red.submit(spec(1));
  blue.submit(spec(2));
  await Promise.all([red.refresh(), blue.refresh()]);
  const machine = await Machine.of(queues, 'machine-1');
  assert.match((await machine.take()).text, /'seed=1'/);
  await Promise.all([red.refresh(), blue.refresh()]);
  assert.deepEqual([red.counts().leased, blue.counts().leased, blue.counts().waiting], [1, 0, 1]);
});

test('a tenant publishes its pipe, and the agent as user data', async () => {
  const limits = { backoff: seconds(1), fizzle: seconds(1), heartbeat: seconds(90), maxWallclock: seconds(100) };
  const app = tenantApp({ name: 'red', ...limits, queueUrl: 'http://169.254.169.253:4712' }, () => 4711);
  const pipe = (await (await app.request('/pipe.json')).json()) as { machinetypes: Record<string, unknown>[] };
  assert.equal(pipe.machinetypes[0]?.['user_data_option_queue'], 'http://169.254.169.253:4712');
  assert.equal(pipe.machinetypes[0]?.['user_data'], 'http://127.0.0.1:4711/user_data');
  assert.match(await (await app.request('/user_data')).text(), /^#!\/bin\/sh\n# Agent of a machine/);
});
