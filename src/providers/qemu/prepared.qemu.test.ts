import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { machineId } from '../../core/units.ts';
import type { MachineOrder } from '../contract.ts';
import { machineFiles } from './handle.ts';
import { readLauncher } from './proc.ts';
import { QemuProvider } from './provider.ts';
import { never, processesBelow, until, within, World } from './test-kit.ts';

const root = process.getuid?.() === 0;
const waiting = (stateDir: string): string[] => processesBelow(join(stateDir, 'prepared'));
const directories = (stateDir: string): string[] => readdirSync(join(stateDir, 'prepared'));

describe('prepared namespaces', { concurrency: false }, () => {
  let world: World;
  let provider: QemuProvider;
  before(async () => {
    world = await World.make();
    provider = await world.provider();
  });
  after(() => world.close());
  const launched = async (about: Partial<MachineOrder>): Promise<MachineOrder> => {
    const order = await world.order(about);
    await provider.create(order, never());
    return order;
  };
  const startTicks = (order: MachineOrder): number => readLauncher(machineFiles(order.directory).launcher)?.startTicks ?? Number.NaN;

  it('the next machine of its slot takes one over, with its account; it boots, speaks, is listed and removed as any other', async () => {
    await world.prepared(provider, [0], { outbound: true });
    const [name = ''] = directories(world.stateDir);
    const prepared = statSync(join(world.stateDir, 'prepared', name));
    assert.deepEqual((await provider.list(never())).sightings, [], 'what waits is no machine');
    const hostile = 'two\n\nlines "of" $(text) = + \u00e9\u0001\\';
    const { order, hands } = await world.machine(provider, { slot: 0, outbound: true, kernelArguments: `quiet panic=0 ${hostile}`, name: `=${hostile}` });
    const home = statSync(machineFiles(order.directory).home);
    assert.deepEqual([home.ino, home.gid], [prepared.ino, prepared.gid], 'the same directory');
    assert.deepEqual([provider.preparedSlots(), waiting(world.stateDir), directories(world.stateDir)], [[], [], []]);
    assert.match(await hands.run('cat /proc/cmdline'), /lines "of" \$\(text\)/);
    const [seen] = (await provider.list(never())).sightings;
    assert.deepEqual([seen?.id, seen?.power, seen?.order], [order.id, 'running', order]);
    await provider.destroy(order.id, never());
    assert.deepEqual(world.leftovers(), []);
  });

  it('one for another kind of machine is ended before its slot is used, so that nothing shares an account', async () => {
    await world.prepared(provider, [1]);
    const order = await launched({ slot: 1, hostServices: [{ port: 3128, host: 'squid', targetPort: 1 }] });
    assert.ok(!provider.preparedSlots().includes(1));
    assert.ok(!directories(world.stateDir).some((name) => name.startsWith('1-')));
    await provider.destroy(order.id, never());
  });

  it('none is made for an account that a machine of another slot still has', { skip: !root && 'only root gives accounts' }, async () => {
    const [one, other, free] = [await launched({ slot: 2 }), await launched({ slot: 1002 }), await launched({ slot: 3 })];
    await provider.destroy(one.id, never());
    await provider.destroy(free.id, never());
    // They are made in the order in which the slots became free.
    await until('slot 3 is prepared', () => provider.preparedSlots().includes(3));
    assert.ok(!provider.preparedSlots().includes(2));
    await provider.destroy(other.id, never());
    await until('slot 2 is prepared', () => provider.preparedSlots().includes(2));
  });

  it('one that has died is not used, and its files go', async () => {
    await world.prepared(provider, [4]);
    const [, pid = ''] =
      /process ([0-9]+) unshare/.exec(
        processesBelow(join(world.stateDir, 'prepared', directories(world.stateDir).find((n) => n.startsWith('4-')) ?? '?')).join('\n'),
      ) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    await until('it is gone', () => !directories(world.stateDir).some((name) => name.startsWith('4-')));
    const order = await launched({ slot: 4 });
    assert.ok(startTicks(order) > 0);
    await provider.destroy(order.id, never());
  });

  it('at most ten wait, and none after the provider is closed', async () => {
    const slots = Array.from({ length: 12 }, (_, i) => 20 + i);
    const orders = await Promise.all(slots.map((slot) => world.order({ slot })));
    await Promise.all(orders.map((o) => provider.create(o, never())));
    await Promise.all(orders.map((o) => provider.destroy(o.id, never())));
    await until('ten are prepared', () => provider.preparedSlots().length === 10);
    assert.equal(directories(world.stateDir).length, 10);
    await provider.close();
    assert.deepEqual([provider.preparedSlots(), waiting(world.stateDir), directories(world.stateDir)], [[], [], []]);
  });
});

describe('prepared namespaces of a daemon that is killed', { concurrency: false }, () => {
  it('end by themselves; its machine runs on; the next daemon removes the files', async () => {
    const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'test-prepared.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const said = once(child.stdout.setEncoding('utf8'), 'data') as Promise<[string]>;
    let stateDir = '';
    let provider: QemuProvider | undefined;
    try {
      stateDir = (await within(90_000, 'the child is ready', Promise.race([said, ended.then(() => Promise.reject(new Error('it ended')))])))[0].trim();
      assert.ok(waiting(stateDir).some((line) => line.endsWith('slirp4netns')));
      child.kill('SIGKILL');
      await ended;
      await until('all that waited has ended', () => waiting(stateDir).length === 0);
      assert.ok(directories(stateDir).length >= 2);
      provider = new QemuProvider({ stateDir, accelerator: 'tcg', network: 'namespace' });
      await provider.open(never());
      assert.deepEqual(directories(stateDir), []);
      const { sightings } = await provider.list(never());
      assert.deepEqual(
        sightings.map((s) => s.power),
        ['running'],
      );
    } finally {
      child.kill('SIGKILL');
      if (stateDir !== '') {
        provider ??= new QemuProvider({ stateDir, accelerator: 'tcg', network: 'namespace' });
        for (const id of readdirSync(join(stateDir, 'machines'))) await provider.destroy(machineId(id), never());
        await provider.close();
      }
    }
    assert.deepEqual(processesBelow(stateDir), []);
    rmSync(dirname(stateDir), { recursive: true });
  });
});
