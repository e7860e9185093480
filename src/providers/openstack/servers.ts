import type { z } from 'zod';
import type { Flavor } from '../../core/cloud/offer.ts';
import type { Sighting } from '../../core/observed.ts';
import { instant, type Instant, later, type MachineId, type Seconds } from '../../core/units.ts';
import { lackOf } from './classify.ts';
import { type Identity, identityOf, readMarks } from '../cloud/marks.ts';
import { isPrintable, oneLine } from '../cloud/one-line.ts';
import { powerOf } from './power.ts';
import { AnyServer, Server } from './schema.ts';

/** One server that carries our mark. */
export interface Own {
  readonly serverId: string;
  readonly identity: Identity;
  readonly sighting: Sighting;
  readonly imageId?: string;
  readonly created: number;
  /** It has an address of the outside world. */
  readonly floating: boolean;
}

export interface Census {
  /** The first of each id. */
  readonly own: readonly Own[];
  /** Further servers with the id of another one, which say in all their labels that they are the same machine. */
  readonly copies: readonly Own[];
  readonly foreignProcessors: number;
  /** Servers of which nothing can be told: some of ours may be among them. */
  readonly unreadable: number;
}

export interface Reading {
  readonly space: string;
  readonly flavors: readonly Flavor[];
  /** Ids of our machines by that of their server, as far as they were seen before. */
  readonly known: ReadonlyMap<string, MachineId>;
  readonly now: Instant;
  /** How far the cloud's clock is ahead of ours. */
  readonly skew: Seconds;
}

/** Nova says ERROR a moment before it says why, and the reason decides whom it is held against. */
const reasonSeconds = 10;
/** Differences of the clocks below this come from the whole seconds of `Date`. */
const skewSeconds = 2;

/** What a list says of machines: ours, copies of ours, and processors of all others (spec/cloud.md §2, §7.2). */
export function census(servers: readonly unknown[], reading: Reading): Census {
  const mine: Own[] = [];
  let foreignProcessors = 0;
  let unreadable = 0;
  for (const raw of servers) {
    const any = AnyServer.safeParse(raw).data;
    const before = any === undefined ? undefined : reading.known.get(any.id);
    const identity = any === undefined ? undefined : identify(any, reading, before);
    const server = Server.safeParse(raw).data;
    if (any !== undefined && identity !== undefined) mine.push(server === undefined ? oddOne(any.id, identity) : own(server, identity, reading));
    // A server in a cell that is down is listed without its labels (microversion 2.69): it may be ours.
    else if (any?.metadata === undefined) unreadable++;
    else foreignProcessors += processorsOf(server, reading.flavors);
  }
  const byAge = mine.toSorted((a, b) => a.created - b.created || (a.serverId < b.serverId ? -1 : 1));
  const first = new Map<MachineId, Own>();
  // An agreed one before any other: somebody may have put our labels on an older machine of his own.
  for (const o of [...byAge.filter((o) => o.identity.agreed), ...byAge]) if (!first.has(o.identity.id)) first.set(o.identity.id, o);
  const rest = mine.filter((o) => first.get(o.identity.id) !== o);
  const copies = rest.filter((o) => o.identity.agreed);
  for (const o of rest) foreignProcessors += o.sighting.marks?.processors ?? 1;
  return { own: [...first.values()], copies, foreignProcessors, unreadable };
}

function identify(any: z.infer<typeof AnyServer>, reading: Reading, before: MachineId | undefined) {
  const labels = { name: any.name ?? '', metadata: any.metadata ?? {}, ...(any.tags !== undefined && { tags: any.tags }) };
  const said = identityOf(reading.space, labels);
  // What we saw ourselves outlives an editor's pen.
  return before === undefined || said?.id === before ? said : { id: before, agreed: false };
}

const oddOne = (serverId: string, identity: Identity): Own => ({
  serverId,
  identity,
  created: 0,
  floating: true,
  sighting: { id: identity.id, power: 'unknown', providerId: serverId },
});

function own(server: Server, identity: Identity, reading: Reading): Own {
  const told = powerOf(server.status, server['OS-EXT-STS:task_state'], server['OS-EXT-STS:power_state']);
  const changed = timeOf(server.updated, reading.skew);
  const justNow = changed !== undefined && Math.abs(reading.now - changed) < reasonSeconds * 1000;
  const power = told === 'failed' && server.fault === undefined && justNow ? 'starting' : told;
  const addresses = Object.entries(server.addresses)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, list]) => list);
  const address = addresses[0]?.addr;
  const startedAt = timeOf(server['OS-SRV-USG:launched_at'] ?? undefined, reading.skew);
  const failure = server.fault === undefined ? undefined : oneLine(server.fault.message, 200);
  const lack = failure === undefined ? undefined : lackOf(failure);
  const marks = readMarks(server.metadata);
  const zone = server['OS-EXT-AZ:availability_zone'] ?? '';
  const sighting: Sighting = {
    id: identity.id,
    power,
    providerId: server.id,
    ...(power === 'off' && { cause: 'power-off' as const }),
    ...(startedAt !== undefined && { startedAt }),
    ...(marks !== undefined && { marks }),
    ...(power === 'failed' && { failure: failure ?? 'the cloud gives no reason' }),
    ...(power === 'failed' && lack !== undefined && { lack }),
    ...(address !== undefined && isPrintable(address) && { address }),
    ...(zone !== '' && isPrintable(zone) && { zone }),
  };
  return {
    serverId: server.id,
    identity,
    sighting,
    created: Date.parse(server.created) || 0,
    floating: addresses.some((a) => a['OS-EXT-IPS:type'] === 'floating'),
    ...(typeof server.image === 'object' && server.image !== null && { imageId: server.image.id }),
  };
}

/** Of a flavor that is no longer offered, and before microversion 2.47 only its id is told, one. */
function processorsOf(server: Server | undefined, flavors: readonly Flavor[]): number {
  return server?.flavor.vcpus ?? flavors.find((f) => f.id === server?.flavor.id)?.processors ?? 1;
}

/** On our clock. Nova writes some times in UTC without saying so. */
function timeOf(text: string | undefined, skew: Seconds): Instant | undefined {
  if (text === undefined) return undefined;
  const at = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  if (Number.isNaN(at)) return undefined;
  return Math.abs(skew) <= skewSeconds ? instant(at) : later(instant(at), -skew);
}
