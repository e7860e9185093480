import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Sighting } from '../../core/observed.ts';
import type { MachineOrder } from '../contract.ts';
import { guestImages } from './guest-images.ts';
import { machineFiles } from './handle.ts';
import type { QemuProvider } from './provider.ts';
import { qemuProcess, readLauncher } from './proc.ts';
import { never, until, World } from './test-kit.ts';

describe('QEMU machines', { concurrency: false }, () => {
  let world: World;
  let provider: QemuProvider;
  before(async () => {
    world = await World.make();
    provider = await world.provider();
  });
  after(() => world.close());
  const find = async (order: MachineOrder): Promise<Sighting | undefined> => (await provider.list(never())).sightings.find((s) => s.id === order.id);

  it('vm-raw boots from an overlay on the image, grown, with a scratch disk; cernvm3 from the ISO, with a sparse root disk', async () => {
    const { disk, iso } = guestImages();
    const before = await stat(disk);
    const [raw, cernvm] = await Promise.all([
      world.machine(provider, { model: 'vm-raw', rootImage: disk, rootDiskBytes: 300 << 20, scratchDiskBytes: 50 << 20, processors: 2 }),
      world.machine(provider, { model: 'cernvm3', rootImage: iso, rootDiskBytes: 20e9 }),
    ]);
    const sizes = 'for d in vda vdb sr0; do [ -e /sys/block/$d ] && echo $d=$(cat /sys/block/$d/size); done; grep -c ^processor /proc/cpuinfo';
    assert.equal(await raw.hands.run(sizes), `vda=${(300 << 20) / 512}\nvdb=${(50 << 20) / 512}\n2\nexit=0\n`);
    assert.match(await cernvm.hands.run(sizes), new RegExp(`^vda=${20e9 / 512}\nsr0=[0-9]+\n1\nexit=0\n$`));
    assert.match(await raw.hands.run('dd if=/dev/zero of=/dev/vda bs=1M seek=200 count=20 2>&1; sync; echo done'), /done\nexit=0\n$/);
    assert.match(await cernvm.hands.run('dd if=/dev/zero of=/dev/sr0 bs=2048 count=1 2>/dev/null && echo written'), /^exit=1\n$/, 'the ISO cannot be written');
    const untouched = await stat(disk);
    assert.deepEqual(
      [untouched.mtimeMs, untouched.size, untouched.nlink],
      [before.mtimeMs, before.size, before.nlink + (before.dev === (await stat(world.stateDir)).dev ? 1 : 0)],
    );
    const seen = await find(raw.order);
    assert.equal(seen?.power, 'running');
    assert.ok((seen.cpuSeconds ?? 0) > 0.5, `a boot costs processor time, seen were ${seen.cpuSeconds} s`);
    assert.deepEqual(seen.order, raw.order, 'enough to describe it to a daemon that has lost its record');
    await Promise.all([provider.destroy(raw.order.id, never()), provider.destroy(cernvm.order.id, never())]);
    assert.equal((await stat(disk)).nlink, before.nlink);
    assert.deepEqual(world.leftovers(), []);
  });

  it('a panic, a silent QEMU and a console without end: each is seen, bounded, and disturbs nobody', async () => {
    const [panics, silent, chatty] = await Promise.all([
      world.machine(provider),
      world.machine(provider),
      world.machine(provider, { consoleMaxBytes: 10_000 }),
    ]);
    const changed = new Set<string>();
    provider.watch((id) => changed.add(id));
    await provider.list(never());

    panics.hands.tell('echo c >/proc/sysrq-trigger');
    await until('the panic is seen', async () => (await find(panics.order))?.power === 'off');
    assert.equal((await find(panics.order))?.cause, 'panic');
    assert.ok(changed.has(panics.order.id), 'watch() tells of it');

    const launcher = readLauncher(machineFiles(silent.order.directory).launcher);
    const qemu = launcher === undefined ? undefined : qemuProcess(launcher);
    assert.ok(qemu !== undefined);
    process.kill(qemu, 'SIGSTOP');
    const { complete, sightings } = await provider.list(never());
    const power = new Map(sightings.map((s) => [s.id, s.power]));
    assert.deepEqual([complete, power.get(silent.order.id), power.get(chatty.order.id)], [true, 'unknown', 'running']);
    process.kill(qemu, 'SIGCONT');

    await chatty.hands.run(
      'i=0; while [ $i -lt 400 ]; do echo "line $i of a console that is far longer than it may be"; i=$((i+1)); done >/dev/ttyS0; echo last words >/dev/ttyS0',
    );
    const text = async (): Promise<string> => Buffer.from(await provider.console(chatty.order.id)).toString();
    await until('the console is written', async () => (await text()).includes('last words'));
    const kept = await text();
    assert.ok(kept.length <= 10_000 && kept.length >= 5000, `${kept.length} bytes kept`);
    assert.ok(kept.includes('line 399') && !kept.includes('line 100 '), 'the newest part is kept');

    await Promise.all([panics, silent, chatty].map((m) => provider.destroy(m.order.id, never())));
    assert.ok((await text()).includes('last words'), 'the console outlives the machine');
    assert.ok((await stat(join(chatty.order.directory, 'console.log'))).size <= 5000);
    assert.deepEqual(world.leftovers(), []);
  });
});
