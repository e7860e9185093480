import type { Placement } from './decision.ts';
import type { Machine } from './machine.ts';
import type { MachineModel, Machinetype } from './machinetype.ts';
import type { Settings } from './settings.ts';
import type { Instant, MachineId } from './units.ts';

/** Name of the machine in a slot of a factory: `wn01-07.example.com`, at least two digits (spec/factory.md §5). */
export function machineName(factory: string, slot: number): string {
  const dot = factory.indexOf('.');
  const [label, domain] = dot < 0 ? [factory, ''] : [factory.slice(0, dot), factory.slice(dot)];
  return `${label}-${String(slot).padStart(2, '0')}${domain}`;
}

/** Name of a machine at a cloud, told apart from a Vcycle's by its beginning (spec/cloud.md §4.1). Its ten characters come from the id, which is random. */
export function cloudMachineName(machinetype: string, id: MachineId): string {
  const end = (BigInt(`0x${id.replaceAll('-', '')}`) % 36n ** 10n).toString(36).padStart(10, '0');
  return `vacua-${machinetype}-${end}`;
}

/** The record of a machine that is to be, with all that will be needed when its machinetype has gone (design §4.1). */
export function newMachine(id: MachineId, placement: Placement, machinetype: Machinetype, settings: Settings, now: Instant): Machine {
  const disks = diskBytes({ processors: placement.processors, model: machinetype.model }, machinetype, settings);
  // The root disk of CernVM is empty and is its room for work; the system comes from the image (spec/factory.md §11.4).
  const scratchBytes = placement.flavor !== undefined ? undefined : isCernvm(machinetype.model) ? disks.root : disks.scratch;
  const hs06PerProcessor = hs06PerProcessorOf(machinetype, settings);
  return {
    id,
    state: 'creating',
    name: placement.flavor === undefined ? machineName(settings.factoryName, placement.slot) : cloudMachineName(machinetype.name, id),
    slot: placement.slot,
    machinetype: machinetype.name,
    machinegroup: machinetype.machinegroup,
    model: machinetype.model,
    ...(machinetype.accountingFqan !== undefined && { accountingFqan: machinetype.accountingFqan }),
    processors: placement.processors,
    memoryMb: memoryMb(placement, machinetype, settings),
    ...(hs06PerProcessor !== undefined && { hs06PerProcessor }),
    fizzle: machinetype.fizzle,
    machinesDirDays: machinetype.machinesDirDays,
    ...(machinetype.heartbeatFile !== undefined && { heartbeatFile: machinetype.heartbeatFile, heartbeat: machinetype.heartbeat }),
    ...(machinetype.announceLifetimeAsShutdown && { announceLifetimeAsShutdown: true }),
    ...(scratchBytes !== undefined && { scratchBytes }),
    createdAt: now,
    shutdownTime: placement.shutdownTime,
    ...(placement.flavor !== undefined && { flavor: placement.flavor }),
    ...(placement.flavor !== undefined && machinetype.rootImage !== undefined && { image: machinetype.rootImage }),
  };
}

/** Of the host, or at a cloud of the machinetype; absent: not known. */
export const hs06PerProcessorOf = ({ cloud }: Machinetype, settings: Settings): number | undefined =>
  settings.cloud === undefined ? settings.hs06PerProcessor : cloud?.hs06PerProcessor;

/** MiB that the machine is told of; at a cloud never more than its flavor has. */
function memoryMb({ processors, flavor }: Placement, { cloud }: Machinetype, settings: Settings): number {
  const wanted = (cloud?.mbPerProcessor ?? settings.mbPerProcessor) * processors;
  return flavor === undefined ? wanted : Math.min(wanted, flavor.memoryMb);
}

const isCernvm = (model: MachineModel): boolean => model === 'cernvm3' || model === 'cernvm4';

/** Sizes of its disks in bytes; an absent root size means as large as the image (spec/factory.md §11.5). */
export function diskBytes(machine: Pick<Machine, 'processors' | 'model'>, machinetype: Machinetype, settings: Settings): { root?: number; scratch?: number } {
  const bytes = (gbPerProcessor: number): number => gbPerProcessor * 1e9 * machine.processors;
  const root = machinetype.diskGbPerProcessor ?? settings.diskGbPerProcessor ?? (isCernvm(machine.model) ? 40 : undefined);
  return {
    ...(root !== undefined && { root: bytes(root) }),
    ...(machinetype.scratchGbPerProcessor !== undefined && { scratch: bytes(machinetype.scratchGbPerProcessor) }),
  };
}
