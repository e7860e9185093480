import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { instant, type MachineId, machineId, seconds } from '../../core/units.ts';
import { type MachineOrder, ProviderError } from '../contract.ts';
import { ManualClock } from './clock.ts';
import { guestScript, servedGuest } from './guest.ts';
import { SimProvider } from './provider.ts';
import { seeded, seededScript, stormy } from './script.ts';
import { openWorldFile, readWorldFile, worldEvents } from './world-file.ts';
import { type SimEvent, SimWorld } from './world.ts';

const signal = new AbortController().signal;
const id = (n: number): MachineId => machineId(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
const order = (n: number, guestSocket = '/nonexistent/guest.sock'): MachineOrder => ({
  id: id(n),
  name: `factory-${n}.example.com`,
  slot: n,
  machinetype: 'example',
  model: 'kernel',
  processors: 1,
  memoryMb: 64,
  directory: '/nonexistent',
  rootImage: '/dev/null',
  kernelArguments: '',
  rootDevice: 'vda',
  scratchDevice: 'vdb',
  consoleMaxBytes: 4096,
  guestSocket,
  hostServices: [],
  outbound: false,
});
const opened = async (world: SimWorld): Promise<SimProvider> => {
  const provider = new SimProvider(world);
  await provider.open();
  return provider;
};
const powers = async (provider: SimProvider): Promise<string[]> => (await provider.list(signal)).sightings.map((s) => s.power);

describe('simulated world', () => {
  it('a machine runs for as long as its plan says, whoever looks and whatever the wall clock does', async () => {
    const clock = new ManualClock();
    const world = new SimWorld({ clock, script: { plan: () => ({ boot: seconds(5), run: seconds(100), ends: 'panic' }) } });
    const provider = await opened(world);
    await provider.create(order(1), signal);
    clock.advance(50);
    clock.step(365 * 86_400);
    assert.deepEqual(await powers(provider), ['running']);
    clock.step(-2 * 365 * 86_400);
    clock.advance(51);
    const [seen] = (await provider.list(signal)).sightings;
    assert.deepEqual([seen?.power, seen?.cause, seen?.cpuSeconds], ['off', 'panic', 100]);
  });

  it('the same seed gives the same history', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const history = (): SimEvent[] => {
          const clock = new ManualClock();
          const events: SimEvent[] = [];
          const world = new SimWorld({ clock, script: seededScript(seeded(seed), () => stormy), onEvent: (e) => events.push(e) });
          for (let n = 0; n < 5; n++) {
            world.accept(order(n));
            clock.advance(10);
            world.ask(id(n));
          }
          return events;
        };
        assert.deepEqual(history(), history());
      }),
      { numRuns: 50 },
    );
  });

  it('a refused call has no effect; one whose answer is lost has one', async () => {
    const world = new SimWorld({ clock: new ManualClock(), script: { create: (o) => ({ fails: o.slot === 1 ? 'before' : 'after' }) } });
    const provider = await opened(world);
    await assert.rejects(provider.create(order(1), signal), ProviderError);
    await assert.rejects(provider.create(order(2), signal), ProviderError);
    assert.deepEqual(
      world.sightings().map((s) => s.id),
      [id(2)],
    );
  });

  it('a partial listing says so, and a stale one still shows what was destroyed', async () => {
    const mood = { hides: false, stale: false };
    const world = new SimWorld({
      clock: new ManualClock(),
      script: { list: () => ({ ...(mood.hides ? { hides: (some) => some === id(1) } : {}), stale: mood.stale }) },
    });
    const provider = await opened(world);
    await provider.create(order(1), signal);
    await provider.create(order(2), signal);
    mood.hides = true;
    const partial = await provider.list(signal);
    assert.deepEqual([partial.complete, partial.sightings.map((s) => s.id)], [false, [id(2)]]);
    Object.assign(mood, { hides: false, stale: true });
    await provider.list(signal);
    await provider.destroy(id(1), signal);
    assert.equal((await provider.list(signal)).sightings.length, 2);
    assert.equal((await provider.list(signal)).sightings.length, 1, 'the next listing is fresh');
  });

  it('a call under way when its provider is closed has no effect', async () => {
    const clock = new ManualClock();
    const world = new SimWorld({ clock, script: { create: () => ({ takes: seconds(5) }) } });
    const provider = await opened(world);
    const call = provider.create(order(1), signal);
    await provider.close();
    clock.advance(10);
    await assert.rejects(call, /closed/);
    assert.deepEqual(world.sightings(), []);
  });

  it('watchers hear of an end when it happens; nobody watching costs no timer', async () => {
    const clock = new ManualClock();
    const world = new SimWorld({ clock, script: { plan: () => ({ boot: seconds(1), run: seconds(60) }) } });
    for (let n = 0; n < 200; n++) world.accept(order(n));
    assert.equal(clock.nextDue(), undefined);
    const heard: MachineId[] = [];
    const provider = await opened(world);
    provider.watch((some) => heard.push(some));
    assert.ok((clock.nextDue() ?? 0) >= 60, 'one timer, for the first end');
    clock.advance(61);
    await Promise.resolve();
    assert.equal(heard.length, 200);
    await provider.close();
  });
});

describe('world in a file', () => {
  const inDirectory = (test: (file: string) => void): void => {
    const directory = mkdtempSync(join(tmpdir(), 'vacua-world-'));
    try {
      test(join(directory, 'world.jsonl'));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  it('machines outlive the process, also when its last line was cut off', () => {
    inDirectory((file) => {
      const clock = new ManualClock();
      const first = openWorldFile(file, { clock, script: { plan: () => ({ boot: seconds(1), run: seconds(100) }) } });
      first.accept(order(1));
      first.accept(order(2));
      first.destroy(id(2));
      first.close();
      appendFileSync(file, '{"kind":"ended","up":10');
      clock.advance(60);
      const second = openWorldFile(file, { clock });
      assert.deepEqual(
        second.sightings().map((s) => [s.id, s.power, s.cpuSeconds]),
        [[id(1), 'running', 60]],
      );
      clock.advance(60);
      assert.equal(second.sightings()[0]?.power, 'off');
      second.close();
      assert.deepEqual(
        worldEvents(readWorldFile(file)).map((e) => e.kind),
        ['accepted', 'accepted', 'destroyed', 'ended'],
      );
    });
  });

  it('an end that cannot be stored makes listings fail, and happens when there is room', async () => {
    const clock = new ManualClock();
    let full = false;
    const world = new SimWorld({
      clock,
      guest: async () => 'power-off',
      onEvent: () => {
        if (full) throw new Error('no space left on device');
      },
      script: { plan: () => ({ boot: seconds(5) }) },
    });
    const provider = await opened(world);
    await provider.create(order(1), signal);
    full = true;
    clock.advance(6);
    await new Promise<void>((resolve) => setImmediate(resolve));
    await assert.rejects(provider.list(signal), /no space/);
    full = false;
    assert.deepEqual(await powers(provider), ['off']);
    world.close();
  });

  it('a file that is something else is refused with its place', () => {
    inDirectory((file) => {
      appendFileSync(file, 'hello\n');
      assert.throws(
        () => openWorldFile(file, { clock: new ManualClock() }),
        (error) => error instanceof ProviderError && error.message.startsWith(`${file}:1: `),
      );
    });
  });

  it('a boot of the host ends all machines', () => {
    inDirectory((file) => {
      const before = openWorldFile(file, { clock: new ManualClock(instant(0), 'boot-1') });
      before.accept(order(1));
      before.close();
      const after = openWorldFile(file, { clock: new ManualClock(instant(0), 'boot-2') });
      assert.deepEqual(after.sightings(), []);
      after.close();
    });
  });
});

describe('simulated guest', () => {
  it('does what its user data says, in time counted from its start', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vacua-guest-'));
    const socket = join(directory, 'guest.sock');
    const puts: string[] = [];
    const server = createServer((request, response) => {
      if (request.method === 'GET') return response.end('#!/bin/sh\n#sim run=50 ends=reset heartbeat=beat every=20 message=300 Nothing to do\n');
      request.setEncoding('utf8').on('data', (body: string) => puts.push(`${request.headers.host} ${request.url} ${body.trim()}`));
      return request.on('end', () => response.writeHead(201).end());
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const clock = new ManualClock();
      const world = new SimWorld({ clock, guest: servedGuest(clock) });
      world.accept(order(1, socket));
      // The server answers in real time; the guest's own pauses are simulated, and pass as soon as it begins one.
      while (world.machine(id(1))?.ended === false) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        clock.advance(clock.nextDue() ?? 0);
      }
      const [seen] = world.sightings();
      assert.deepEqual([seen?.power, seen?.cause], ['off', 'reset']);
      assert.equal(puts.filter((p) => p.includes('/joboutputs/beat')).length, 3);
      assert.equal(puts.at(-1), '169.254.169.253 /joboutputs/shutdown_message 300 Nothing to do');
      world.close();
    } finally {
      server.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('asks for its user data until somebody answers, as after a restart of the daemon', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vacua-guest-'));
    const socket = join(directory, 'guest.sock');
    const server = createServer((_, response) => response.end('#sim run=1 ends=reset\n'));
    const clock = new ManualClock();
    const world = new SimWorld({ clock, guest: servedGuest(clock) });
    const turn = async (): Promise<void> => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      clock.advance(clock.nextDue() ?? 0);
    };
    try {
      world.accept(order(1, socket));
      const began = clock.uptime();
      while (clock.uptime() < began + 5) await turn();
      assert.deepEqual(
        world.sightings().map((s) => s.power),
        ['running'],
      );
      await new Promise<void>((resolve) => server.listen(socket, resolve));
      while (world.machine(id(1))?.ended === false) await turn();
      assert.deepEqual(
        world.sightings().map((s) => s.cause),
        ['reset'],
      );
      assert.ok(clock.uptime() < began + 60, 'not the run of one to ten minutes of a guest that knows nothing');
    } finally {
      world.close();
      server.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('reads any user data without failing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const script = guestScript(`#sim ${text}`, id(1));
        assert.ok(Number.isFinite(script.run) && script.run >= 0 && script.every >= 1);
      }),
    );
  });
});
