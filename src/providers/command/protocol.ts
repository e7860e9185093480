import { z } from 'zod';
import type { CloudOffer } from '../../core/cloud/offer.ts';
import type { Marks, Sighting } from '../../core/observed.ts';
import { instant, machineId, seconds } from '../../core/units.ts';
import { type MachineOrder, ProviderError, type ProviderList } from '../contract.ts';

/** Of the documents on standard input and output; docs/command-provider.md is their description for people. */
export const protocolVersion = 1;

export type Action = 'about' | 'list' | 'create' | 'shutdown' | 'destroy' | 'console';

const text = (most: number) => z.string().max(most);
const id = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'the id of a machine as it was given to create');
const unixTime = z.number().min(0).max(1e11);
const count = z.int().min(0);

const MarksDocument = z.object({
  manager: text(255),
  machinetype: text(255),
  name: text(255),
  processors: z.int().min(1),
  created_at: unixTime,
  shutdown_time: unixTime,
});

const MachineDocument = z.object({
  id,
  state: z.enum(['starting', 'running', 'paused', 'off', 'failed', 'deleting', 'unknown']),
  cause: z.enum(['power-off', 'reset', 'panic', 'vanished', 'unknown']).optional(),
  started_at: unixTime.optional(),
  cpu_seconds: z.number().min(0).optional(),
  failure: text(1000).optional(),
  address: text(255).optional(),
  marks: MarksDocument.optional(),
});

const FlavorDocument = z.object({ id: text(255), name: text(255), processors: z.int().min(1), memory_mb: count, disk_gb: z.number().min(0) });

const OfferDocument = z.object({
  quota: z.object({ processors: count.optional(), machines: count.optional(), memory_mb: count.optional() }),
  used: z.object({ processors: count, machines: count }),
  flavors: z.array(FlavorDocument).max(10_000),
});

export const AboutAnswer = z.object({ version: z.literal(protocolVersion), console: z.boolean(), notes: z.array(text(1000)).max(20).default([]) });
export const ListAnswer = z.object({
  complete: z.boolean(),
  machines: z.array(MachineDocument).max(100_000),
  foreign_processors: count.default(0),
  offer: OfferDocument,
});
export const ConsoleAnswer = z.object({ base64: z.base64() });
/** Of `create`, `shutdown`, `destroy`: that they came to an end says all. */
export const DoneAnswer = z.object({});
export const ErrorAnswer = z.object({
  error: z.object({
    code: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'capital letters, digits and underscores'),
    message: text(2000),
    fault: z.enum(['host', 'provider', 'tenant']),
    lack: z.enum(['quota', 'capacity']).optional(),
    whole: z.boolean().optional(),
    retry_after: z.number().min(0).max(86_400).optional(),
  }),
});

/** The order as the command reads it: times in Unix seconds, bytes in base64. */
export function orderDocument(order: MachineOrder, manager: string): object {
  const { remote } = order;
  if (remote === undefined)
    throw new ProviderError('NO_REMOTE_ORDER', 'this provider makes machines far away, and the order is for the host', { fault: 'host' });
  return {
    id: order.id,
    processors: order.processors,
    memory_mb: order.memoryMb,
    flavor: remote.flavor,
    image: remote.image.kind === 'named' ? { name: remote.image.name } : { path: remote.image.path, source: remote.image.source },
    ...(remote.volumeGb !== undefined && { volume_gb: remote.volumeGb }),
    ...(remote.rootPublicKey !== undefined && { root_public_key: remote.rootPublicKey }),
    user_data_base64: Buffer.from(remote.userData).toString('base64'),
    metadata: Object.fromEntries(remote.metadata),
    marks: {
      manager,
      machinetype: order.machinetype,
      name: order.name,
      processors: order.processors,
      created_at: Math.floor(remote.createdAt / 1000),
      shutdown_time: Math.floor(remote.shutdownTime / 1000),
    },
  };
}

/** A machine that is named twice makes the whole list unbelievable: which of the two is true? */
export function readList(answer: z.output<typeof ListAnswer>): ProviderList {
  const names = new Set(answer.machines.map((m) => m.id));
  return {
    complete: answer.complete && names.size === answer.machines.length,
    sightings: answer.machines.map(sighting),
    foreignProcessors: answer.foreign_processors,
    offer: offerOf(answer.offer),
  };
}

function sighting(m: z.output<typeof MachineDocument>): Sighting {
  return {
    id: machineId(m.id),
    power: m.state,
    ...(m.cause !== undefined && m.state === 'off' && { cause: m.cause }),
    ...(m.started_at !== undefined && { startedAt: instant(m.started_at * 1000) }),
    ...(m.cpu_seconds !== undefined && { cpuSeconds: seconds(m.cpu_seconds) }),
    ...(m.failure !== undefined && { failure: m.failure }),
    ...(m.address !== undefined && { address: m.address }),
    ...(m.marks && { marks: marksOf(m.marks) }),
  };
}

function marksOf({ created_at, shutdown_time, ...rest }: z.output<typeof MarksDocument>): Marks {
  return { ...rest, createdAt: instant(created_at * 1000), shutdownTime: instant(shutdown_time * 1000) };
}

function offerOf({ quota, used, flavors }: z.output<typeof OfferDocument>): CloudOffer {
  const { processors, machines, memory_mb } = quota;
  return {
    quota: {
      ...(processors !== undefined && { processors }),
      ...(machines !== undefined && { machines }),
      ...(memory_mb !== undefined && { memoryMb: memory_mb }),
    },
    used,
    flavors: flavors.map(({ memory_mb, disk_gb, ...rest }) => ({ ...rest, memoryMb: memory_mb, diskGb: disk_gb })),
  };
}
