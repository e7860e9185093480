import { z } from 'zod';
import { type CloudFacts, noCloudFacts, type Removal } from '../cloud/facts.ts';
import type { CloudSettings } from '../cloud/settings.ts';
import { type CloudMachinetype, type Machinetype, unlimitedProcessors } from '../machinetype.ts';
import type { Machine } from '../machine.ts';
import type { CreationFailures, Observed, Sighting } from '../observed.ts';
import type { Configuration } from '../settings.ts';
import { elapsed, type Instant, instant, later, type MachineId, seconds } from '../units.ts';

/** What a situation of a space at a cloud says besides (docs/decisions.md). All of it is ours. */

const relative = z.number().min(-1e10).max(1e10);
const count = z.int().min(0).max(1e9);
const text = z.string().max(4096);
const names = z.array(z.string().max(255)).max(10_000);
const power = z.enum(['starting', 'running', 'paused', 'off', 'failed', 'deleting', 'unknown']);
const lack = z.enum(['quota', 'capacity']);

export const Failures = z.strictObject({
  count,
  last_ago: relative,
  why: text,
  lack: lack.exactOptional(),
  retry_in: relative.exactOptional(),
});

const Marks = z.strictObject({
  manager: text,
  machinetype: text,
  name: text,
  processors: z.int().min(1).max(1e6),
  created_ago: relative,
  ends_in: relative,
});

export const SituationCloud = z.strictObject({
  manager: text,
  cycle_seconds: z.number().min(1).max(1e6).exactOptional(),
  processors_limit: count.exactOptional(),
  machines_limit: count.exactOptional(),
  ramp_percent: z.number().min(0).max(100).exactOptional(),
  starting_limit_seconds: z.number().min(0).max(1e9),
  orphans: z.enum(['adopt', 'delete']),
  flavor_names: names.exactOptional(),
  quota: z.strictObject({ processors: count.exactOptional(), machines: count.exactOptional() }).exactOptional(),
  used: z.strictObject({ processors: count, machines: count }).exactOptional(),
  /** Absent: the cloud has not told its offer. */
  flavors: z
    .array(z.strictObject({ id: text, name: text, processors: count, memory_mb: z.number().min(0), disk_gb: z.number().min(0) }))
    .max(10_000)
    .exactOptional(),
  /** Absent: held here. */
  lease_lost: z.strictObject({ holder: text.exactOptional(), text }).exactOptional(),
  alive_managers: names.exactOptional(),
  failing: Failures.exactOptional(),
  list_incomplete: z.boolean().exactOptional(),
  /** Machines with our mark and without a record. */
  strangers: z
    .array(z.strictObject({ power, marks: Marks.exactOptional() }))
    .max(100_000)
    .exactOptional(),
});
export type SituationCloud = z.infer<typeof SituationCloud>;

export const MachinetypeCloud = z.strictObject({
  flavor_names: names.exactOptional(),
  processors_limit: count.exactOptional(),
  max_starting_processors: count.exactOptional(),
  mb_per_processor: z.number().min(0).exactOptional(),
  hs06_per_processor: z.number().min(0).exactOptional(),
});

/** How its cloud shows a machine; `power` absent: it does not. */
export const MachineCloud = z.strictObject({
  power: power.exactOptional(),
  started_ago: relative.exactOptional(),
  failure: text.exactOptional(),
  lack: lack.exactOptional(),
  missing_lists: count.exactOptional(),
  stalled_ago: relative.exactOptional(),
  removal: z.strictObject({ tries: count, first_ago: relative, last_ago: relative }).exactOptional(),
  /** It was asked for here, and counts in the ramp. */
  flavor: text.exactOptional(),
  /** Of its record, for a machinetype that has gone. */
  heartbeat: z.strictObject({ file: text, seconds: z.number().min(0) }).exactOptional(),
});
export type MachineCloud = z.infer<typeof MachineCloud>;

const given = <T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };

export const failuresJson = ({ count: failed, lastAt, why, lack: ran, retryAt }: CreationFailures, now: Instant): object =>
  given({ count: failed, last_ago: elapsed(lastAt, now), why, lack: ran, retry_in: retryAt === undefined ? undefined : elapsed(now, retryAt) });

const past = (now: Instant, ago: number): Instant => instant(Math.round(later(now, -ago)));

export const failuresFrom = ({ count: failed, last_ago, why, lack: ran, retry_in: retry }: z.infer<typeof Failures>, now: Instant): CreationFailures => ({
  count: failed,
  lastAt: past(now, last_ago),
  why,
  ...(ran === undefined ? {} : { lack: ran }),
  ...(retry === undefined ? {} : { retryAt: past(now, -retry) }),
});

/** `factory.cloud`; undefined: a factory on a host. */
export function cloudJson({ now, cloud: facts = noCloudFacts, listing, machines }: Observed, { settings }: Configuration): object | undefined {
  const { cloud } = settings;
  if (cloud === undefined) return undefined;
  const { offer, lease, aliveManagers, failing } = facts;
  const known = new Set(machines.map((m) => m.id));
  const strangers = listing.state === 'unknown' ? [] : listing.sightings.filter((s) => !known.has(s.id));
  return given({
    manager: cloud.manager,
    cycle_seconds: settings.cycle,
    processors_limit: cloud.processorsLimit,
    machines_limit: cloud.machinesLimit,
    ramp_percent: cloud.rampPercent,
    starting_limit_seconds: cloud.startingLimit,
    orphans: cloud.orphans,
    flavor_names: cloud.flavorNames.length === 0 ? undefined : [...cloud.flavorNames],
    quota: offer && given({ processors: offer.quota.processors, machines: offer.quota.machines }),
    used: offer?.used,
    flavors: offer?.flavors.map(({ memoryMb, diskGb, ...f }) => ({ ...f, memory_mb: memoryMb, disk_gb: diskGb })),
    lease_lost: lease.held ? undefined : given({ holder: lease.holder, text: lease.text }),
    alive_managers: aliveManagers && [...aliveManagers],
    failing: failing && failuresJson(failing, now),
    list_incomplete: listing.state === 'partial' ? true : undefined,
    strangers: strangers.length === 0 ? undefined : strangers.map(({ power: is, marks }) => given({ power: is, marks: marks && marksJson(marks, now) })),
  });
}

const marksJson = ({ createdAt, shutdownTime, ...marks }: NonNullable<Sighting['marks']>, now: Instant): object => ({
  ...marks,
  created_ago: elapsed(createdAt, now),
  ends_in: elapsed(now, shutdownTime),
});

export const machinetypeCloudJson = ({ cloud }: Machinetype): object | undefined =>
  cloud &&
  given({
    flavor_names: cloud.flavorNames.length === 0 ? undefined : [...cloud.flavorNames],
    processors_limit: cloud.processorsLimit,
    max_starting_processors: cloud.maxStartingProcessors,
    mb_per_processor: cloud.mbPerProcessor,
    hs06_per_processor: cloud.hs06PerProcessor,
  });

export function machineCloudJson(m: Machine, seen: Sighting | undefined, { now, cloud = noCloudFacts }: Observed): object {
  const removal = cloud.removals.get(m.id);
  const stalled = cloud.stalled.get(m.id);
  return given({
    power: seen?.power,
    started_ago: seen?.startedAt === undefined ? undefined : elapsed(seen.startedAt, now),
    failure: seen?.failure,
    lack: seen?.lack,
    missing_lists: cloud.missing.get(m.id),
    stalled_ago: stalled === undefined ? undefined : elapsed(stalled, now),
    removal: removal && { tries: removal.tries, first_ago: elapsed(removal.firstAt, now), last_ago: elapsed(removal.lastAt, now) },
    flavor: m.flavor?.name,
    heartbeat: m.heartbeatFile === undefined ? undefined : { file: m.heartbeatFile, seconds: m.heartbeat ?? 0 },
  });
}

/** Settings of a space that a situation is about. What does not decide has a value without effect. */
export const cloudSettingsFrom = (c: SituationCloud): CloudSettings => ({
  api: { kind: 'command', command: ['/bin/false'], passEnvironment: [] },
  flavorNames: c.flavor_names ?? [],
  volumeGbPerProcessor: 0,
  startingLimit: seconds(c.starting_limit_seconds),
  manager: c.manager,
  takeover: seconds(600),
  orphans: c.orphans,
  guest: { url: 'https://localhost', listen: { host: '127.0.0.1', port: 8080 } },
  accounting: 'none',
  ...(c.processors_limit === undefined ? {} : { processorsLimit: c.processors_limit }),
  ...(c.machines_limit === undefined ? {} : { machinesLimit: c.machines_limit }),
  ...(c.ramp_percent === undefined ? {} : { rampPercent: c.ramp_percent }),
});

export const machinetypeCloudFrom = (c: z.infer<typeof MachinetypeCloud>): CloudMachinetype => ({
  flavorNames: c.flavor_names ?? [],
  ...(c.processors_limit === undefined ? {} : { processorsLimit: c.processors_limit }),
  ...(c.max_starting_processors === undefined ? {} : { maxStartingProcessors: c.max_starting_processors }),
  ...(c.mb_per_processor === undefined ? {} : { mbPerProcessor: c.mb_per_processor }),
  ...(c.hs06_per_processor === undefined ? {} : { hs06PerProcessor: c.hs06_per_processor }),
});

/** The greatest `max_processors` where a situation of a cloud gives none. */
export const cloudMaxProcessors = unlimitedProcessors;

export interface SituatedMachine {
  readonly id: MachineId;
  readonly cloud: MachineCloud;
}

/** The facts of a space, and what its cloud lists. Ids of strangers are made by `idOf`. */
export function cloudFactsFrom(
  c: SituationCloud,
  machines: readonly SituatedMachine[],
  now: Instant,
  idOf: (stranger: number) => MachineId,
): { readonly cloud: CloudFacts; readonly sightings: readonly Sighting[]; readonly complete: boolean } {
  const missing = new Map<MachineId, number>();
  const stalled = new Map<MachineId, Instant>();
  const removals = new Map<MachineId, Removal>();
  const sightings: Sighting[] = [];
  for (const { id, cloud: m } of machines) {
    if (m.missing_lists !== undefined) missing.set(id, m.missing_lists);
    if (m.stalled_ago !== undefined) stalled.set(id, past(now, m.stalled_ago));
    if (m.removal !== undefined) removals.set(id, { tries: m.removal.tries, firstAt: past(now, m.removal.first_ago), lastAt: past(now, m.removal.last_ago) });
    if (m.power === undefined) continue;
    const startedAt = m.started_ago === undefined ? {} : { startedAt: past(now, m.started_ago) };
    sightings.push({
      id,
      power: m.power,
      ...startedAt,
      ...(m.failure === undefined ? {} : { failure: m.failure }),
      ...(m.lack === undefined ? {} : { lack: m.lack }),
    });
  }
  for (const [i, { power: is, marks }] of (c.strangers ?? []).entries()) {
    const { created_ago: created, ends_in: ends, ...rest } = marks ?? { created_ago: 0, ends_in: 0 };
    const known = marks === undefined ? {} : { marks: { ...(rest as typeof marks), createdAt: past(now, created), shutdownTime: past(now, -ends) } };
    sightings.push({ id: idOf(i), power: is, ...known });
  }
  const flavors = c.flavors?.map(({ memory_mb, disk_gb, ...f }) => ({ ...f, memoryMb: memory_mb, diskGb: disk_gb }));
  const cloud: CloudFacts = {
    ...(flavors === undefined ? {} : { offer: { quota: given(c.quota ?? {}), used: c.used ?? { processors: 0, machines: 0 }, flavors } }),
    lease: c.lease_lost === undefined ? { held: true } : { held: false, ...given({ holder: c.lease_lost.holder }), text: c.lease_lost.text },
    ...(c.alive_managers === undefined ? {} : { aliveManagers: new Set(c.alive_managers) }),
    missing,
    stalled,
    removals,
    ...(c.failing === undefined ? {} : { failing: failuresFrom(c.failing, now) }),
  };
  return { cloud, sightings, complete: c.list_incomplete !== true };
}
