import type { Machine } from '../machine.ts';
import { type Machinetype, unlimitedProcessors } from '../machinetype.ts';
import type { Sighting } from '../observed.ts';
import type { Settings } from '../settings.ts';
import { earliest, type Instant, instant, later, type MachineId, seconds } from '../units.ts';
import type { Marks } from '../observed.ts';

/** Lifetime of a machine whose machinetype has gone, where its marks cannot be believed. */
const longestLifetime = seconds(86_400 * 14);
/** Fizzle time of a machine whose machinetype has gone: as long as the default (spec/factory.md §3.3). */
const usualFizzle = seconds(600);

/**
 * The record of a machine that carries our mark and has none (design §4.3), as far as its marks tell. Marks can be edited by people: its
 * times are never in the future nor later than its machinetype allows. Its heartbeats go to the manager whose URL it was given, so that their
 * absence here says nothing of it. The next turn meets it like any other machine.
 */
export function takenMachine(
  id: MachineId,
  marks: Marks,
  seen: Sighting | undefined,
  machinetype: Machinetype | undefined,
  settings: Settings,
  now: Instant,
): Machine {
  const createdAt = instant(Math.min(now, marks.createdAt));
  const processors = Math.min(unlimitedProcessors, Math.max(1, Math.floor(marks.processors)));
  const hs06PerProcessor = machinetype?.cloud?.hs06PerProcessor;
  return {
    id,
    state: 'creating',
    name: marks.name,
    slot: 0,
    machinetype: marks.machinetype,
    machinegroup: machinetype?.machinegroup ?? marks.machinetype,
    model: machinetype?.model ?? 'vm-raw',
    ...(machinetype?.accountingFqan !== undefined && { accountingFqan: machinetype.accountingFqan }),
    processors,
    memoryMb: (machinetype?.cloud?.mbPerProcessor ?? settings.mbPerProcessor) * processors,
    ...(hs06PerProcessor !== undefined && { hs06PerProcessor }),
    fizzle: machinetype?.fizzle ?? usualFizzle,
    machinesDirDays: machinetype?.machinesDirDays ?? 3,
    ...(machinetype?.rootImage !== undefined && { image: machinetype.rootImage }),
    createdAt,
    shutdownTime: earliest(marks.shutdownTime, later(createdAt, machinetype?.maxWallclock ?? longestLifetime)),
    ...(seen?.providerId !== undefined && { providerId: seen.providerId }),
    ...(seen?.zone !== undefined && { zone: seen.zone }),
    ...(seen?.address !== undefined && { address: seen.address }),
  };
}
