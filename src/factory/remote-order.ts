import { readFile } from 'node:fs/promises';
import type { CloudSettings } from '../core/cloud/settings.ts';
import { namedImage } from '../core/cloud/image.ts';
import type { Machine } from '../core/machine.ts';
import type { Machinetype } from '../core/machinetype.ts';
import type { RemoteOrder } from '../providers/contract.ts';
import type { LoopParts } from './loop-parts.ts';

/** What goes to a cloud with a machine, from what has been prepared for it. Rejects when that cannot be read. */
export async function remoteOrder(machine: Machine, machinetype: Machinetype, cloud: CloudSettings, rootImage: string, parts: LoopParts): Promise<RemoteOrder> {
  const { layout, guests } = parts;
  const { flavor } = machine;
  if (flavor === undefined) throw new Error(`machine ${machine.name} has no flavor, so that it cannot be made at a cloud`);
  const [userData, rootPublicKey] = await Promise.all([readIfThere(layout.userData(machine.id)), readIfThere(layout.rootPublicKey(machine.id))]);
  const name = namedImage(machinetype.rootImage);
  const key = rootPublicKey?.toString('utf8').trim();
  const { volumeGbPerProcessor } = cloud;
  return {
    userData: userData ?? new Uint8Array(),
    metadata: new Map([
      ['name', machine.name],
      ['machinetype', machine.machinetype],
      ...Object.entries(guests.placesFor?.(machine) ?? {}),
      // Keeps CERN's hooks from registering the machine in its DNS (spec/cloud.md §7.5).
      ...(cloud.api.kind === 'openstack' ? ([['cern-services', 'false']] as const) : []),
    ]),
    flavor: flavor.id,
    image: name === undefined ? { kind: 'file', path: rootImage, source: machinetype.rootImage ?? rootImage } : { kind: 'named', name },
    ...(key !== undefined && key !== '' && { rootPublicKey: key }),
    ...(volumeGbPerProcessor > 0 && { volumeGb: volumeGbPerProcessor * machine.processors }),
    shutdownTime: machine.shutdownTime,
    createdAt: machine.createdAt,
  };
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
