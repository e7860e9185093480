import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { later, seconds } from '../../core/units.ts';
import { loneFactory } from '../site-view.ts';
import { EventBus } from '../events.ts';
import { layout } from '../layout.ts';
import { ControlClient } from './client.ts';
import { ControlError } from './control-error.ts';
import { ago, fakeId, fakeNow, FakeView, finishedMachine } from './fake-view.ts';
import { routes } from './routes.ts';
import { controlApp } from './app.ts';
import { ControlServer } from './server.ts';

const warnings: string[] = [];
const log = { warn: (_fields: object, message: string): void => void warnings.push(message) };

/** A state directory, a scripted factory on it, and a client, all gone after `use`. */
async function withServer(
  use: (at: { client: ControlClient; view: FakeView; bus: EventBus; server: ControlServer; stateDir: string }) => Promise<void>,
  deep = '',
): Promise<void> {
  const top = mkdtempSync(join(tmpdir(), 'control-'));
  try {
    const stateDir = join(top, deep);
    mkdirSync(stateDir, { recursive: true });
    const view = new FakeView(stateDir);
    const bus = new EventBus();
    const socketPath = layout(stateDir).control;
    await using server = new ControlServer({ site: loneFactory(view, bus), socketPath, log, now: () => fakeNow });
    await server.listen();
    await use({ client: new ControlClient(socketPath), view, bus, server, stateDir });
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
}

const fails = (code: string) => (error: unknown) => error instanceof ControlError && error.code === code;

describe('answers', () => {
  it('come back as the types of the core', async () => {
    await withServer(async ({ client, view }) => {
      assert.deepEqual(await client.status(), view.status());
      assert.deepEqual(await client.machines(), view.records);
      assert.deepEqual(await client.machine(fakeId(0)), view.records[0]);
      assert.deepEqual(await client.turn(), view.turn);
    });
  });

  it('name target, machines, verdict and last end of each machinetype', async () => {
    await withServer(async ({ client }) => {
      const [blue, red] = await client.machinetypes();
      assert.equal(blue?.name, 'blue');
      assert.deepEqual(blue.machines, { creating: 1, running: 0, ending: 0, finished: 1 });
      assert.equal(blue.reason?.verdict.why, 'backing_off');
      assert.equal(blue.lastEnd?.outcome.message, '300 No more work');
      assert.equal(red?.targetShare, 3);
      assert.equal(red.lastEnd, undefined);
    });
  });

  it('keep a machinetype that has left the configuration while it has machines', async () => {
    await withServer(async ({ client, view }) => {
      view.records = [finishedMachine(3, 'gone', '200 Done')];
      const gone = (await client.machinetypes()).find((m) => m.name === 'gone');
      assert.equal(gone?.origin, undefined);
      assert.equal(gone?.machines.finished, 1);
    });
  });

  it('mask secrets of the configuration', async () => {
    await withServer(async ({ client, view }) => {
      view.pipes = [{ prefix: 'p', url: 'https://me:hunter2@pipes.example.org/p.json?key=hunter2', machinetypes: 2, fetchedAt: ago(60) }];
      const answer = await client.configuration();
      assert.equal(answer.settings?.['space'], 'vac01.example.com');
      assert.deepEqual(answer.machinetypes['blue']?.['userDataOptions'], { token: '***' });
      assert.equal(answer.pipes[0]?.url, 'https://***@pipes.example.org/p.json?***');
      assert.ok(!JSON.stringify(answer).includes('hunter2'));
    });
  });

  it('say in words why, and list machinetypes for an unknown one', async () => {
    await withServer(async ({ client }) => {
      assert.ok((await client.why('blue')).join('\n').includes('300 No more work'));
      await assert.rejects(client.why('purple'), (e) => fails('unknown_machinetype')(e) && String(e).includes('red-prod, blue'));
    });
  });

  it('give a situation with the machines in it', async () => {
    await withServer(async ({ client }) => {
      const { local_machines: machines } = (await client.situation()) as { local_machines: { slot: number }[] };
      assert.deepEqual(
        machines.map((m) => m.slot),
        [0, 1, 2],
      );
    });
  });

  it('order usage by end', async () => {
    await withServer(async ({ client, view }) => {
      const one = (n: number) => ({
        id: fakeId(n),
        name: 'x',
        space: 's',
        factory: 'f',
        site: 's',
        machinetype: 'blue',
        processors: 1,
        memoryMb: 1,
        startedAt: ago(100),
        endedAt: ago(n),
        wall: seconds(100 - n),
        cpu: seconds(1),
        outcome: { cause: 'power-off' as const, abort: false },
      });
      view.usageRecords = [one(1), one(2)];
      assert.deepEqual(await client.usage(), [one(2), one(1)]);
    });
  });

  it('survive times and figures that have no JSON', async () => {
    await withServer(async ({ client, view }) => {
      view.change = { startedAt: later(fakeNow, Number.POSITIVE_INFINITY), load: Number.POSITIVE_INFINITY };
      const { startedAt, load } = await client.status();
      assert.equal(new Date(startedAt).toISOString(), '9999-12-31T23:59:59.999Z');
      assert.equal(load, Number.POSITIVE_INFINITY);
    });
  });
});

describe('refusals', () => {
  it('are documented errors with a status', async () => {
    await withServer(async ({ client, view }) => {
      await assert.rejects(client.machine(fakeId(99)), fails('unknown_machine'));
      await assert.rejects(client.console(fakeId(0)), fails('no_console'));
      await assert.rejects(client.hold(fakeId(2), true), fails('machine_finished'));
      await assert.rejects(client.destroy(fakeId(2)), fails('machine_finished'));
      view.turn = undefined;
      await assert.rejects(client.turn(), fails('no_turn'));
      view.configured = false;
      await assert.rejects(client.situation(), fails('no_configuration'));
    });
  });

  it('meet every body that is not the documented one', async () => {
    const view = new FakeView('/nonexistent');
    const app = controlApp({ site: loneFactory(view, new EventBus()), now: () => fakeNow, log, streams: new Set() });
    const longer = JSON.stringify({ on: true, filler: 'x'.repeat(5000) });
    for (const body of ['', 'true', '{"on":1}', '{"on":true,"also":1}', '[', longer]) {
      const headers = { 'content-length': String(body.length) };
      const response = await app.request('/v1/drain', { method: 'POST', body, headers });
      assert.equal(response.status, 400, body.slice(0, 30));
      assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'bad_request');
    }
    assert.deepEqual(view.commands, []);
  });

  it('are JSON for unknown paths and for bugs too', async () => {
    const view = new FakeView('/nonexistent');
    const app = controlApp({ site: loneFactory(view, new EventBus()), now: () => fakeNow, log, streams: new Set() });
    const codeOf = async (path: string): Promise<string> => ((await (await app.request(path)).json()) as { error: { code: string } }).error.code;
    assert.equal(await codeOf('/v2/status'), 'not_found');
    assert.equal(await codeOf('/v1/machines/%ff'), 'unknown_machine');
    view.machines = () => {
      throw new Error('a bug');
    };
    assert.equal(await codeOf('/v1/machines'), 'internal');
  });
});

describe('commands', () => {
  it('reach the factory', async () => {
    await withServer(async ({ client, view }) => {
      assert.equal(await client.drain(true), true);
      await client.hold(fakeId(0), true);
      await client.destroy(fakeId(1));
      assert.deepEqual(view.commands, ['drain true', `hold ${fakeId(0)} true`, `destroy ${fakeId(1)}`]);
    });
  });
});

describe('outputs', () => {
  it('are regular files with proper names, and no link is followed', async () => {
    await withServer(async ({ client, stateDir }) => {
      const directory = layout(stateDir).joboutputs(fakeId(0));
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(stateDir, 'secret'), 'secret');
      writeFileSync(join(directory, 'stdout.log'), 'a\0b');
      writeFileSync(join(directory, '.hidden'), 'x');
      symlinkSync(join(stateDir, 'secret'), join(directory, 'link'));
      mkdirSync(join(directory, 'subdirectory'));
      const listed = await client.outputs(fakeId(0));
      assert.deepEqual(
        listed.map(({ name, size }) => ({ name, size })),
        [{ name: 'stdout.log', size: 3 }],
      );
      const chunks: Uint8Array[] = [];
      for await (const chunk of await client.output(fakeId(0), 'stdout.log')) chunks.push(chunk);
      assert.equal(Buffer.concat(chunks).toString(), 'a\0b');
      for (const name of ['link', '.hidden', 'subdirectory', '../secret', '..', 'absent', 'a/b', '']) {
        await assert.rejects(client.output(fakeId(0), name), (e) => e instanceof ControlError && e.status === 404, name);
      }
    });
  });

  it('are none when the directory is itself a link', async () => {
    await withServer(async ({ client, stateDir }) => {
      const directory = layout(stateDir).joboutputs(fakeId(0));
      mkdirSync(join(directory, '..'), { recursive: true });
      symlinkSync(stateDir, directory);
      assert.deepEqual(await client.outputs(fakeId(0)), []);
    });
  });
});

describe('console', () => {
  it('comes as the bytes that the guest wrote', async () => {
    await withServer(async ({ client, view }) => {
      view.consoles.set(fakeId(0), Buffer.from([0, 27, 255]));
      assert.deepEqual([...(await client.console(fakeId(0)))], [0, 27, 255]);
    });
  });
});

describe('events', () => {
  it('come as they happen and end with the factory', async () => {
    await withServer(async ({ client, view, bus, server }) => {
      const seen: string[] = [];
      const events = client.events(new AbortController().signal)[Symbol.asyncIterator]();
      const first = events.next();
      await streamIsOpen(bus);
      const machine = view.records[2];
      assert.ok(machine?.state === 'finished');
      bus.emit('finished', { machine, outcome: machine.outcome });
      bus.emit('failed', { action: { kind: 'forget', id: machine.id }, error: new Error('disk') });
      if (view.turn !== undefined) bus.emit('decided', view.turn.decision);
      const closing = server.close();
      for (let step = await first; !step.done; step = await events.next()) seen.push(step.value.event);
      await closing;
      assert.deepEqual(seen, ['finished', 'failed', 'decided']);
    });
  });

  it('end when the reader leaves, and leave nothing on the bus', async () => {
    const bus = new EventBus();
    const streams = new Set<never>();
    const app = controlApp({ site: loneFactory(new FakeView('/nonexistent'), bus), now: () => fakeNow, log, streams: streams as never });
    const response = await app.request('/v1/events');
    assert.equal(streams.size, 1);
    await response.body?.cancel();
    assert.equal(streams.size, 0);
    bus.emit('closed', { why: 'test' });
  });

  it('are cut off for a reader that does not read, and the factory goes on', async () => {
    const bus = new EventBus();
    const streams = new Set<never>();
    const app = controlApp({ site: loneFactory(new FakeView('/nonexistent'), bus), now: () => fakeNow, log, streams: streams as never });
    const response = await app.request('/v1/events');
    const why = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 6; i++) bus.emit('closed', { why });
    assert.equal(streams.size, 0);
    await assert.rejects(response.text(), /behind/);
  });

  it('are limited in number', async () => {
    const bus = new EventBus();
    const app = controlApp({ site: loneFactory(new FakeView('/nonexistent'), bus), now: () => fakeNow, log, streams: new Set() });
    for (let i = 0; i < 32; i++) assert.equal((await app.request('/v1/events')).status, 200);
    assert.equal((await app.request('/v1/events')).status, 503);
  });

  /** Resolves when somebody listens on the bus. */
  async function streamIsOpen(bus: EventBus): Promise<void> {
    await new Promise<void>((resolve) => {
      const subscribe = bus.subscribe.bind(bus);
      bus.subscribe = (listener) => {
        const stop = subscribe(listener);
        resolve();
        return stop;
      };
    });
  }
});

describe('the socket', () => {
  it('belongs to the user alone, and goes with the server', async () => {
    await withServer(async ({ stateDir, server }) => {
      const { control } = layout(stateDir);
      assert.equal(statSync(control).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(stateDir), ['control.sock']);
      await server.close();
      assert.ok(!existsSync(control));
    });
  });

  it('may lie deeper than the kernel allows for socket paths', async () => {
    await withServer(
      async ({ client, stateDir }) => {
        assert.ok(layout(stateDir).control.length > 300);
        assert.equal((await client.status()).pid, 4711);
      },
      `${'deep/'.repeat(60)}state`,
    );
  });

  it('is not taken from a process that answers', async () => {
    await withServer(async ({ client, view, bus, stateDir }) => {
      const second = new ControlServer({ site: loneFactory(view, bus), socketPath: layout(stateDir).control, log });
      await assert.rejects(second.listen(), /another factory already answers/);
      assert.equal((await client.status()).pid, 4711);
    });
  });

  it('is taken from a process that has died', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'control-'));
    try {
      const socketPath = layout(stateDir).control;
      writeFileSync(socketPath, 'not even a socket');
      const client = new ControlClient(socketPath);
      await assert.rejects(client.status(), fails('not_running'));
      await using server = new ControlServer({ site: loneFactory(new FakeView(stateDir), new EventBus()), socketPath, log });
      await server.listen();
      assert.equal((await client.status()).pid, 4711);
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  });

  it('missing, in a missing directory, or answering nonsense are told apart by the client', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'control-'));
    try {
      await assert.rejects(new ControlClient(join(stateDir, 'control.sock')).status(), fails('not_running'));
      await assert.rejects(new ControlClient(join(stateDir, 'no', 'control.sock')).status(), fails('not_running'));
      const path = join(stateDir, 'odd.sock');
      const odd = createServer((socket) => socket.resume().end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsure'));
      await new Promise<void>((done) => odd.listen(path, done));
      await assert.rejects(new ControlClient(path).status(), fails('bad_answer'));
      await new Promise((done) => odd.close(done));
      const silent = createServer((socket) => socket.resume());
      await new Promise<void>((done) => silent.listen(path, done));
      await assert.rejects(new ControlClient(path, 20).status(), fails('no_answer'));
      await new Promise((done) => silent.close(done));
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  });
});

describe('the OpenAPI document', () => {
  it('describes exactly the routes that are served', async () => {
    const app = controlApp({ site: loneFactory(new FakeView('/nonexistent'), new EventBus()), now: () => fakeNow, log, streams: new Set() });
    const document = (await (await app.request('/openapi.json')).json()) as { paths: Record<string, Record<string, unknown>> };
    const described = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
    const served = app.routes
      .filter((r) => r.method !== 'ALL' && r.path !== '/openapi.json')
      .map((r) => `${r.method} ${r.path.replaceAll(/:([a-z]+)/g, '{$1}')}`);
    assert.deepEqual(described.sort(), served.sort());
    assert.equal(described.length, routes.length);
  });

  it('resolves all its references', async () => {
    const app = controlApp({ site: loneFactory(new FakeView('/nonexistent'), new EventBus()), now: () => fakeNow, log, streams: new Set() });
    const text = await (await app.request('/openapi.json')).text();
    const names = new Set(Object.keys((JSON.parse(text) as { components: { schemas: object } }).components.schemas));
    const references = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference ?? '');
    assert.ok(references.length > 20);
    for (const reference of references) assert.ok(names.has(reference.replace('#/components/schemas/', '')), reference);
  });
});
