import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connectionLimits } from './connections.ts';
import { another, ask, type Bench, bench, type BenchOptions, example, Guest, put } from './fixture.ts';

const tenGigabytes = 10_000_000_000;

async function withGuest(work: (b: Bench, path: string) => Promise<void>, options: BenchOptions = {}): Promise<void> {
  await using b = await bench(options);
  await b.service.attach(example);
  await work(b, join(b.layout.machine(example.id), 'guest.sock'));
}
const outputs = (b: Bench): Promise<string[]> => readdir(b.layout.joboutputs(example.id));
const incoming = (b: Bench): Promise<string[]> => readdir(b.layout.incoming(example.id));

describe('job outputs beyond all measure', { timeout: 30_000 }, () => {
  it('refuses 10 GB that are announced, before they come', () =>
    withGuest(async (b, path) => {
      const guest = new Guest(path).send(`PUT /joboutputs/big HTTP/1.1\r\nHost: x\r\nContent-Length: ${tenGigabytes}\r\n\r\nfirst bytes`);
      await guest.until(/^HTTP\/1\.1 507 [^]*\r\n\r\n/);
      guest.socket.end();
      await guest.closed;
      assert.deepEqual(await outputs(b), []);
    }));

  it('reads no more than a little of what is sent all the same', () =>
    withGuest(async (b, path) => {
      const guest = new Guest(path).send(`PUT /joboutputs/big HTTP/1.1\r\nHost: x\r\nContent-Length: ${tenGigabytes}\r\n\r\n`);
      const block = Buffer.alloc(65_536);
      let written = 0;
      const pump = (): void => {
        while (!guest.socket.destroyed && guest.socket.write(block)) written += block.length;
      };
      guest.socket.on('drain', pump);
      pump();
      await guest.closed;
      assert.match(guest.text, /^HTTP\/1\.1 507 /);
      assert.ok(written < 16 * 1024 * 1024, `${written} bytes were taken`);
      assert.deepEqual(await incoming(b), []);
    }));

  it('does not ask for a body that it will not take, and asks for one that it will', () =>
    withGuest(async (_, path) => {
      const put = (size: number): string => `PUT /joboutputs/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${size}\r\n\r\n`;
      const refused = await new Guest(path).send(put(tenGigabytes)).until(/\r\n\r\n/);
      assert.match(refused.text, /^HTTP\/1\.1 507 /);
      const taken = await new Guest(path).send(put(3)).until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
      await taken.send('abc').until(/HTTP\/1\.1 201 /);
      taken.socket.destroy();
    }));

  it('refuses bodies without a length, chunked ones too', () =>
    withGuest(async (b, path) => {
      const chunked = 'PUT /joboutputs/x HTTP/1.1\r\nTransfer-Encoding: chunked';
      assert.equal((await ask(path, chunked, '3\r\nabc\r\n0\r\n\r\n')).status, 403);
      assert.equal((await ask(path, 'PUT /joboutputs/x HTTP/1.1')).status, 403);
      assert.equal((await ask(path, `${chunked}\r\nContent-Length: 3`, '3\r\nabc\r\n0\r\n\r\n')).status, 400);
      assert.deepEqual(await outputs(b), []);
    }));

  it('takes no more bytes than were announced', () =>
    withGuest(async (b, path) => {
      const guest = new Guest(path).send('PUT /joboutputs/x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc').send('z'.repeat(200_000));
      await guest.closed;
      // What follows is no request: whether it is seen before or after the file has its place, nothing of it is in the file.
      assert.match(guest.text, /^HTTP\/1\.1 (201|400) /);
      while ((await incoming(b)).length > 0) await new Promise((resolve) => setImmediate(resolve));
      const stored = await readFile(join(b.layout.joboutputs(example.id), 'x'), 'utf8').catch(() => 'abc');
      assert.equal(stored, 'abc');
    }));

  it('stops at the number of files, and still replaces those that are there', () =>
    withGuest(async (b, path) => {
      const statuses = new Map<number, number>();
      for (let i = 0; i < 200; i += 1) {
        const { status } = await put(path, `f${i}`, '');
        b.clock.pass(1);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      assert.deepEqual(Object.fromEntries(statuses), { 201: 10, 507: 190 });
      assert.equal((await put(path, 'f0', 'new')).status, 201);
      assert.equal((await outputs(b)).length, 10);
    }));

  it('stops at the number of bytes without losing what is there', () =>
    withGuest(async (b, path) => {
      assert.equal((await put(path, 'a', 'a'.repeat(60_000))).status, 201);
      assert.equal((await put(path, 'b', 'b'.repeat(40_001))).status, 507);
      assert.equal((await put(path, 'a', 'a'.repeat(100_001))).status, 507);
      assert.equal((await put(path, 'a', 'A'.repeat(90_000))).status, 201);
      assert.equal((await readFile(join(b.layout.joboutputs(example.id), 'a'))).length, 90_000);
      assert.equal(b.service.since, b.clock.wall());
    }));

  it('receives a few files at a time and no more', () =>
    withGuest(async (b, path) => {
      const begun = Array.from({ length: 8 }, (_, i) => new Guest(path).send(`PUT /joboutputs/f${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na`));
      while ((await incoming(b)).length < 8) await new Promise((resolve) => setImmediate(resolve));
      const refused = await put(path, 'f8', 'ab');
      assert.equal(refused.status, 503);
      assert.match(refused.head, /retry-after/i);
      for (const guest of begun) await guest.send('b').until(/ 201 /);
      assert.equal((await put(path, 'f8', 'ab')).status, 201);
      for (const guest of begun) guest.socket.destroy();
    }));

  it('keeps the old file when its sender goes away half-way', () =>
    withGuest(async (b, path) => {
      await put(path, 'log', 'whole');
      const guest = new Guest(path).send('PUT /joboutputs/log HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf');
      while ((await incoming(b)).length === 0) await new Promise((resolve) => setImmediate(resolve));
      guest.socket.destroy();
      while ((await incoming(b)).length > 0) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await readFile(join(b.layout.joboutputs(example.id), 'log'), 'utf8'), 'whole');
      assert.ok(b.service.since !== undefined && b.faults.length === 0);
    }));

  it('takes no names but flat, visible ones', () =>
    withGuest(async (b, path) => {
      for (const name of ['../x', '%2e%2e/x', '%2e%2e', '..', '.hidden', 'a/b', 'a%00b', '', '.', 'x'.repeat(256), 'é']) {
        assert.equal((await put(path, name, 'x')).status, name === 'é' ? 400 : 403, name);
      }
      assert.deepEqual(await outputs(b), []);
      assert.deepEqual((await readdir(b.layout.machine(example.id))).sort(), ['guest.sock', 'incoming', 'joboutputs']);
    }));

  it('makes one printable line of any shutdown message', () =>
    withGuest(async (b, path) => {
      const message = Buffer.concat([Buffer.from('300 \x1b[31mno\tmore\xff', 'latin1'), Buffer.from(`work\n500 other\n${'x'.repeat(70_000)}`)]);
      assert.equal((await put(path, 'shutdown_message', message)).status, 201);
      assert.equal(b.service.report(example.id).message?.text, '300 ?[31mno more?work');
      await put(path, 'shutdown_message', '');
      assert.equal(b.service.report(example.id).message, undefined);
    }));
});

describe('connections beyond all measure', { timeout: 30_000 }, () => {
  it('holds few of 500 connections of one machine, and serves another meanwhile', () =>
    withGuest(async (b, path) => {
      await b.service.attach(another);
      const guests = await Promise.all(Array.from({ length: 500 }, () => new Guest(path).connected()));
      let closed = 0;
      for (const guest of guests) void guest.closed.then(() => (closed += 1));
      while (closed < 500 - connectionLimits.perMachine) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(closed, 500 - connectionLimits.perMachine);
      const other = join(b.layout.machine(another.id), 'guest.sock');
      assert.equal((await ask(other, 'GET /latest/meta-data/instance-id HTTP/1.1')).body, another.id);
      b.clock.pass(connectionLimits.headSeconds + 1);
      b.service.sweep();
      await Promise.all(guests.map((guest) => guest.closed));
      assert.equal((await ask(path, 'GET / HTTP/1.1')).status, 200);
    }));

  it('cuts half a request after its time, and not before', () =>
    withGuest(async (b, path) => {
      const guest = await new Guest(path).send('GET /latest/meta-d').connected();
      assert.equal((await ask(path, 'GET / HTTP/1.1')).status, 200);
      b.clock.pass(connectionLimits.headSeconds);
      b.service.sweep();
      await guest.send('ata/instance-id HTTP/1.1\r\nHost: x\r\n\r\n').until(new RegExp(example.id));
      b.clock.pass(connectionLimits.headSeconds + 1);
      b.service.sweep();
      await guest.closed;
    }));

  it('cuts a body that trickles, and throws away what came of it', () =>
    withGuest(async (b, path) => {
      const guest = new Guest(path).send('PUT /joboutputs/log HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n');
      while ((await incoming(b)).length === 0) await new Promise((resolve) => setImmediate(resolve));
      b.clock.pass(connectionLimits.pace.seconds + 1);
      b.service.sweep();
      await guest.closed;
      while ((await incoming(b)).length > 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(await outputs(b), []);
      assert.equal(b.faults.length, 0);
    }));

  it('lets a body go on that keeps its pace', () =>
    withGuest(async (b, path) => {
      const guest = new Guest(path).send('PUT /joboutputs/log HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n');
      while ((await incoming(b)).length === 0) await new Promise((resolve) => setImmediate(resolve));
      const part = 'x'.repeat(30_000);
      const partFile = async (): Promise<number> => {
        const [name] = await incoming(b);
        return name === undefined ? 0 : (await readFile(join(b.layout.incoming(example.id), name))).length;
      };
      for (let sent = 30_000; sent < 90_000; sent += 30_000) {
        guest.send(part);
        while ((await partFile()) < sent) await new Promise((resolve) => setImmediate(resolve));
        b.clock.pass(connectionLimits.pace.seconds + 1);
        b.service.sweep();
      }
      await guest.send(part).until(/ 201 /);
      guest.socket.destroy();
    }));

  it('answers requests sent all at once one after the other', () =>
    withGuest(async (b, path) => {
      const requests = ['total_cpu', 'log_cores', 'jobslots', 'nothing'].map((key) => `GET /machinefeatures/${key} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const guest = new Guest(path).send(`PUT /joboutputs/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc${requests.join('')}`);
      await guest.until(/ 404 /);
      assert.deepEqual(
        [...guest.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((m) => m[1]),
        ['201', '200', '200', '200', '404'],
      );
      assert.deepEqual(await outputs(b), ['a']);
      guest.socket.destroy();
    }));

  it('answers who has closed his own side already', () =>
    withGuest(async (b, path) => {
      const guest = new Guest(path).send('PUT /joboutputs/a HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc');
      guest.socket.end();
      await guest.closed;
      assert.match(guest.text, /^HTTP\/1\.1 201 /);
      assert.deepEqual(await outputs(b), ['a']);
    }));

  it('answers what is no HTTP with 400, heads without end with 431, unknown methods with 501', () =>
    withGuest(async (_, path) => {
      for (const [request, status] of [
        ['\x16\x03\x01 hello\r\n\r\n', 400],
        [`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
      ] as const) {
        const guest = new Guest(path).send(Buffer.from(request, 'latin1'));
        await guest.closed;
        assert.match(guest.text, new RegExp(`^HTTP/1\\.1 ${status} `));
      }
      assert.equal((await ask(path, 'POST /joboutputs/x HTTP/1.1\r\nContent-Length: 3', 'abc')).status, 501);
      assert.equal((await ask(path, 'DELETE /joboutputs/x HTTP/1.1')).status, 501);
    }));

  it('cuts idle connections to a host service, with both their ends', async () => {
    const upstream: Socket[] = [];
    const silent = createServer((socket) => upstream.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    assert.ok(address !== null && typeof address === 'object');
    try {
      await using b = await bench({ settings: { hostServices: [{ port: 3128, host: '127.0.0.1', targetPort: address.port }] } });
      await b.service.attach(example);
      const guest = new Guest(join(b.layout.machine(example.id), 'svc-3128.sock'));
      await new Promise((resolve) => silent.once('connection', resolve));
      b.clock.pass(connectionLimits.idleSeconds);
      b.service.sweep();
      assert.equal(guest.socket.destroyed, false);
      b.clock.pass(1);
      b.service.sweep();
      await guest.closed;
      upstream[0]?.resume();
      await new Promise((resolve) => (upstream[0]?.destroyed ? resolve(undefined) : upstream[0]?.once('close', resolve)));
    } finally {
      for (const socket of upstream) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    }
  });
});
