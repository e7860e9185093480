import type { MachineOrder } from '../contract.ts';
import { guestSocketName, ProviderError, serviceSocket } from '../contract.ts';
import { disksOf } from './disks.ts';
import type { ImageFormat } from './image-format.ts';
import { guestMac, metadataAddress, guestAddress, hostAddress } from './network.ts';

/** What the host gives to a machine beside its order. */
export interface Boot {
  readonly accelerator: 'kvm' | 'tcg';
  readonly network: 'namespace' | 'restricted';
  /** Path of the staged image, relative to the provider's directory where possible. */
  readonly image: string;
  readonly imageFormat: ImageFormat;
  readonly initrd?: string;
}

export const qemuCommand = 'qemu-system-x86_64';
/** Control sockets: the provider's own, and one for people (`socat - UNIX-CONNECT:run/monitor.sock`), as a QMP socket serves one client at a time. */
export const controlSocket = 'run/qmp.sock';
const peopleSocket = 'run/monitor.sock';

/** A value inside a comma-separated QEMU option list: doubled commas are one comma of the value. */
export const optionValue = (text: string): string => text.replaceAll(',', ',,');

const sandbox = 'on,obsolete=deny,resourcecontrol=deny';
/** SSE4.2 and POPCNT (x86-64-v2), which present distributions need and QEMU's default lacks; more than that makes emulated boots slower. */
const emulatedCpu = 'qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+lahf_lm';

/**
 * Command line of one machine after the name of the program, a pure function (spec/factory.md §11.3, spec/hypervisor.md §2).
 * Paths are relative to the provider's directory. Throws a ProviderError of the tenant for values that no command line can carry.
 */
export function qemuArguments(order: MachineOrder, boot: Boot): string[] {
  const disks = disksOf(order, boot);
  const text = (field: string, value: string): string => {
    if (value.includes('\0')) throw new ProviderError('ORDER_TEXT', `${order.machinetype}: ${field} contains a NUL character`, { fault: 'tenant' });
    return value;
  };
  const parts: readonly (readonly string[])[] = [
    ['-name', `guest=${optionValue(text('name', order.name))}`, '-uuid', order.id],
    // IDE disks are seen by every kernel on `pc` only; Debian's cloud kernel has no AHCI driver (spec/hypervisor.md §4).
    ['-machine', `${disks.some((d) => d.bus === 'ide') ? 'pc' : 'q35'},graphics=off`],
    ['-accel', boot.accelerator === 'kvm' ? 'kvm' : `tcg,tb-size=32${order.processors > 1 ? ',thread=multi' : ''}`],
    ['-cpu', boot.accelerator === 'kvm' ? 'host' : emulatedCpu],
    ['-smp', String(order.processors), '-m', `${order.memoryMb}M`],
    ['-nodefaults', '-no-user-config', '-display', 'none'],
    // An ended guest waits with its reason until it has been read, also while no daemon runs (spec/hypervisor.md §2).
    ['-action', 'reboot=shutdown,shutdown=pause,panic=pause', '-trace', 'qemu_system_shutdown_request', '-trace', 'vm_state_notify'],
    ['-sandbox', boot.network === 'namespace' ? `${sandbox},elevateprivileges=deny,spawn=deny` : sandbox],
    ['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ['-qmp', `unix:${controlSocket},server=on,wait=off`, '-qmp', `unix:${peopleSocket},server=on,wait=off`],
    ['-netdev', boot.network === 'namespace' ? 'tap,id=net,ifname=vm0,script=no,downscript=no' : restrictedNetwork(order)],
    ['-device', JSON.stringify({ driver: 'virtio-net-pci', netdev: 'net', mac: guestMac, romfile: '', addr: '0x3' })],
    // After the interface, whose place on the bus is fixed.
    ...['pvpanic-pci', 'virtio-rng-pci'].map((driver) => ['-device', JSON.stringify({ driver })]),
    disks.flatMap((d) => ['-blockdev', JSON.stringify(d.blockdev), '-device', JSON.stringify(d.device)]),
    order.model === 'kernel' ? kernel(order, boot, text('kernelArguments', order.kernelArguments)) : [],
  ];
  return parts.flat();
}

/** Direct boot. `no_timer_check`: without it an emulated guest on a busy host may panic early (spec/hypervisor.md §5). */
function kernel(order: MachineOrder, boot: Boot, extra: string): string[] {
  const append = ['console=ttyS0', ...(boot.accelerator === 'tcg' ? ['no_timer_check'] : []), ...(extra === '' ? [] : [extra])].join(' ');
  return ['-kernel', boot.image, ...(boot.initrd === undefined ? [] : ['-initrd', boot.initrd]), '-append', append];
}

/** Closed user-mode network: nothing but DHCP and the machine's own sockets (docs/networking.md). */
function restrictedNetwork(order: MachineOrder): string {
  const forward = (address: string, port: number, socket: string): string =>
    `guestfwd=tcp:${address}:${port}-cmd:${optionValue(`socat -t 60 -T 600 - UNIX-CONNECT:../${socket}`)}`;
  return [
    `user,id=net,restrict=on,ipv6=off,net=169.254.0.0/16,host=169.254.169.252,dns=169.254.169.251,dhcpstart=${guestAddress}`,
    forward(hostAddress, 80, guestSocketName),
    forward(metadataAddress, 80, guestSocketName),
    ...order.hostServices.map((s) => forward(hostAddress, s.port, serviceSocket(s.port))),
  ].join(',');
}
