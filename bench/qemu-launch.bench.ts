import { spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { MachineOrder } from '../src/providers/contract.ts';
import { qemuCommand, qemuArguments } from '../src/providers/qemu/arguments.ts';
import { guestImages } from '../src/providers/qemu/guest-images.ts';
import type { QemuProvider } from '../src/providers/qemu/provider.ts';
import { runState } from '../src/providers/qemu/qmp.ts';
import { never, until, World } from '../src/providers/qemu/test-kit.ts';
import { missingTools } from '../src/providers/qemu/tools.ts';
import { atMost, type Bench, median, notMeasured, shown } from './result.ts';

const singles = 21;
const rounds = 5;
const together = 10;
/** No machine was ever in the slots from here on. */
const freshSlot = 100;

/** The same QEMU, started by hand: from `spawn` to its first answer. Only its network differs, as a tap needs what we prepare. */
async function bare(order: MachineOrder): Promise<() => Promise<void>> {
  const images = guestImages();
  const home = join(order.directory, 'provider');
  await mkdir(join(home, 'run'), { recursive: true });
  const args = qemuArguments(order, { accelerator: 'tcg', network: 'namespace', image: images.kernel, imageFormat: 'raw', initrd: images.initrd });
  args[args.indexOf('-netdev') + 1] = 'user,id=net,restrict=on,ipv6=off';
  const child = spawn(qemuCommand, args, { cwd: home, stdio: 'ignore', detached: true });
  const ends = new Promise((done) => child.once('exit', done));
  while ((await runState(join(home, 'run'), 'qmp.sock', AbortSignal.timeout(2000)).catch(() => undefined)) === undefined) await pause(4);
  return async () => {
    child.kill('SIGKILL');
    await ends;
    await rm(home, { recursive: true });
  };
}

async function ours(provider: QemuProvider, order: MachineOrder): Promise<() => Promise<void>> {
  await provider.create(order, never());
  return () => provider.destroy(order.id, never());
}

/** Milliseconds until all of them have been launched; they are then removed, uncounted. */
async function launched(launch: (order: MachineOrder) => Promise<() => Promise<void>>, orders: readonly MachineOrder[]): Promise<number> {
  const from = performance.now();
  const ends = await Promise.all(orders.map(launch));
  const took = performance.now() - from;
  await Promise.all(ends.map((end) => end()));
  return took;
}

/**
 * Launch of real machines against bare QEMU, alternately in the same run. The provider's part beyond QEMU: namespaces, packet
 * filter, interface, DHCP and forwarders, the machine's files, and noticing that QEMU answers. Where a slot has been empty for a
 * moment, all of that but the files has been done before; single launches are measured without that.
 */
export const run: Bench = async () => {
  const own = 'launch of a machine, beyond bare QEMU';
  const ten = `launch of ${together} machines at once`;
  if (missingTools(['always', 'namespace']).length > 0) return [own, ten].map((name) => notMeasured(name, 'ms', 'QEMU or its tools are not installed'));
  const world = await World.make({ network: 'namespace' });
  try {
    const provider = await world.provider();
    const orders = (n: number, about: Partial<MachineOrder>, first?: number): Promise<MachineOrder[]> =>
      Promise.all(Array.from({ length: n }, (_, i) => world.order({ ...about, ...(first === undefined ? {} : { slot: first + i }) })));
    const mine = (order: MachineOrder): Promise<() => Promise<void>> => ours(provider, order);
    // Ten machines that have gone leave ten prepared slots, and then no more are prepared, so that others are launched without.
    const restedSlots = async (): Promise<void> => until('all slots are prepared', () => provider.preparedSlots().length === together);
    await launched(mine, await orders(together, {}, 0));
    const pair = async (n: number, about: Partial<MachineOrder> = {}): Promise<readonly [ours: number, bare: number]> => {
      await restedSlots();
      return [await launched(mine, await orders(n, about, freshSlot)), await launched(bare, await orders(n, about))];
    };
    await pair(1);
    const one: (readonly [number, number])[] = [];
    for (let i = 0; i < singles; i++) one.push(await pair(1));
    const outbound: number[] = [];
    for (let i = 0; i < 5; i++) outbound.push(await launched(mine, await orders(1, { outbound: true }, freshSlot)));
    const many: (readonly [prepared: number, unprepared: number, bare: number])[] = [];
    for (let i = 0; i < rounds; i++) {
      const [unprepared, alone] = await pair(together);
      many.push([await launched(mine, await orders(together, {}, 0)), unprepared, alone]);
    }
    const floor = median(one.map(([, b]) => b));
    const floorTen = median(many.map(([, , b]) => b));
    return [
      atMost(own, median(one.map(([a, b]) => a - b)), 'ms', 50, {
        floor: 0,
        note: `of ${median(one.map(([a]) => a)).toFixed(0)} ms; bare QEMU ${floor.toFixed(0)} ms`,
      }),
      atMost(ten, median(many.map(([a]) => a)), 'ms', 1.15 * floorTen, {
        floor: floorTen,
        note: 'namespaces prepared beforehand, while idle, with interface, filter, DHCP, forwarders; bare: same arguments, user-mode network',
      }),
      shown(`${ten}, nothing prepared`, median(many.map(([, b]) => b)), 'ms', {
        floor: floorTen,
        note: 'as the first after the daemon has started, or of another kind than the last in their slots',
      }),
      shown('launch of a machine with outbound network', median(outbound), 'ms', { floor }),
    ];
  } finally {
    await world.close();
  }
};
