import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seconds } from '../../core/units.ts';
import type { MachineOrder } from '../contract.ts';
import { type Harness, providerContract } from '../provider-contract.ts';
import { plainOrder } from '../test-order.ts';
import { ManualClock } from './clock.ts';
import { SimProvider } from './provider.ts';
import { SimWorld } from './world.ts';

async function simHarness(): Promise<Harness> {
  const root = mkdtempSync(join(tmpdir(), 'vacua-sim-'));
  const clock = new ManualClock();
  const broken = new Set<string>();
  const world = new SimWorld({
    clock,
    script: { plan: () => ({ boot: seconds(3) }), create: (order) => (broken.has(order.id) ? { fails: 'before' } : {}) },
  });
  const open: SimProvider[] = [];
  const order = async (about: Partial<MachineOrder> = {}): Promise<MachineOrder> =>
    plainOrder(root, { model: 'kernel', rootImage: '/dev/null', outbound: false, ...about });
  return {
    canary: join(root, 'canary'),
    order,
    provider: async () => {
      const provider = new SimProvider(world);
      await provider.open();
      open.push(provider);
      return provider;
    },
    brokenOrder: async () => {
      const refused = await order();
      broken.add(refused.id);
      return refused;
    },
    booted: async (id) => {
      while (world.machine(id)?.booted === false) clock.advance(1);
    },
    powerOff: async (id) => world.end(id, 'power-off'),
    reset: async (id) => world.end(id, 'reset'),
    hang: async (id) => world.replan(id, { deaf: true }),
    vanish: async (id) => world.end(id, 'vanished'),
    until: async (what, condition) => {
      for (let waited = 0; waited < 60; waited++) {
        if (await condition()) return;
        clock.advance(1);
      }
      throw new Error(`not within a simulated minute: ${what}`);
    },
    leftovers: async () => world.sightings().map((s) => s.id),
    close: async () => {
      for (const provider of open) await provider.close();
      world.close();
      rmSync(root, { recursive: true });
    },
  };
}

providerContract('sim', simHarness);
