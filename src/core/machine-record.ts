import { z } from 'zod';
import { endCauses, killReasons, type Machine, type UsageRecord } from './machine.ts';
import { machineModels } from './machinetype.ts';
import { type Instant, instant, type MachineId, machineId, type Seconds, seconds } from './units.ts';

/** How records are written in the journal. A later version is added as another member of the union and upgraded on read. */
const at = z.number().transform((n): Instant => instant(n));
const duration = z.number().transform((n): Seconds => seconds(n));
const id = z.uuid().transform((s): MachineId => machineId(s));
const killReason = z.enum(killReasons);

const outcome = z.object({
  code: z.number().int().optional(),
  message: z.string().optional(),
  cause: z.enum(endCauses),
  killReason: killReason.optional(),
  abort: z.boolean(),
  at: at.optional(),
});

const facts = {
  id,
  name: z.string(),
  slot: z.number().int().nonnegative(),
  machinetype: z.string(),
  machinegroup: z.string(),
  model: z.enum(machineModels),
  accountingFqan: z.string().optional(),
  processors: z.number().int().positive(),
  memoryMb: z.number(),
  hs06PerProcessor: z.number().optional(),
  fizzle: duration,
  machinesDirDays: z.number(),
  heartbeatFile: z.string().optional(),
  heartbeat: duration.optional(),
  announceLifetimeAsShutdown: z.boolean().optional(),
  scratchBytes: z.number().optional(),
  createdAt: at,
  shutdownTime: at,
  drainAnnounced: z.boolean().optional(),
  held: z.boolean().optional(),
  flavor: z.object({ id: z.string(), name: z.string(), processors: z.number(), memoryMb: z.number(), diskGb: z.number() }).optional(),
  image: z.string().optional(),
  providerId: z.string().optional(),
  zone: z.string().optional(),
  address: z.string().optional(),
  message: z.object({ text: z.string(), at }).optional(),
  heartbeatFileAt: at.optional(),
  contactAt: at.optional(),
};
const ran = { startedAt: at, heartbeatAt: at, cpuSeconds: duration };
const mayHaveRun = { startedAt: at.optional(), heartbeatAt: at.optional(), cpuSeconds: duration.optional() };

const MachineV1 = z.discriminatedUnion('state', [
  z.object({ ...facts, state: z.literal('creating') }),
  z.object({ ...facts, state: z.literal('running'), ...ran, cpuPercent: z.number().optional() }),
  z.object({ ...facts, state: z.literal('ending'), killReason, endingSince: at, ...mayHaveRun }),
  z.object({ ...facts, state: z.literal('finished'), finishedAt: at, outcome, ...mayHaveRun }),
]);
const MachineRow = z.object({ v: z.literal(1), machine: MachineV1 });

const UsageV1 = z.object({
  id,
  name: z.string(),
  space: z.string(),
  factory: z.string(),
  site: z.string(),
  machinetype: z.string(),
  accountingFqan: z.string().optional(),
  processors: z.number(),
  memoryMb: z.number(),
  hs06PerProcessor: z.number().optional(),
  startedAt: at,
  endedAt: at,
  wall: duration,
  cpu: duration,
  outcome,
  cloud: z
    .object({
      api: z.string(),
      providerId: z.string().optional(),
      flavor: z.string().optional(),
      accounting: z.enum(['job', 'cloud', 'none']).optional(),
      diskGb: z.number().optional(),
      memoryMb: z.number().optional(),
      image: z.string().optional(),
      zone: z.string().optional(),
    })
    .optional(),
});
const UsageRow = z.object({ v: z.literal(1), usage: UsageV1 });

export const encodeMachine = (machine: Machine): string => JSON.stringify({ v: 1, machine });
export const encodeUsage = (usage: UsageRecord): string => JSON.stringify({ v: 1, usage });
/** Throws when the text is not a record that this version or an older one wrote. JSON has no `undefined`, so absent stays absent. */
export const decodeMachine = (text: string): Machine => MachineRow.parse(JSON.parse(text)).machine as Machine;
export const decodeUsage = (text: string): UsageRecord => UsageRow.parse(JSON.parse(text)).usage as UsageRecord;
