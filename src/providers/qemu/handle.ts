import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { machineModels } from '../../core/machinetype.ts';
import { machineId } from '../../core/units.ts';
import type { MachineOrder } from '../contract.ts';

/** Names inside `provider`, also while it is not yet a machine's. */
export const logName = 'launch.log';
export const runName = 'run';

/** Names inside a machine's directory. `run` is the only part that the machine's own uid may write. */
export const machineFiles = (directory: string) => {
  const home = join(directory, 'provider');
  return {
    home,
    handle: join(home, 'machine.json'),
    launcher: join(home, 'launcher'),
    /** Messages of the launcher and of QEMU; QEMU notes there why a guest ended. */
    log: join(home, logName),
    run: join(home, runName),
  };
};

const Order = z.object({
  id: z.uuid().transform(machineId),
  name: z.string(),
  slot: z.int().nonnegative(),
  machinetype: z.string(),
  model: z.enum(machineModels),
  processors: z.int().positive(),
  memoryMb: z.int().positive(),
  directory: z.string().startsWith('/'),
  rootImage: z.string().startsWith('/'),
  initrd: z.string().startsWith('/').exactOptional(),
  kernelArguments: z.string(),
  rootDevice: z.string(),
  scratchDevice: z.string(),
  rootDiskBytes: z.number().positive().exactOptional(),
  scratchDiskBytes: z.number().positive().exactOptional(),
  consoleMaxBytes: z.int().positive(),
  guestSocket: z.string(),
  hostServices: z.array(z.object({ port: z.int().min(1).max(65_535), host: z.string(), targetPort: z.int() })),
  outbound: z.boolean(),
});

/** `machine.json`: enough to recognise a machine, and to describe it to a daemon that has lost its record. */
const Handle = z.object({ v: z.literal(1), order: Order });

/** Also checks an order at the edge: throws a ZodError for what no machine can be made of. */
export const handleText = (order: MachineOrder): string => JSON.stringify(Handle.parse({ v: 1, order }));

/** Undefined: there is none, or none of ours. */
export function readHandle(path: string): MachineOrder | undefined {
  try {
    return Handle.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data?.order;
  } catch {
    return undefined; // not there, or cut off by a crash before anything was launched
  }
}
