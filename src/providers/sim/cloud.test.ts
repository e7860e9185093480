import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { later, seconds } from '../../core/units.ts';
import { type MachineOrder, ProviderError } from '../contract.ts';
import { type Harness, providerContract } from '../provider-contract.ts';
import { plainOrder } from '../test-order.ts';
import { ManualClock } from './clock.ts';
import { SimCloudProvider } from './cloud-provider.ts';
import { SimCloud } from './cloud.ts';

const orderIn = (root: string | undefined, clock: ManualClock, about: Partial<MachineOrder> = {}): MachineOrder =>
  plainOrder(root, {
    memoryMb: 2048,
    remote: {
      userData: new Uint8Array(),
      metadata: new Map(),
      flavor: 'f1',
      image: { kind: 'named', name: 'any' },
      shutdownTime: later(clock.wall(), 86_400),
      createdAt: clock.wall(),
    },
    ...about,
  });

async function cloudHarness(): Promise<Harness> {
  const root = mkdtempSync(join(tmpdir(), 'vacua-sim-cloud-'));
  const clock = new ManualClock();
  const cloud = new SimCloud({ clock, build: seconds(3) });
  const open: SimCloudProvider[] = [];
  const order: Harness['order'] = async (about) => orderIn(root, clock, about);
  return {
    canary: join(root, 'canary'),
    order,
    provider: async () => {
      const provider = new SimCloudProvider(cloud, 'manager.example.com');
      await provider.open();
      open.push(provider);
      return provider;
    },
    brokenOrder: async () => {
      const good = await order();
      return { ...good, ...(good.remote && { remote: { ...good.remote, flavor: 'none' } }) };
    },
    booted: async () => clock.advance(4),
    powerOff: async (id) => cloud.show(id, 'off'),
    hang: async (id) => cloud.replan(id, { deaf: true }),
    vanish: async (id) => cloud.remove(id),
    until: async (what, condition) => {
      for (let waited = 0; waited < 60; waited++) {
        if (await condition()) return;
        clock.advance(1);
      }
      throw new Error(`not within a simulated minute: ${what}`);
    },
    leftovers: async () => cloud.servers.map((s) => s.id),
    close: async () => {
      for (const provider of open) await provider.close();
      rmSync(root, { recursive: true });
    },
  };
}

providerContract('sim cloud', cloudHarness);

const signal = new AbortController().signal;

it('a list has a request for limits and one per page, and counts machines of others', async () => {
  const clock = new ManualClock();
  const cloud = new SimCloud({ clock, page: 2 });
  const provider = new SimCloudProvider(cloud, 'm');
  for (let i = 0; i < 3; i++) await provider.create(orderIn(undefined, clock), signal);
  cloud.foreign = [4, 2];
  const listed = await provider.list(signal);
  assert.deepEqual([listed.sightings.length, listed.foreignProcessors, listed.offer?.used], [3, 6, { processors: 9, machines: 5 }]);
  assert.deepEqual([cloud.calls.list, cloud.calls.limits], [3, 1]);
});

it('quota refuses a creation, a cloud without room accepts it and shows it as failed', async () => {
  const clock = new ManualClock();
  const cloud = new SimCloud({ clock, quota: { processors: 2 }, capacity: 1, build: seconds(5) });
  const provider = new SimCloudProvider(cloud, 'm');
  await provider.create(orderIn(undefined, clock), signal);
  await provider.create(orderIn(undefined, clock), signal);
  await assert.rejects(provider.create(orderIn(undefined, clock), signal), (e) => e instanceof ProviderError && e.lack === 'quota' && !e.whole);
  assert.deepEqual(
    cloud.servers.map((s) => s.power),
    ['starting', 'starting'],
  );
  clock.advance(5);
  const { sightings } = await provider.list(signal);
  assert.deepEqual(
    sightings.map((s) => [s.power, s.lack]),
    [
      ['running', undefined],
      ['failed', 'capacity'],
    ],
  );
});
