import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assert as check, constantFrom, property, string } from 'fast-check';
import { machineId } from '../../core/units.ts';
import { type MachineOrder, ProviderError } from '../contract.ts';
import { type Boot, qemuArguments } from './arguments.ts';

const order: MachineOrder = {
  id: machineId('11111111-2222-4333-8444-555555555555'),
  name: 'wn01-07.example.com',
  slot: 7,
  machinetype: 'prod',
  model: 'kernel',
  processors: 1,
  memoryMb: 2048,
  directory: '/s/machines/11111111-2222-4333-8444-555555555555',
  rootImage: '/cache/k',
  initrd: '/cache/i',
  kernelArguments: 'quiet a="b c"',
  rootDevice: 'vda',
  scratchDevice: 'vdb',
  consoleMaxBytes: 1000,
  guestSocket: '/s/guest.sock',
  hostServices: [{ port: 3128, host: 'squid.example.com', targetPort: 3128 }],
  outbound: true,
};
const boot: Boot = { accelerator: 'tcg', network: 'namespace', image: 'image', imageFormat: 'raw', initrd: 'initrd' };

/** Values that follow an option, wherever it stands. */
const after = (args: readonly string[], option: string): string[] => args.flatMap((a, i) => (a === option ? [args[i + 1] ?? ''] : []));
const devices = (args: readonly string[]): Record<string, unknown>[] => after(args, '-device').map((d) => JSON.parse(d) as Record<string, unknown>);
const summary = (args: readonly string[]): string[] =>
  devices(args)
    .filter((d) => 'drive' in d)
    .map((d) => `${String(d['driver'])} ${String(d['drive'])}${d['bus'] === undefined ? '' : ` ${String(d['bus'])}:${String(d['unit'])}`}`);

describe('QEMU arguments', () => {
  it('boots a kernel directly; only emulation needs no_timer_check', () => {
    const args = qemuArguments(order, boot);
    assert.deepEqual(after(args, '-append'), ['console=ttyS0 no_timer_check quiet a="b c"']);
    assert.deepEqual([after(args, '-kernel'), after(args, '-initrd'), after(args, '-m'), after(args, '-smp')], [['image'], ['initrd'], ['2048M'], ['1']]);
    assert.deepEqual(after(qemuArguments(order, { ...boot, accelerator: 'kvm' }), '-append'), ['console=ttyS0 quiet a="b c"']);
    assert.deepEqual(summary(args), [], 'and has no disk that was not asked for');
  });

  it('waits with its reason when a guest ends (spec/hypervisor.md §2)', () => {
    const args = qemuArguments(order, boot);
    assert.deepEqual(after(args, '-action'), ['reboot=shutdown,shutdown=pause,panic=pause']);
    assert.ok(devices(args).some((d) => d['driver'] === 'pvpanic-pci'));
    assert.equal(after(args, '-qmp').length, 2);
  });

  it('is emulated or accelerated, with threads only where there are processors for them', () => {
    const accel = (processors: number, accelerator: Boot['accelerator']): string[] =>
      after(qemuArguments({ ...order, processors }, { ...boot, accelerator }), '-accel');
    assert.deepEqual([accel(1, 'tcg'), accel(4, 'tcg'), accel(4, 'kvm')], [['tcg,tb-size=32'], ['tcg,tb-size=32,thread=multi'], ['kvm']]);
  });

  it('never opens the user-mode network of the host', () => {
    const [closed = ''] = after(qemuArguments(order, { ...boot, network: 'restricted' }), '-netdev');
    assert.match(closed, /^user,id=net,restrict=on,ipv6=off,/);
    assert.deepEqual(
      [...closed.matchAll(/guestfwd=tcp:([^-]+)-cmd:[^,]*UNIX-CONNECT:([^,]+)/g)].map((m) => [m[1], m[2]]),
      [
        ['169.254.169.253:80', '../guest.sock'],
        ['169.254.169.254:80', '../guest.sock'],
        ['169.254.169.253:3128', '../svc-3128.sock'],
      ],
    );
    assert.deepEqual(after(qemuArguments(order, boot), '-netdev'), ['tap,id=net,ifname=vm0,script=no,downscript=no']);
  });

  it('denies QEMU all it does not need; the restricted network must start helpers', () => {
    const sandbox = (network: Boot['network']): string[] => after(qemuArguments(order, { ...boot, network }), '-sandbox');
    assert.deepEqual(sandbox('namespace'), ['on,obsolete=deny,resourcecontrol=deny,elevateprivileges=deny,spawn=deny']);
    assert.deepEqual(sandbox('restricted'), ['on,obsolete=deny,resourcecontrol=deny']);
  });

  it('puts disks where the machinetype names them (spec/factory.md §11.3)', () => {
    const disks = (about: Partial<MachineOrder>): string[] => summary(qemuArguments({ ...order, scratchDiskBytes: 1e9, rootDiskBytes: 1e9, ...about }, boot));
    assert.deepEqual(disks({ model: 'vm-raw' }), ['virtio-blk-pci root', 'virtio-blk-pci scratch']);
    assert.deepEqual(disks({ model: 'vm-raw', rootDevice: 'vdb', scratchDevice: 'vda' }), ['virtio-blk-pci scratch', 'virtio-blk-pci root']);
    assert.deepEqual(disks({ model: 'vm-raw', rootDevice: 'hda', scratchDevice: 'sdd' }), ['ide-hd root ide.0:0', 'ide-hd scratch ide.1:1']);
    assert.deepEqual(disks({ model: 'cernvm4' }), ['ide-cd cd ide.1:0', 'virtio-blk-pci root', 'virtio-blk-pci scratch']);
    assert.deepEqual(disks({ model: 'kernel' }), ['virtio-blk-pci root', 'virtio-blk-pci scratch']);
    for (const wrong of [
      { rootDevice: 'vdb' },
      { rootDevice: 'hdz' },
      { rootDevice: 'vda,file=/etc/passwd' },
      { model: 'cernvm3', rootDevice: 'sdc' } as const,
    ]) {
      assert.throws(() => disks({ model: 'vm-raw', ...wrong }), ProviderError);
    }
    assert.throws(() => disks({ model: 'docker' }), /machine_model docker is not for QEMU/);
  });

  it('an image never brings a backing file of its own', () => {
    const [root = ''] = after(qemuArguments({ ...order, model: 'vm-raw' }, { ...boot, imageFormat: 'qcow2' }), '-blockdev');
    const parsed = JSON.parse(root) as { backing: { driver: string; backing: unknown; 'read-only': boolean } };
    assert.deepEqual([parsed.backing.driver, parsed.backing.backing, parsed.backing['read-only']], ['qcow2', null, true]);
  });

  it('text from an order stays the value it is: no option, no property, no argument is added', () => {
    const shape = (args: readonly string[]): string[] => args.filter((a) => a.startsWith('-'));
    const properties = (value: string): number => value.replaceAll(',,', '').split(',').length;
    const expected = shape(qemuArguments(order, boot));
    check(
      property(string({ unit: 'binary' }), constantFrom(boot, { ...boot, network: 'restricted' as const }), (text, where) => {
        const about = { ...order, name: `n${text}`, kernelArguments: `k${text}` };
        if (text.includes('\0')) {
          assert.throws(() => qemuArguments(about, where), ProviderError);
          return;
        }
        const args = qemuArguments(about, where);
        assert.deepEqual(shape(args), expected);
        const [name = ''] = after(args, '-name');
        assert.equal(properties(name), 1);
        assert.equal(name.slice('guest='.length).replaceAll(',,', ','), about.name);
      }),
    );
  });
});
