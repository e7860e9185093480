import type { Machine, UsageRecord } from '../../src/core/machine.ts';
import type { MachineId } from '../../src/core/units.ts';
import type { SimEvent } from '../../src/providers/sim/world.ts';

/** What is left when a schedule has come to rest: the world's own history on one side, the factory's books on the other. */
export interface Evidence {
  readonly events: readonly SimEvent[];
  readonly records: readonly Machine[];
  readonly usage: readonly UsageRecord[];
  /** How often an end was committed, per machine, where that was counted. */
  readonly ends?: ReadonlyMap<MachineId, number>;
  /** Uptime at which the intent was committed, from which a lifetime counts, where that was noted. */
  readonly intents?: ReadonlyMap<MachineId, number>;
  /** Machines whose start was committed, where that was counted. */
  readonly started?: ReadonlySet<MachineId>;
  readonly processors: number;
  /** Least lifetime that any machine was promised, in seconds. */
  readonly lifetime: number;
  /** By how many seconds listings may lag behind: a machine that is still shown counts as seen. */
  readonly listLag: number;
  /** Age in seconds from which this machine's heartbeat was missing; undefined: it never was. */
  readonly silentFrom: (order: Accepted['order']) => number | undefined;
}

type Accepted = Extract<SimEvent, { kind: 'accepted' }>;
interface Life {
  readonly accepted: Accepted;
  readonly asked?: number;
  /** Uptime at which it stopped working, by itself or by force. */
  readonly stopped?: number;
  readonly harmed?: boolean;
  readonly destroyed?: boolean;
}

/** Longest creation, where the time of the intent was not noted, in seconds. */
const longestCreation = 200;

const intendedAt = (e: Evidence, accepted: Accepted): number => e.intents?.get(accepted.order.id) ?? accepted.up - longestCreation;
const idOf = (e: SimEvent): MachineId => (e.kind === 'accepted' ? e.order.id : e.id);

/** The promises of design §4 in words, each that was broken; empty: all were kept. Knows nothing of how the factory works. */
export function audit(e: Evidence): string[] {
  const broken: string[] = [];
  const lives = new Map<MachineId, Life>();
  for (const event of e.events) {
    const id = idOf(event);
    const life = lives.get(id);
    if (event.kind === 'accepted') {
      if (life !== undefined) broken.push(`double: ${id} was made twice`);
      lives.set(id, { accepted: event });
    } else if (life === undefined) broken.push(`history: ${event.kind} of ${id}, which was never made`);
    else if (event.kind === 'asked') lives.set(id, { ...life, asked: event.up });
    else if (event.kind === 'ended') lives.set(id, { ...life, stopped: event.up });
    else lives.set(id, { ...life, destroyed: true, ...(event.worked ? { stopped: event.up, harmed: true } : {}) });
  }
  return [...broken, ...overCapacity(e), ...[...lives].flatMap(([id, life]) => [...harm(e, life), ...books(e, id, life)]), ...withoutMachine(e, lives)];
}

/** At no time more processors in use than allowed, nor two machines in one slot. */
function overCapacity(e: Evidence): string[] {
  const running = new Map<MachineId, Accepted['order']>();
  const broken: string[] = [];
  for (const event of e.events.toSorted((a, b) => a.up - b.up)) {
    if (event.kind === 'accepted') {
      const { order } = event;
      const neighbour = [...running.values()].find((o) => o.slot === order.slot);
      if (neighbour !== undefined) broken.push(`double: ${order.id} and ${neighbour.id} ran in slot ${order.slot} at ${event.up}`);
      running.set(order.id, order);
      const used = [...running.values()].reduce((sum, o) => sum + o.processors, 0);
      if (used > e.processors) broken.push(`over capacity: ${used} of ${e.processors} processors in use at ${event.up}`);
    } else if (event.kind !== 'asked') running.delete(event.id);
  }
  return broken;
}

/** A machine that works is ended for its lifetime or a lost heartbeat, and for nothing else. */
function harm(e: Evidence, { accepted, asked, stopped, harmed, destroyed }: Life): string[] {
  const id = accepted.order.id;
  const touched = asked ?? (harmed === true ? stopped : undefined);
  const broken = destroyed === true ? [] : [`leak: ${id} is still there`];
  if (touched === undefined) return broken;
  const age = touched - accepted.up;
  const silent = e.silentFrom(accepted.order);
  const due = touched - intendedAt(e, accepted) >= e.lifetime || (silent !== undefined && age > silent);
  return due ? broken : [...broken, `harm: ${id} was ${asked === undefined ? 'destroyed' : 'asked to end'} at the age of ${age} s without a reason`];
}

/** Each machine that started has one usage record and one end. */
function books(e: Evidence, id: MachineId, { accepted, stopped }: Life): string[] {
  const record = e.records.find((r) => r.id === id);
  const usage = e.usage.filter((u) => u.id === id);
  const ran = (stopped ?? Number.POSITIVE_INFINITY) - accepted.up;
  const broken: string[] = [];
  if (record !== undefined && record.state !== 'finished') broken.push(`unfinished: ${id} is ${record.state}`);
  const ends = e.ends?.get(id) ?? 0;
  if (e.ends !== undefined && ends !== 1) broken.push(`ends: ${id} ended ${ends} times`);
  // One that left no trace before a restarted factory could write down that it had started has started for nobody.
  const written = e.started?.has(id) ?? (record !== undefined && 'startedAt' in record && record.startedAt !== undefined);
  const mayLack = accepted.plan.traceless === true && !written;
  if (usage.length !== 1 && !(mayLack && usage.length === 0)) broken.push(`usage: ${id} has ${usage.length} usage records`);
  // Of one that left no trace, a restarted factory knows the intent and what the guest wrote.
  const early = accepted.plan.traceless === true ? accepted.up - intendedAt(e, accepted) : 0;
  for (const u of usage) {
    if (u.wall < 0 || u.wall > ran + 1 + e.listLag + early) broken.push(`usage: ${id} is charged ${u.wall} s, but ran ${ran} s`);
    if (u.processors !== accepted.order.processors || u.machinetype !== accepted.order.machinetype) broken.push(`usage: ${id} is charged as another machine`);
  }
  return broken;
}

/** Books without a machine: no usage for what never was, and every intent came to an end. */
function withoutMachine(e: Evidence, lives: ReadonlyMap<MachineId, Life>): string[] {
  const unreal = e.usage.filter((u) => !lives.has(u.id)).map((u) => `usage: ${u.id} is charged, but never was made`);
  const open = e.records.filter((r) => !lives.has(r.id) && r.state !== 'finished').map((r) => `unfinished: ${r.id}, never made, is ${r.state}`);
  const twice = [...(e.ends ?? [])].filter(([id, n]) => !lives.has(id) && n !== 1).map(([id, n]) => `ends: ${id}, never made, ended ${n} times`);
  return [...unreal, ...open, ...twice];
}
