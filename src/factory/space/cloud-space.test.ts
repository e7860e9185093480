import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { join } from 'node:path';
import type { Machine } from '../../core/machine.ts';
import { noCloudFacts } from '../../core/cloud/facts.ts';
import type { Observed } from '../../core/observed.ts';
import { instant, later } from '../../core/units.ts';
import { openQuery } from '../../core/vacquery/query.ts';
import { SystemClock } from '../clock.ts';
import { fakeId, runningMachine } from '../control/fake-view.ts';
import { cloudConfiguration, cloudType } from '../testing-cloud.ts';
import { CloudSpace } from './cloud-space.ts';
import { SharedPort } from './shared-port.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'vacua-cloud-space-'));
after(() => rmSync(stateDir, { recursive: true }));

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

const configurationOf = (space: string, port: number, open: boolean) =>
  cloudConfiguration(
    [cloudType('job', {}, { mbPerProcessor: 1000 })],
    { processorsLimit: 40 },
    {
      space,
      stateDir,
      factoryName: 'manager.example.com',
      vacqueryPort: port,
      vacqueryAddress: '127.0.0.1',
      acceptQueriesFrom: open ? [{ address: 0x7f000001, bits: 32 }] : [],
    },
  );

/** Two machines that a take-over has left with the same slot. */
const machines = (now: number): readonly Machine[] =>
  [1, 2].map((n) =>
    runningMachine(0, 'job', { id: fakeId(n), name: `vacua-job-${n}`, startedAt: later(instant(now), -100), heartbeatAt: instant(now) } as Partial<Machine>),
  );

const observed = (now: number): Observed => ({
  now: instant(now),
  host: { factory: 'manager.example.com', processors: 0, load: 1 },
  machines: machines(now),
  listing: { state: 'complete', at: instant(now), sightings: [], foreignProcessors: 0 },
  inFlight: new Set(),
  space: [],
  silent: [],
  preparations: new Map(),
  creationFailures: new Map(),
  guestServiceSince: instant(now - 1000),
  recentStarts: [],
  cloud: { ...noCloudFacts, offer: { quota: { processors: 30, machines: 7 }, used: { processors: 5, machines: 5 }, flavors: [] } },
});

type Message = Readonly<Record<string, unknown>>;

async function ask(socket: Socket, port: number, space: string, kind: 'factories' | 'machines' | 'machinetypes', answers: number): Promise<readonly Message[]> {
  const heard: Message[] = [];
  const done = new Promise<void>((resolve) => {
    socket.on('message', (payload) => {
      heard.push(JSON.parse(payload.toString('utf8')) as Message);
      if (heard.length === answers) resolve();
    });
  });
  socket.send(`${openQuery(kind, space, 'c'.repeat(64), 'test')}}`, port, '127.0.0.1');
  await done;
  socket.removeAllListeners('message');
  return heard;
}

describe('spaces at clouds in messages', () => {
  it('answer at one port, each for its own name: limits, machinetypes, and a message for every machine', async () => {
    const port = await freePort();
    const shared = new SharedPort();
    const clock = new SystemClock();
    const spaces = ['red.example.com', 'blue.example.com'].map((name, i) => {
      const configuration = configurationOf(name, port, i === 0);
      return { configuration, part: new CloudSpace({ settings: () => configuration.settings, clock, port: shared }) };
    });
    const asking = createSocket('udp4').bind(0, '127.0.0.1');
    await once(asking, 'listening');
    try {
      const now = clock.wall();
      for (const { part, configuration } of spaces) part.publish(observed(now), configuration);
      while (spaces.some(({ part }) => part.own() === undefined)) await new Promise((resolve) => setImmediate(resolve));
      const [factory] = await ask(asking, port, 'red.example.com', 'factories', 1);
      assert.deepEqual(
        [factory?.['space'], factory?.['factory'], factory?.['running_machines'], factory?.['max_processors'], factory?.['max_machines']],
        ['red.example.com', 'manager.example.com', 2, 30, 7],
      );
      const [type] = await ask(asking, port, 'blue.example.com', 'machinetypes', 1);
      assert.deepEqual([type?.['space'], type?.['machinetype'], type?.['bytes_per_processor']], ['blue.example.com', 'job', 1000 * 1024 * 1024]);
      const both = await ask(asking, port, 'red.example.com', 'machines', 2);
      assert.deepEqual(both.map((m) => [m['machine'], m['num_machines']]).sort(), [
        ['vacua-job-1', 2],
        ['vacua-job-2', 2],
      ]);
      const [answer] = await spaces[1]!.part.ask('factories', {});
      assert.equal(answer?.answered, 'complete');
    } finally {
      asking.close();
      for (const { part } of spaces) await part.close();
      shared.close();
    }
  });

  it('the port is lent to the space of the host while that needs it, and is of no use to strangers to all spaces', async () => {
    const shared = new SharedPort();
    const configuration = configurationOf('red.example.com', await freePort(), false);
    const part = new CloudSpace({ settings: () => configuration.settings, clock: new SystemClock(), port: shared });
    const from = { host: '192.0.2.1', port: 1000 };
    shared.lend(true);
    assert.equal(shared.answer(Buffer.from('{"space":"vac01.example.com"}'), from), undefined, "the host's own");
    assert.equal(shared.answer(Buffer.from('[]'), from), undefined);
    assert.deepEqual(shared.answer(Buffer.from('{"space":"red.example.com"}'), from), [], 'no question');
    assert.deepEqual([part.report().space, part.report().ignored], ['red.example.com', { invalid: 1 }]);
    assert.equal(shared.answer(Buffer.alloc(20_000, 32), from), undefined);
    await part.close();
    assert.equal(shared.answer(Buffer.from('{"space":"red.example.com"}'), from), undefined);
  });
});
