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

/** The record of a machine that is to be, with all that will be needed when its machinetype has gone (design §4.1). */
export function newMachine(id: MachineId, placement: Placement, machinetype: Machinetype, settings: Settings, now: Instant): Machine {
  const disks = diskBytes({ processors: placement.processors, model: machinetype.model }, machinetype, settings);
  // The root disk of CernVM is empty and is its room for work; the system comes from the image (spec/factory.md §11.4).
  const scratchBytes = isCernvm(machinetype.model) ? disks.root : disks.scratch;
  return {
    id,
    state: 'creating',
    name: machineName(settings.factoryName, placement.slot),
    slot: placement.slot,
    machinetype: machinetype.name,
    machinegroup: machinetype.machinegroup,
    model: machinetype.model,
    ...(machinetype.accountingFqan !== undefined && { accountingFqan: machinetype.accountingFqan }),
    processors: placement.processors,
    memoryMb: settings.mbPerProcessor * placement.processors,
    ...(settings.hs06PerProcessor !== undefined && { hs06PerProcessor: settings.hs06PerProcessor }),
    fizzle: machinetype.fizzle,
    machinesDirDays: machinetype.machinesDirDays,
    ...(machinetype.heartbeatFile !== undefined && { heartbeatFile: machinetype.heartbeatFile, heartbeat: machinetype.heartbeat }),
    ...(machinetype.announceLifetimeAsShutdown && { announceLifetimeAsShutdown: true }),
    ...(scratchBytes !== undefined && { scratchBytes }),
    createdAt: now,
    shutdownTime: placement.shutdownTime,
  };
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
