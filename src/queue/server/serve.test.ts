import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { once } from 'node:events';
import { it } from 'node:test';
import { makeTenantKey } from '../auth/tenant-keys.ts';
import { send } from '../client/http.ts';
import { queuePlaces } from '../config/places.ts';
import { PostgresStore } from '../store/postgres-store.ts';
import { testPostgres, withoutPostgres } from '../store/test-postgres.ts';
import { seconds } from '../../core/units.ts';
import { FakeQueueClock, TestDirectory } from '../testing.ts';
import { queueApp } from './app.ts';
import { listen } from './listen.ts';
import { facts, jdl, readJob, testQueue } from './testing.ts';

const simple = 'Executable = "/bin/true";';
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

it('a server that stops tells agents that wait to come again, and the next one knows their sessions', async () => {
  using directory = new TestDirectory();
  const first = await testQueue({ directory });
  const { url } = first.running;
  assert.equal(readFileSync(queuePlaces(directory.path).address, 'utf8'), `${url}\n`);
  const session = await first.session();
  const wait = (base: string): Promise<Response> =>
    fetch(`${base}/agent/v1/jobs?wait=30`, { method: 'POST', headers: { authorization: `Bearer ${session}` }, body: facts });
  const waiting = wait(url);
  await until(() => first.running.deps.waiters.waiting === 1);
  await first.stop();
  const told = await waiting;
  assert.deepEqual([told.status, told.headers.get('retry-after'), await told.text()], [503, '2', 'the queue is being stopped; come again\n']);
  assert.ok(!existsSync(queuePlaces(directory.path).address));

  const next = await testQueue({ directory, clock: first.clock });
  const again = wait(next.running.url);
  await until(() => next.running.deps.waiters.waiting === 1);
  await next.ask('POST', '/jobs', { ...jdl(simple), token: next.tokens.ann });
  assert.equal((await again).status, 200);
  await next.stop();
});

it('a server that stops leaves the address of another one on its directory', async () => {
  using directory = new TestDirectory();
  const { address } = queuePlaces(directory.path);
  const clock = new FakeQueueClock();
  const first = await testQueue({ directory, clock });
  const second = await testQueue({ directory, clock });
  await first.stop();
  assert.equal(readFileSync(address, 'utf8'), `${second.running.url}\n`);
  await second.stop();
  assert.equal(existsSync(address), false);
});

it('an agent that goes away while it waits costs nobody a job', async () => {
  await using queue = await testQueue();
  const session = await queue.session();
  const gone = new AbortController();
  const waiting = fetch(`${queue.running.url}/agent/v1/jobs?wait=30`, {
    method: 'POST',
    headers: { authorization: `Bearer ${session}` },
    body: facts,
    signal: gone.signal,
  });
  await until(() => queue.running.deps.waiters.waiting === 1);
  gone.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  await until(() => queue.running.deps.waiters.waiting === 0);
});

it('a file of 1 GB against a smaller quota is refused before it is sent, and nothing of it is stored', async () => {
  await using queue = await testQueue({ conf: 'file_max_mb = 2000\njob_max_mb = 100' });
  const { ann: token } = queue.tokens;
  const { id } = (await (await queue.ask('POST', '/jobs', { ...jdl('Executable = "a"; InputSandbox = "a";'), token })).json()) as { id: string };
  let read = 0;
  const stream = (): Readable =>
    new Readable({
      read() {
        read += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
  const server = { url: queue.running.url, token, timeoutMs: 10_000 };
  await assert.rejects(send(server, 'PUT', `/jobs/${id}/input/a`, { body: { stream, length: 1e9 } }), { code: 'over_quota', status: 413 });
  assert.equal(read, 0, 'this client asks before it sends');

  const rude = request(`${queue.running.url}/jobs/${id}/input/a`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-length': '1000000000' },
  });
  rude.on('error', () => undefined);
  const answered = once(rude, 'response') as Promise<[{ statusCode: number }]>;
  rude.write(Buffer.alloc(65_536));
  assert.equal((await answered)[0].statusCode, 413);
  rude.destroy();
  const { places } = queue.running.deps.sandbox;
  assert.ok(!existsSync(places.incoming) || readdirSync(places.incoming).length === 0);
  const liar = request(`${queue.running.url}/jobs/${id}/input/a`, { method: 'PUT', headers: { authorization: `Bearer ${token}`, 'content-length': '1000' } });
  liar.on('error', () => undefined);
  liar.write('short');
  await until(() => existsSync(places.incoming) && readdirSync(places.incoming).length === 1);
  liar.destroy();
  await until(() => readdirSync(places.incoming).length === 0);
});

it('a file that comes after its job has been started does not count', async () => {
  await using queue = await testQueue();
  const { ann: token } = queue.tokens;
  const { id } = (await (await queue.ask('POST', '/jobs', { ...jdl('Executable = "a"; InputSandbox = "a";'), token })).json()) as { id: string };
  assert.equal((await queue.ask('PUT', `/jobs/${id}/input/a`, { token, body: 'first' })).status, 201);
  const late = request(`${queue.running.url}/jobs/${id}/input/a`, { method: 'PUT', headers: { authorization: `Bearer ${token}`, 'content-length': '6' } });
  const answered = once(late, 'response') as Promise<[{ statusCode: number; resume(): void }]>;
  late.write('sec');
  const { places } = queue.running.deps.sandbox;
  await until(() => readdirSync(places.incoming).length === 1);
  assert.equal((await queue.ask('POST', `/jobs/${id}/actions`, { token, type: 'application/json', body: '{"action":"start"}' })).status, 200);
  late.end('ond');
  const [{ statusCode }] = await answered;
  assert.equal(statusCode, 409);
  assert.equal(await (await queue.ask('GET', `/jobs/${id}/input/a`, { token })).text(), 'first');
});

it('a client that falls silent in the middle of a request, or before one, is sent away', async () => {
  await using queue = await testQueue();
  const quick = await listen(queueApp(queue.running.deps), { listen: { host: '127.0.0.1', port: 0 } }, 50);
  const { port, hostname } = new URL(quick.url);
  for (const start of ['', 'POST /agent/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nnonce=']) {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(start);
    await once(socket, 'close');
  }
  await quick.close(0);
});

it('who asks only for the head of a file leaves nothing open', async () => {
  await using queue = await testQueue();
  const { ann: token } = queue.tokens;
  const { id } = (await (await queue.ask('POST', '/jobs', { ...jdl('Executable = "a"; InputSandbox = "a";'), token })).json()) as { id: string };
  await queue.ask('PUT', `/jobs/${id}/input/a`, { token, body: 'some text' });
  const open = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(queue.running.deps.sandbox.places.content);
      } catch {
        return false; // closed since it was listed
      }
    }).length;
  for (let i = 0; i < 5; i++) {
    const head = await queue.ask('HEAD', `/jobs/${id}/input/a`, { token });
    assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, '9', '']);
  }
  assert.equal(open(), 0);
});

it('paths are taken as they are sent, and none leads to a file of the host', async () => {
  await using queue = await testQueue();
  const { id } = (await (await queue.ask('POST', '/jobs', { ...jdl(simple), token: queue.tokens.ann })).json()) as { id: string };
  const raw = async (path: string): Promise<string> => {
    const { port, hostname } = new URL(queue.running.url);
    const socket = connect(Number(port), hostname);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${queue.tokens.ann}\r\nConnection: close\r\n\r\n`);
    return Buffer.concat(await socket.toArray()).toString();
  };
  for (const path of [
    `/jobs/${id}/output/../../../../etc/passwd`,
    `/jobs/${id}/output/..%2f..%2f..%2fetc%2fpasswd`,
    `/jobs/${id}/output/%2fetc%2fpasswd`,
    `/jobs/../../etc/passwd`,
    `/jobs/${id}/output/%00`,
    `/jobs/%2e%2e/output/x`,
    `/jobs/${id}/output/%ff%fe`,
  ]) {
    const answer = await raw(path);
    assert.match(answer, /^HTTP\/1\.1 (400|404) /, path);
    assert.doesNotMatch(answer, /root:/);
  }
});

it('a server that is killed loses nothing that it has confirmed', async () => {
  using directory = new TestDirectory();
  const places = queuePlaces(join(directory.path, 'queue'));
  makeTenantKey(places, 'red');
  const start = async () => {
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, '..', '..', 'cli', 'main.ts'),
        '--state-dir',
        directory.path,
        'queue',
        'serve',
        '--listen',
        '127.0.0.1:0',
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    for await (const line of child.stdout) if (String(line).includes('queue serves')) break;
    return { child, url: readFileSync(places.address, 'utf8').trim() };
  };
  const { child, url } = await start();
  const token = readFileSync(places.tokens, 'utf8').trim().split('\n').at(-1)?.split(' ')[0] ?? '';
  assert.deepEqual(
    [statSync(places.tokens).mode & 0o777, statSync(places.sessionKey).mode & 0o777, statSync(places.privateKey('red')).mode & 0o777],
    [0o600, 0o600, 0o600],
  );
  const headers = { authorization: `Bearer ${token}` };
  const make = async (): Promise<string> =>
    (
      (await (
        await fetch(`${url}/jobs`, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/vnd.jdl' },
          body: 'Executable = "a"; InputSandbox = "a";',
        })
      ).json()) as { id: string }
    ).id;
  const ids: string[] = [];
  for (let i = 0; i < 10; i++) ids.push(await make());
  await fetch(`${url}/jobs/${ids[0]}/input/a`, { method: 'PUT', headers, body: 'x'.repeat(100_000) });
  const going = Promise.allSettled(Array.from({ length: 20 }, make));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const confirmed = (await going).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const second = await start();
  const { jobs } = (await (await fetch(`${second.url}/jobs?limit=1000`, { headers })).json()) as { jobs: { id: string }[] };
  const known = new Set(jobs.map((job) => job.id));
  assert.deepEqual(
    [...ids, ...confirmed].filter((id) => !known.has(id)),
    [],
  );
  assert.equal((await (await fetch(`${second.url}/jobs/${ids[0]}/input/a`, { headers })).text()).length, 100_000);
  second.child.kill('SIGTERM');
  const [code] = (await once(second.child, 'exit')) as [number];
  assert.deepEqual([code, existsSync(places.address)], [0, false]);
});

it('two servers on one PostgreSQL share sessions, jobs and files; while it is gone they say so, and go on afterwards', {
  skip: withoutPostgres(),
}, async () => {
  const postgres = await testPostgres();
  using directory = new TestDirectory();
  const clock = new FakeQueueClock();
  try {
    const database = await postgres.database('queue');
    const start = () => testQueue({ directory, clock, store: (_path, meets) => new PostgresStore(database, { meets, patience: seconds(0.5) }) });
    const [a, b] = [await start(), await start()];
    try {
      const session = await a.session();
      const waiting = b.ask('POST', '/agent/v1/jobs?wait=30', { token: session, body: facts });
      await until(() => b.running.deps.waiters.waiting === 1);
      const { id } = (await (await a.ask('POST', '/jobs', { ...jdl('Executable = "a"; InputSandbox = "a";'), token: a.tokens.ann })).json()) as { id: string };
      await a.ask('PUT', `/jobs/${id}/input/a`, { token: a.tokens.ann, body: 'script' });
      await a.ask('POST', `/jobs/${id}/actions`, { token: a.tokens.ann, type: 'application/json', body: '{"action":"start"}' });
      clock.move(5.1);
      const { fields } = await readJob(await waiting);
      assert.equal(fields.get('job'), id, 'found by the other server at its next look');
      const lease = `/agent/v1/leases/${fields.get('lease')}`;
      assert.equal(await (await b.ask('GET', `${lease}/inputs/a`, { token: session })).text(), 'script');

      await postgres.stop();
      for (const [path, token] of [
        ['/jobs', a.tokens.ann],
        [`${lease}/inputs/a`, session],
      ] as const) {
        const answer = await b.ask('GET', path, { token });
        assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '5'], path);
      }
      await postgres.start();
      assert.equal((await a.ask('POST', `${lease}/begin`, { token: session })).status, 200);
      assert.equal((await b.ask('GET', `/jobs/${id}`, { token: b.tokens.ann })).status, 200);
    } finally {
      await a.stop();
      await b.stop();
    }
  } finally {
    await postgres.close();
  }
});
