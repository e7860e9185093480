import type { MachineOrder } from '../contract.ts';
import { ProviderError } from '../contract.ts';
import type { ImageFormat } from './image-format.ts';

/** Files of the disks, in the provider's directory. */
export const overlayFile = 'root.qcow2';
export const rootFile = 'root.raw';
export const scratchFile = 'scratch.raw';

export interface Disk {
  readonly bus: 'virtio' | 'ide';
  readonly blockdev: object;
  readonly device: object;
}

/** Bytes of an empty root disk when the site has set no size (spec/factory.md §11.5). */
export const defaultRootBytes = (processors: number): number => 40e9 * processors;

/**
 * Disks of a machine in the order in which the guest shall name them (spec/factory.md §11.3, §11.4): `root_device` and
 * `scratch_device` on virtio when their name contains `vd`, else on IDE, at the place of their last letter.
 */
export function disksOf(order: MachineOrder, boot: { readonly image: string; readonly imageFormat: ImageFormat }): Disk[] {
  const file = (filename: string): object => ({ driver: 'file', filename });
  const empty = (filename: string): object => ({ driver: 'raw', discard: 'unmap', cache: volatile, file: file(filename) });
  const wanted: { readonly node: string; readonly device: string; readonly boot?: number; readonly blockdev: object; readonly cd?: true }[] = [];
  switch (order.model) {
    case 'vm-raw': {
      const image = { driver: boot.imageFormat, 'read-only': true, file: { ...file(boot.image), 'read-only': true } };
      // An image never brings a backing file of its own: it could be any file of the host.
      const backing = boot.imageFormat === 'qcow2' ? { ...image, backing: null } : image;
      wanted.push({
        node: 'root',
        device: order.rootDevice,
        boot: 0,
        blockdev: { driver: 'qcow2', discard: 'unmap', cache: volatile, file: file(overlayFile), backing },
      });
      break;
    }
    case 'cernvm3':
    case 'cernvm4':
      wanted.push({
        node: 'cd',
        device: 'hdc',
        boot: 0,
        cd: true,
        blockdev: { driver: 'raw', 'read-only': true, file: { ...file(boot.image), 'read-only': true } },
      });
      wanted.push({ node: 'root', device: order.rootDevice, boot: 1, blockdev: empty(rootFile) });
      break;
    case 'kernel':
      if (order.rootDiskBytes !== undefined) wanted.push({ node: 'root', device: order.rootDevice, blockdev: empty(rootFile) });
      break;
    default:
      throw new ProviderError('MODEL', `${order.machinetype}: machine_model ${order.model} is not for QEMU`, { fault: 'tenant' });
  }
  if (order.scratchDiskBytes !== undefined) wanted.push({ node: 'scratch', device: order.scratchDevice, blockdev: empty(scratchFile) });

  const taken = new Map<string, string>();
  return wanted
    .sort((a, b) => (a.device < b.device ? -1 : 1))
    .map((d) => {
      if (!/^[a-z]{2,}[0-9]*$/.test(d.device))
        throw new ProviderError('DEVICE', `${order.machinetype}: device "${d.device}" must be letters as in vda or hda`, { fault: 'tenant' });
      const bus = d.device.includes('vd') ? 'virtio' : 'ide';
      const place = bus === 'virtio' ? d.device : ideplace(order, d.device);
      const other = taken.get(place);
      if (other !== undefined)
        throw new ProviderError('DEVICE', `${order.machinetype}: devices of ${other} and ${d.node} are both ${d.device}`, { fault: 'tenant' });
      taken.set(place, d.node);
      const errors = d.cd ? {} : { werror: 'report', rerror: 'report' };
      const common = { drive: d.node, ...errors, ...(d.boot === undefined ? {} : { bootindex: d.boot }) };
      const device =
        bus === 'virtio'
          ? { driver: 'virtio-blk-pci', ...common }
          : { driver: d.cd ? 'ide-cd' : 'ide-hd', bus: place.slice(0, 5), unit: Number(place[6]), ...common };
      return { bus, blockdev: { 'node-name': d.node, ...d.blockdev }, device };
    });
}

/** A machine is used once, so that nothing of its disks need survive the host (spec/factory.md §11.3: cache `unsafe`). */
const volatile = { direct: false, 'no-flush': true };

/** `hda` is `ide.0:0`, `hdd` is `ide.1:1`. */
function ideplace(order: MachineOrder, device: string): string {
  const n = 'abcd'.indexOf(device.replace(/[0-9]*$/, '').at(-1) ?? '');
  if (n < 0)
    throw new ProviderError('DEVICE', `${order.machinetype}: device "${device}" must be virtio (vda…vdz) or one of the four IDE places a to d`, {
      fault: 'tenant',
    });
  return `ide.${n >> 1}:${n & 1}`;
}
