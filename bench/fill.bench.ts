import { setTimeout as pause } from 'node:timers/promises';
import { startFactory } from '../src/factory/daemon.ts';
import { guestImages } from '../src/providers/qemu/guest-images.ts';
import { QemuProvider } from '../src/providers/qemu/index.ts';
import { never, World } from '../src/providers/qemu/test-kit.ts';
import { factorySite } from './factory-site.ts';
import { atMost, type BenchResult, median, notMeasured, shown } from './result.ts';

const slots = 16;
/** The default on two processors, and what both sides are allowed. */
const bootConcurrency = 3;
const rounds = 2;
const patienceSeconds = 600;
const lookMilliseconds = 20;
const name = `fill ${slots} slots with real machines`;

/** The guest's first request is the end of its boot, on both sides. It then does nothing. */
const userData = '#!/bin/sh\nsleep 100000\n';

/** Seconds until `slots` guests are up when nothing but the provider and this loop is there: `bootConcurrency` boots are always under way. */
async function bare(): Promise<number> {
  const world = await World.make();
  try {
    const provider = await world.provider();
    const orders = await Promise.all(Array.from({ length: slots }, () => world.order({ kernelArguments: 'quiet panic=0' })));
    const began = performance.now();
    const up = async (next: () => (typeof orders)[number] | undefined): Promise<void> => {
      for (let order = next(); order !== undefined; order = next()) {
        await provider.create(order, never());
        while (world.handsOf(order.id).requests.length === 0) await pause(lookMilliseconds);
      }
    };
    const waiting = orders.slice();
    await Promise.all(Array.from({ length: bootConcurrency }, () => up(() => waiting.shift())));
    return (performance.now() - began) / 1000;
  } finally {
    await world.close();
  }
}

/** The same by the whole daemon, from its first turn on. */
async function byFactory(): Promise<number> {
  const { kernel, initrd } = guestImages();
  const site = factorySite({
    slots,
    settings: [
      'provider = qemu',
      'accelerator = tcg',
      'network = namespace',
      'outbound = no',
      'mb_per_processor = 96',
      `boot_concurrency = ${bootConcurrency}`,
    ],
    machinetype: ['fizzle_seconds = 0', 'kernel_arguments = quiet panic=0'],
    kernel,
    initrd,
    userData,
  });
  try {
    const factory = await startFactory(site.options);
    const began = performance.now();
    try {
      const taken = (): number => (performance.now() - began) / 1000;
      while (factory.view.machines().filter((m) => m.contactAt !== undefined).length < slots) {
        if (taken() > patienceSeconds) throw new Error(`not filled within ${patienceSeconds} s: ${JSON.stringify(factory.view.lastTurn()?.decision.reasons)}`);
        await pause(lookMilliseconds);
      }
      return taken();
    } finally {
      await factory.stop();
      await removeMachines(site.stateDir);
    }
  } finally {
    site.remove();
  }
}

async function removeMachines(stateDir: string): Promise<void> {
  const provider = new QemuProvider({ stateDir, accelerator: 'tcg', network: 'namespace' });
  await provider.open(never());
  const { sightings } = await provider.list(never());
  await Promise.all(sightings.map((s) => provider.destroy(s.id, never())));
  await provider.close();
}

/** Fill time beside its floor, boot concurrency × boot time, taken in the same run and the same way. */
export async function run(): Promise<BenchResult[]> {
  try {
    guestImages();
  } catch (error) {
    return [notMeasured(name, '× floor', error instanceof Error ? error.message : String(error))];
  }
  // The host's speed drifts: each fill is held against what bare filling took before and after it.
  const floors = [await bare()];
  const fills: number[] = [];
  for (let round = 0; round < rounds; round++) {
    fills.push(await byFactory());
    floors.push(await bare());
  }
  const ratios = fills.map((took, i) => took / (((floors[i] ?? 0) + (floors[i + 1] ?? 0)) / 2));
  return [atMost(name, median(ratios), '× floor', 1.15, { floor: 1 }), shown('time of that fill', median(fills), 's', { floor: median(floors) })];
}
