import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { namedImage } from '../core/cloud/image.ts';
import type { Action } from '../core/decision.ts';
import type { Machine } from '../core/machine.ts';
import type { Machinetype } from '../core/machinetype.ts';
import { diskBytes } from '../core/new-machine.ts';
import type { Configuration } from '../core/settings.ts';
import type { MachineId } from '../core/units.ts';
import { guestSocketName, type MachineOrder, ProviderError } from '../providers/contract.ts';
import type { LoopParts } from './loop-parts.ts';
import { remoteOrder } from './remote-order.ts';

const createDeadlineSeconds = 180;
/** A new image is uploaded to the cloud first. */
const remoteCreateDeadlineSeconds = 1800;
const destroyDeadlineSeconds = 90;

/** Carries out one recorded action in the world, once. Idempotent; rejects with what went wrong, and the next turn decides again. */
export async function perform(
  action: Action,
  machine: Machine | undefined,
  configuration: Configuration,
  parts: LoopParts,
  signal: AbortSignal,
): Promise<void> {
  switch (action.kind) {
    case 'create':
      return (
        machine && create(machine, configuration, parts, deadline(signal, parts.provider.can.remote ? remoteCreateDeadlineSeconds : createDeadlineSeconds))
      );
    case 'adopt':
    case 'take':
      return machine && parts.guests.attach(machine);
    case 'end':
      return end(action.id, parts, deadline(signal, destroyDeadlineSeconds));
    case 'destroy':
      return destroy(action.id, parts, deadline(signal, destroyDeadlineSeconds));
    case 'finish':
      return finish(action.id, parts);
    case 'shorten':
      return machine && parts.guests.update(machine);
    case 'forget':
      return forget(action.id, parts);
  }
}

const deadline = (signal: AbortSignal, seconds: number): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);

async function create(machine: Machine, configuration: Configuration, parts: LoopParts, signal: AbortSignal): Promise<void> {
  const machinetype = configuration.machinetypes.get(machine.machinetype);
  if (!machinetype) throw new Error(`machinetype ${machine.machinetype} has left the configuration`);
  await parts.steps.at('create:begin');
  const files = namedImage(machinetype.rootImage) === undefined ? await parts.images.files(machinetype) : { rootImage: '' };
  await mkdir(parts.layout.machine(machine.id), { recursive: true, mode: 0o700 });
  await parts.steps.at('create:directory');
  await parts.contextualiser.prepare(machine, machinetype, configuration.settings, signal);
  await parts.steps.at('create:contextualised');
  await parts.guests.attach(machine);
  await parts.steps.at('create:attached');
  const { cloud } = configuration.settings;
  const order = orderFor(machine, machinetype, configuration, files, parts);
  const remote = cloud && (await remoteOrder(machine, machinetype, cloud, files.rootImage, parts));
  // As near to the request as can be: whoever has lost the lease meanwhile must not create (spec/cloud.md §5.4).
  await parts.managers?.confirm(signal).catch((cause: unknown) => {
    throw new ProviderError('LEASE_LOST', cause instanceof Error ? cause.message : String(cause), { fault: 'host', whole: true, cause });
  });
  await parts.provider.create({ ...order, ...(remote && { remote }) }, signal);
  await parts.steps.at('create:accepted');
}

function orderFor(
  machine: Machine,
  machinetype: Machinetype,
  configuration: Configuration,
  files: { rootImage: string; initrd?: string },
  parts: LoopParts,
): MachineOrder {
  const directory = parts.layout.machine(machine.id);
  const disks = diskBytes(machine, machinetype, configuration.settings);
  return {
    id: machine.id,
    name: machine.name,
    slot: machine.slot,
    machinetype: machine.machinetype,
    model: machine.model,
    processors: machine.processors,
    memoryMb: machine.memoryMb,
    directory,
    rootImage: files.rootImage,
    ...(files.initrd !== undefined && { initrd: files.initrd }),
    kernelArguments: machinetype.kernelArguments,
    rootDevice: machinetype.rootDevice,
    scratchDevice: machinetype.scratchDevice,
    ...(disks.root !== undefined && { rootDiskBytes: disks.root }),
    ...(disks.scratch !== undefined && { scratchDiskBytes: disks.scratch }),
    consoleMaxBytes: configuration.settings.consoleMaxBytes,
    guestSocket: join(directory, guestSocketName),
    hostServices: configuration.settings.hostServices,
    outbound: configuration.settings.outbound,
  };
}

async function end(id: MachineId, parts: LoopParts, signal: AbortSignal): Promise<void> {
  await parts.steps.at('end:begin');
  await parts.provider.shutdown(id, signal);
  await parts.steps.at('end:asked');
}

async function destroy(id: MachineId, parts: LoopParts, signal: AbortSignal): Promise<void> {
  await parts.steps.at('destroy:begin');
  await parts.provider.destroy(id, signal);
  await parts.steps.at('destroy:done');
}

/** The record is final already; what is left are secrets and sockets. */
async function finish(id: MachineId, parts: LoopParts): Promise<void> {
  await parts.steps.at('finish:begin');
  await parts.guests.detach(id);
  await parts.steps.at('finish:detached');
  await rm(parts.layout.userData(id), { force: true });
  await parts.steps.at('finish:done');
}

/** Files first: a record without files is harmless, files without a record would stay for ever. */
async function forget(id: MachineId, parts: LoopParts): Promise<void> {
  await parts.steps.at('forget:begin');
  await rm(parts.layout.machine(id), { recursive: true, force: true });
  await parts.steps.at('forget:files-gone');
  parts.journal.commit([{ kind: 'forget', id }]);
  await parts.steps.at('forget:done');
}
