import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { machineId } from '../core/units.ts';
import { guestSocketName, type MachineOrder } from './contract.ts';

/** For tests: an order under a new id, whose directory is made below `root` where there is one; one processor, no image, nothing of a cloud. */
export function plainOrder(root: string | undefined, about: Partial<MachineOrder> = {}): MachineOrder {
  const id = machineId(randomUUID());
  const directory = join(root ?? '/nonexistent', id);
  if (root !== undefined) mkdirSync(directory, { mode: 0o700 });
  return {
    id,
    name: 'vacua-example-0123456789',
    slot: 0,
    machinetype: 'example',
    model: 'vm-raw',
    processors: 1,
    memoryMb: 128,
    directory,
    rootImage: '',
    kernelArguments: '',
    rootDevice: 'vda',
    scratchDevice: 'vdb',
    consoleMaxBytes: 65_536,
    guestSocket: join(directory, guestSocketName),
    hostServices: [],
    outbound: true,
    ...about,
  };
}
