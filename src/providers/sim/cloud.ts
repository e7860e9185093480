import type { CloudOffer, Flavor } from '../../core/cloud/offer.ts';
import type { Marks, Power, Sighting } from '../../core/observed.ts';
import { type Instant, later, type MachineId, type Seconds, seconds } from '../../core/units.ts';
import { type MachineOrder, ProviderError } from '../contract.ts';
import type { SimClock } from './clock.ts';

/** How one simulated server lives. */
export interface SimServerPlan {
  /** From acceptance until it runs. */
  readonly build: Seconds;
  /** Instead of running after `build`, it is shown as failed. */
  readonly fails?: { readonly text: string; readonly lack?: 'quota' | 'capacity' };
  /** From acceptance until it powers itself off; absent: it runs on. */
  readonly run?: Seconds;
  /** Ignores requests to shut down. */
  readonly deaf?: boolean;
  /** From the request to remove it until it is gone; Infinity: never. */
  readonly removal?: Seconds;
}

/** Decides what the simulated cloud does; every method absent: every call succeeds, and servers run until told otherwise. */
export interface SimCloudScript {
  plan?(order: MachineOrder): Partial<SimServerPlan>;
  /** Thrown before anything is done. */
  refuses?(call: 'list' | 'create' | 'shutdown' | 'destroy', id?: MachineId): Error | undefined;
  /** The creation is done, but its answer is lost. */
  losesAnswer?(order: MachineOrder): boolean;
  /** Machines that are left out of a list. */
  hides?(id: MachineId): boolean;
  /** The list says that it may not be complete. */
  cuts?(): boolean;
}

export interface SimCloudOptions {
  readonly clock: SimClock;
  readonly flavors?: readonly Flavor[];
  readonly quota?: CloudOffer['quota'];
  /** Processors that the cloud has room for; what is beyond is accepted and fails. Absent: no end. */
  readonly capacity?: number;
  /** Each request takes so long. */
  readonly latency?: Seconds;
  /** Machines per page of a list. */
  readonly page?: number;
  readonly build?: Seconds;
  readonly script?: SimCloudScript;
}

interface Server {
  readonly id: MachineId;
  readonly serverId: string;
  readonly flavor: Flavor;
  readonly since: Seconds;
  plan: SimServerPlan;
  marks: Marks | undefined;
  power?: Power;
  removedAt?: Seconds;
  /** The cloud refused it room. */
  readonly turnedAway: boolean;
}

const usualFlavors: readonly Flavor[] = [1, 2, 4, 8].map((n) => ({ id: `f${n}`, name: `cpu.${n}`, processors: n, memoryMb: 2048 * n, diskGb: 20 * n }));

/** A simulated project at a cloud: outlives provider objects, and may be shared by several managers. Its state is worked out when somebody looks. */
export class SimCloud {
  readonly clock: SimClock;
  script: SimCloudScript;
  flavors: readonly Flavor[];
  quota: CloudOffer['quota'];
  capacity: number;
  latency: Seconds;
  readonly page: number;
  /** Processors of each machine in the project that carries no mark of ours. */
  foreign: number[] = [];
  /** Requests so far; every page of a list is one. */
  readonly calls = { list: 0, limits: 0, create: 0, shutdown: 0, destroy: 0 };
  readonly #build: Seconds;
  readonly #servers = new Map<MachineId, Server>();
  #made = 0;

  constructor(options: SimCloudOptions) {
    this.clock = options.clock;
    this.script = options.script ?? {};
    this.flavors = options.flavors ?? usualFlavors;
    this.quota = options.quota ?? {};
    this.capacity = options.capacity ?? Number.POSITIVE_INFINITY;
    this.latency = options.latency ?? seconds(0);
    this.page = options.page ?? 1000;
    this.#build = options.build ?? seconds(0);
  }

  /** Servers that exist, whoever made them. */
  get servers(): readonly { readonly id: MachineId; readonly name: string | undefined; readonly power: Power; readonly machinetype: string | undefined }[] {
    this.#sweep();
    return [...this.#servers.values()].map((s) => ({ id: s.id, name: s.marks?.name, power: this.#power(s), machinetype: s.marks?.machinetype }));
  }

  used(): CloudOffer['used'] {
    this.#sweep();
    let processors = this.foreign.reduce((sum, n) => sum + n, 0);
    for (const s of this.#servers.values()) processors += s.flavor.processors;
    return { processors, machines: this.foreign.length + this.#servers.size };
  }

  /** Makes a server, unless there is one of that id. Throws a ProviderError, as clouds do, for what cannot be made. */
  accept(order: MachineOrder, manager: string): void {
    this.#sweep();
    if (this.#servers.has(order.id)) return;
    const { remote } = order;
    const flavor = this.flavors.find((f) => f.id === remote?.flavor || f.name === remote?.flavor);
    if (remote === undefined || flavor === undefined)
      throw new ProviderError('FLAVOR_MISSING', `flavor ${remote?.flavor ?? ''} is not there`, { fault: 'host' });
    const used = this.used();
    if (used.machines + 1 > (this.quota.machines ?? Number.POSITIVE_INFINITY))
      throw new ProviderError('QUOTA_EXCEEDED', 'Quota exceeded for instances', { fault: 'provider', lack: 'quota', whole: true });
    if (used.processors + flavor.processors > (this.quota.processors ?? Number.POSITIVE_INFINITY))
      throw new ProviderError('QUOTA_EXCEEDED', 'Quota exceeded for cores', { fault: 'provider', lack: 'quota' });
    const { machinetype, name, processors } = order;
    this.#servers.set(order.id, {
      id: order.id,
      serverId: `server-${(this.#made += 1)}`,
      flavor,
      since: this.clock.uptime(),
      plan: { build: this.#build, ...this.script.plan?.(order) },
      marks: { manager, machinetype, name, processors, createdAt: remote.createdAt, shutdownTime: remote.shutdownTime },
      turnedAway: used.processors + flavor.processors > this.capacity,
    });
  }

  /** A request to shut down: obeyed at once by a guest that runs and listens. */
  ask(id: MachineId): void {
    const s = this.#servers.get(id);
    if (s !== undefined && this.#power(s) === 'running' && s.plan.deaf !== true) s.power = 'off';
  }

  /** What a person at the cloud does, or a guest to itself: it shows another power from now on. */
  show(id: MachineId, power: Power): void {
    const s = this.#servers.get(id);
    if (s !== undefined) s.power = power;
  }

  replan(id: MachineId, change: Partial<SimServerPlan>): void {
    const s = this.#servers.get(id);
    if (s !== undefined) s.plan = { ...s.plan, ...change };
  }

  /** Somebody edits its tags; undefined: all but its identity are taken away. */
  mark(id: MachineId, marks: Marks | undefined): void {
    const s = this.#servers.get(id);
    if (s !== undefined) s.marks = marks;
  }

  remove(id: MachineId): void {
    const s = this.#servers.get(id);
    if (s === undefined) return;
    s.removedAt ??= this.clock.uptime();
    this.#sweep();
  }

  sightings(): Sighting[] {
    this.#sweep();
    return [...this.#servers.values()].map((s) => this.#sighting(s));
  }

  #sighting(s: Server): Sighting {
    const power = this.#power(s);
    const startedAt = this.#startedAt(s);
    const failure = s.turnedAway ? { text: 'No valid host was found. There are not enough hosts available.', lack: 'capacity' as const } : s.plan.fails;
    return {
      id: s.id,
      power,
      providerId: s.serverId,
      zone: 'sim',
      ...(startedAt !== undefined && { startedAt }),
      ...(s.marks !== undefined && { marks: s.marks }),
      ...(power === 'off' && { cause: 'power-off' as const }),
      ...(power === 'failed' && { failure: failure?.text ?? 'it failed', ...(failure?.lack !== undefined && { lack: failure.lack }) }),
    };
  }

  #startedAt(s: Server): Instant | undefined {
    const { wall, age } = { wall: this.clock.wall(), age: this.clock.uptime() - s.since };
    if (s.turnedAway || s.plan.fails !== undefined || age < s.plan.build) return undefined;
    return later(wall, s.plan.build - age);
  }

  #power(s: Server): Power {
    if (s.removedAt !== undefined) return 'deleting';
    if (s.power !== undefined) return s.power;
    const age = this.clock.uptime() - s.since;
    if (age < s.plan.build) return 'starting';
    if (s.turnedAway || s.plan.fails !== undefined) return 'failed';
    return s.plan.run !== undefined && age >= s.plan.run ? 'off' : 'running';
  }

  #sweep(): void {
    const now = this.clock.uptime();
    for (const s of this.#servers.values()) if (s.removedAt !== undefined && now >= s.removedAt + (s.plan.removal ?? 0)) this.#servers.delete(s.id);
  }
}
