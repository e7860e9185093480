import assert from 'node:assert/strict';
import { mkdir, open, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { instant } from '../../core/units.ts';
import { another, ask, bench, example, Guest, put } from './fixture.ts';
import { outputFiles } from './output-store.ts';

const socketOf = (directory: string): string => join(directory, 'guest.sock');

describe('UnixGuestService', () => {
  it('answers each machine on its own socket, whatever the request claims', async () => {
    await using b = await bench();
    await b.service.attach(example);
    await b.service.attach(another);
    const spoofed = 'GET /latest/meta-data/instance-id HTTP/1.1\r\nX-Forwarded-For: 169.254.169.8\r\nForwarded: for=169.254.169.8';
    assert.equal((await ask(socketOf(b.layout.machine(example.id)), spoofed)).body, example.id);
    assert.equal((await ask(socketOf(b.layout.machine(another.id)), spoofed)).body, another.id);
    const absolute = `GET http://${another.name}/latest/meta-data/hostname HTTP/1.1`;
    assert.equal((await ask(socketOf(b.layout.machine(example.id)), absolute)).body, example.name);
  });

  it('hands out user data as it is, without holding it in memory', async () => {
    await using b = await bench();
    await b.service.attach(example);
    const path = socketOf(b.layout.machine(example.id));
    assert.equal((await ask(path, 'GET /latest/user-data HTTP/1.1')).status, 404);
    const bytes = Buffer.alloc(300_000, '\xff\x00#', 'latin1');
    await writeFile(b.layout.userData(example.id), bytes);
    const reply = await ask(path, 'GET /openstack/latest/user_data HTTP/1.0');
    assert.equal(reply.status, 200);
    assert.ok(Buffer.from(reply.body, 'latin1').equals(bytes));
    const head = await ask(path, 'HEAD /latest/user-data HTTP/1.1');
    assert.match(head.head, /content-length: 300000/i);
    assert.equal(head.body, '');
  });

  it('does not pass off user data that cannot be read as none', async () => {
    await using b = await bench();
    await b.service.attach(example);
    await mkdir(b.layout.userData(example.id));
    assert.equal((await ask(socketOf(b.layout.machine(example.id)), 'GET /latest/user-data HTTP/1.1')).status, 500);
  });

  it('answers 304 to a reader who has the value already, and another value after an update', async () => {
    await using b = await bench();
    await b.service.attach(example);
    const path = socketOf(b.layout.machine(example.id));
    const first = await ask(path, 'GET /jobfeatures/wall_limit_secs HTTP/1.1');
    assert.equal(first.body, '86400');
    assert.match(first.head, /cache-control: max-age=60/i);
    const etag = /etag: (\S+)/i.exec(first.head)?.[1];
    const again = `GET /jobfeatures/wall_limit_secs HTTP/1.1\r\nIf-None-Match: ${etag}`;
    assert.equal((await ask(path, again)).status, 304);
    b.service.update({ ...example, shutdownTime: instant(example.createdAt + 3_600_000), drainAnnounced: true });
    assert.equal((await ask(path, again)).body, '3600');
  });

  it('serves the public key that was prepared', async () => {
    await using b = await bench();
    await b.service.attach(example);
    await writeFile(b.layout.rootPublicKey(example.id), 'ssh-ed25519 AAAA root\n');
    const reply = await ask(socketOf(b.layout.machine(example.id)), 'GET /latest/meta-data/public-keys/0/openssh-key HTTP/1.1');
    assert.equal(reply.body, 'ssh-ed25519 AAAA root');
  });

  it('stores job outputs for the daemon alone and reports what they say', async () => {
    await using b = await bench();
    await b.service.attach(example);
    const path = socketOf(b.layout.machine(example.id));
    assert.deepEqual(b.service.report(example.id), {});
    assert.equal((await put(path, 'log', 'old')).status, 201);
    assert.equal((await put(path, 'log', 'new')).status, 201);
    const stored = join(b.layout.joboutputs(example.id), 'log');
    assert.equal(await readFile(stored, 'utf8'), 'new');
    assert.equal((await stat(stored)).mode & 0o777, 0o600);
    const contactAt = b.clock.wall();
    b.clock.pass(60);
    await put(path, 'heartbeat', '');
    b.clock.pass(60);
    await put(path, 'shutdown_message', '300 No more work\nsecond line');
    assert.deepEqual(b.service.report(example.id), {
      contactAt,
      heartbeatFileAt: instant(contactAt + 60_000),
      message: { text: '300 No more work', at: instant(contactAt + 120_000) },
    });
    assert.deepEqual(b.reports, [example.id, example.id]);
  });

  it('knows after a restart what was reported, from files and record', async () => {
    await using b = await bench();
    await b.service.attach(example);
    const path = socketOf(b.layout.machine(example.id));
    await put(path, 'heartbeat', 'x');
    await put(path, 'shutdown_message', '200 done');
    const at = instant(b.clock.wall() - 30_000);
    for (const name of ['heartbeat', 'shutdown_message']) await utimes(join(b.layout.joboutputs(example.id), name), at / 1000, at / 1000);
    const contactAt = instant(at - 5000);
    await b.service.close();
    const next = b.restart();
    await next.attach({ ...example, contactAt });
    assert.deepEqual(next.report(example.id), { contactAt, heartbeatFileAt: at, message: { text: '200 done', at } });
    await next.detach(example.id);
    assert.deepEqual(next.report(example.id), {});
  });

  it('moves remembered times with a step of the clock', async () => {
    await using b = await bench();
    await b.service.attach(example);
    await put(socketOf(b.layout.machine(example.id)), 'shutdown_message', '200 done');
    const since = b.service.since;
    const before = b.service.report(example.id);
    assert.ok(since !== undefined && before.contactAt !== undefined && before.message !== undefined);
    b.service.shift(-3600 as Parameters<typeof b.service.shift>[0]);
    assert.equal(b.service.since, since - 3_600_000);
    assert.deepEqual(b.service.report(example.id), {
      contactAt: instant(before.contactAt - 3_600_000),
      message: { ...before.message, at: instant(before.message.at - 3_600_000) },
    });
  });

  it('replaces the socket and the unfinished files of a daemon that was killed', async () => {
    await using b = await bench();
    await mkdir(b.layout.incoming(example.id), { recursive: true });
    await writeFile(join(b.layout.incoming(example.id), '1'), 'half');
    await writeFile(socketOf(b.layout.machine(example.id)), 'stale');
    await b.service.attach(example);
    await b.service.attach(example);
    assert.deepEqual(await readdir(b.layout.incoming(example.id)), []);
    assert.equal((await ask(socketOf(b.layout.machine(example.id)), 'GET / HTTP/1.1')).status, 200);
  });

  it('lets anyone in who may enter the directory', async () => {
    await using b = await bench();
    await b.service.attach(example);
    assert.equal((await stat(socketOf(b.layout.machine(example.id)))).mode & 0o222, 0o222);
  });

  it('listens at paths longer than a socket address can be', async () => {
    await using b = await bench({ below: 'd'.repeat(120) });
    await b.service.attach(example);
    const directory = b.layout.machine(example.id);
    assert.ok(Buffer.byteLength(socketOf(directory)) > 107);
    await using through = await open(directory);
    assert.equal((await ask(`/proc/self/fd/${through.fd}/guest.sock`, 'GET /latest/meta-data/ami-id HTTP/1.1')).body, example.id);
    await b.service.detach(example.id);
    assert.ok(!(await readdir(directory)).includes('guest.sock'));
  });

  it('says which machine cannot be served, and keeps nothing of it', async () => {
    await using b = await bench();
    await writeFile(b.layout.machine(example.id), 'a file where the directory belongs');
    await assert.rejects(b.service.attach(example));
    assert.deepEqual(b.service.report(example.id), {});
  });

  it('forwards host services byte for byte, half-closing included', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const address = echo.address();
    assert.ok(address !== null && typeof address === 'object');
    try {
      await using b = await bench({ settings: { hostServices: [{ port: 3128, host: '127.0.0.1', targetPort: address.port }] } });
      await b.service.attach(example);
      const guest = new Guest(join(b.layout.machine(example.id), 'svc-3128.sock'));
      guest.send('x'.repeat(200_000));
      guest.socket.end();
      await guest.closed;
      assert.equal(guest.text, 'x'.repeat(200_000));
    } finally {
      await new Promise((resolve) => echo.close(resolve));
    }
  });

  it('closes the guest when the host service refuses', async () => {
    const closedPort = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
      });
    });
    await using b = await bench({ settings: { hostServices: [{ port: 3128, host: '127.0.0.1', targetPort: closedPort }] } });
    await b.service.attach(example);
    const guest = new Guest(join(b.layout.machine(example.id), 'svc-3128.sock'));
    await guest.closed;
    assert.equal(guest.text, '');
  });
});

describe('a machine that asks without end', () => {
  const flood = async (path: string, times: number): Promise<number[]> => {
    const statuses: number[] = [];
    for (let left = times; left > 0; left -= 100) {
      const guest = new Guest(path).send('GET /jobfeatures/job_id HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(Math.min(left, 100)));
      await guest.connected();
      guest.socket.end();
      await guest.closed;
      statuses.push(...[...guest.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1])));
    }
    return statuses;
  };

  it('gets 429 and the time to wait, alone; its heartbeat and its message still count', async () => {
    await using b = await bench();
    await b.service.attach(example);
    await b.service.attach(another);
    const path = socketOf(b.layout.machine(example.id));
    assert.deepEqual(await flood(path, 200), Array(200).fill(200));
    const refused = await ask(path, 'GET /jobfeatures/job_id HTTP/1.1');
    assert.equal(refused.status, 429);
    assert.match(refused.head, /retry-after: 1\b/i);
    assert.equal((await put(path, 'log', 'x')).status, 429);
    assert.equal((await ask(socketOf(b.layout.machine(another.id)), 'GET /jobfeatures/job_id HTTP/1.1')).status, 200);
    assert.equal((await put(path, 'heartbeat', 'x')).status, 201);
    assert.equal((await put(path, 'shutdown_message', '200 done')).status, 201);
    assert.deepEqual([b.service.report(example.id).heartbeatFileAt, b.service.report(example.id).message?.text], [b.clock.wall(), '200 done']);
    for (let i = 0; i < 8; i++) assert.equal((await put(path, 'heartbeat', 'x')).status, 201);
    assert.equal((await put(path, 'heartbeat', 'x')).status, 429);
    b.clock.pass(1);
    assert.deepEqual(await flood(path, 50), Array(50).fill(200));
    assert.equal((await ask(path, 'GET /jobfeatures/job_id HTTP/1.1')).status, 429);
    assert.equal((await put(path, 'heartbeat', 'x')).status, 201);
  });
});

describe('storing', () => {
  it('gives since when it has worked, not while it fails, and anew when it works again', async () => {
    let broken: string | undefined;
    const fail = (): void => {
      if (broken !== undefined) throw Object.assign(new Error('disk'), { code: broken });
    };
    const files = {
      ...outputFiles,
      open: (async (...given: Parameters<typeof outputFiles.open>) => {
        const file = await outputFiles.open(...given);
        const sync = file.datasync.bind(file);
        file.datasync = async () => (fail(), sync());
        return file;
      }) as typeof outputFiles.open,
    };
    await using b = await bench({ files });
    await b.service.attach(example);
    const path = socketOf(b.layout.machine(example.id));
    const start = b.clock.wall();
    assert.equal(b.service.since, start);
    await put(path, 'log', 'precious');
    for (const [code, status] of [
      ['ENOSPC', 507],
      ['EDQUOT', 507],
      ['EIO', 500],
    ] as const) {
      broken = code;
      assert.equal((await put(path, 'log', 'lost')).status, status);
      assert.equal(b.service.since, undefined);
      await b.service.probe();
      assert.equal(b.service.since, undefined);
      broken = undefined;
      b.clock.pass(10);
      await b.service.probe();
      assert.equal(b.service.since, b.clock.wall());
    }
    assert.equal(b.faults.length, 3);
    assert.equal(await readFile(join(b.layout.joboutputs(example.id), 'log'), 'utf8'), 'precious');
    assert.deepEqual(await readdir(b.layout.incoming(example.id)), []);
    assert.deepEqual(
      (await readdir(b.layout.machines)).filter((name) => name.startsWith('.')),
      [],
    );
  });
});
