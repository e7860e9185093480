import { chooseFlavor, flavorProblem } from '../cloud/flavor.ts';
import { noCloudFacts } from '../cloud/facts.ts';
import type { Flavor } from '../cloud/offer.ts';
import type { CloudSettings } from '../cloud/settings.ts';
import type { LimitedBy, Placement, Verdict, Veto } from '../decision.ts';
import { type Machinetype, unlimitedProcessors } from '../machinetype.ts';
import type { CreationFailures, Observed } from '../observed.ts';
import type { Configuration, Settings } from '../settings.ts';
import { earliest, type Instant, instant, later } from '../units.ts';
import type { Alarm } from './alarm.ts';
import { creationRetry } from './backoff.ts';
import type { Standing } from './lifecycle.ts';
import type { Placed } from './placement.ts';

interface Limit {
  readonly value: number;
  readonly by: LimitedBy;
}

/** The nearer of two limits; undefined: there is none. */
function limitOf(configured: number | undefined, quota: number | undefined): Limit | undefined {
  if (quota !== undefined && (configured === undefined || quota < configured)) return { value: quota, by: 'quota' };
  return configured === undefined ? undefined : { value: configured, by: 'configured' };
}

/**
 * What may be started in a project at a cloud (spec/cloud.md §3): processors and machines of everything that is there, foreign ones included, within
 * its limits; the flavor of each machinetype and its own limits; a part of the limit per cycle. Slots have no meaning there.
 */
export class CloudRoom {
  readonly #observed: Observed;
  readonly #settings: Settings;
  readonly #cloud: CloudSettings;
  readonly #alarm: Alarm;
  readonly #processors: Limit | undefined;
  readonly #machineLimit: Limit | undefined;
  readonly #flavors = new Map<string, Flavor | undefined>();
  /** Per machinetype: processors in any state, and of machines that are starting. */
  readonly #totals = new Map<string, number>();
  readonly #starting = new Map<string, number>();
  readonly #slots: Set<number>;
  /** Machinetypes of which one was chosen in this turn, and whether any was. */
  readonly #chosen = new Set<string>();
  #nextSlot = 0;
  #machines = 0;
  #requested = 0;
  #rampFrom: Instant | undefined;
  used = 0;

  constructor(observed: Observed, { settings }: Configuration, cloud: CloudSettings, standing: Standing, alarm: Alarm) {
    this.#observed = observed;
    this.#settings = settings;
    this.#cloud = cloud;
    this.#alarm = alarm;
    const { listing, machines, now } = observed;
    const { quota, used } = this.#facts.offer ?? {};
    this.#processors = limitOf(cloud.processorsLimit, quota?.processors);
    this.#machineLimit = limitOf(cloud.machinesLimit, quota?.machines);
    this.#slots = new Set(standing.occupants.map((m) => m.slot));
    for (const m of standing.occupants) this.#count(m.machinetype, m.processors, m.startedAt === undefined && !m.ending);
    for (const m of standing.lingering) this.#count(m.machinetype, m.processors, false);
    this.used += listing.state === 'unknown' ? 0 : listing.foreignProcessors;
    // The cloud may count what its list does not show.
    this.used = Math.max(this.used, used?.processors ?? 0);
    this.#machines = Math.max(this.#machines, used?.machines ?? 0);
    const windowStart = later(now, -settings.cycle);
    for (const m of machines) {
      if (m.createdAt <= windowStart || m.flavor === undefined) continue;
      this.#requested += m.processors;
      this.#rampFrom = earliest(this.#rampFrom ?? m.createdAt, m.createdAt);
    }
  }

  get #facts() {
    return this.#observed.cloud ?? noCloudFacts;
  }

  /** Greatest number of processors that may be in use; `unlimitedProcessors` where no limit is known. */
  get total(): number {
    return this.#processors?.value ?? unlimitedProcessors;
  }

  get free(): number {
    return this.total - this.used;
  }

  #count(machinetype: string | undefined, processors: number, starting: boolean): void {
    this.used += processors;
    this.#machines += 1;
    if (machinetype === undefined) return;
    this.#totals.set(machinetype, (this.#totals.get(machinetype) ?? 0) + processors);
    if (starting) this.#starting.set(machinetype, (this.#starting.get(machinetype) ?? 0) + processors);
  }

  flavor(type: Machinetype): Flavor | undefined {
    if (!this.#flavors.has(type.name)) this.#flavors.set(type.name, chooseFlavor(type, this.#facts.offer?.flavors ?? [], this.#settings));
    return this.#flavors.get(type.name);
  }

  /** Why a machinetype may not have a machine here, whatever is free (spec/cloud.md §3, step 3); undefined: it may. */
  ineligible(type: Machinetype): Verdict | undefined {
    const { offer } = this.#facts;
    const flavor = this.flavor(type);
    if (offer !== undefined && flavor === undefined) return { why: 'no_flavor', text: flavorProblem(type, offer.flavors, this.#settings) };
    const { processorsLimit: limit, maxStartingProcessors } = type.cloud ?? {};
    const used = this.#totals.get(type.name) ?? 0;
    const needs = flavor?.processors ?? 0;
    if (limit !== undefined && (used >= limit || used + needs > limit)) return { why: 'own_limit', used, needs, limit };
    const starting = this.#starting.get(type.name) ?? 0;
    if (maxStartingProcessors !== undefined && starting >= maxStartingProcessors) return { why: 'starting_limit', starting, limit: maxStartingProcessors };
    return undefined;
  }

  /** After creations failed and the pause is over one machine is tried; more follow when it has shown that they would not fail too. */
  isTrying(failures: CreationFailures, machinetype?: string): boolean {
    if (machinetype === undefined ? this.#chosen.size > 0 : this.#chosen.has(machinetype)) return true;
    return this.#observed.machines.some(
      (m) => m.state === 'creating' && m.createdAt > failures.lastAt && (machinetype === undefined || m.machinetype === machinetype),
    );
  }

  /** The first reason why nothing, or nothing more, is started in the whole space. */
  veto(): Veto | undefined {
    const { now, listing } = this.#observed;
    const { lease, failing, offer } = this.#facts;
    if (listing.state === 'partial') return { why: 'list_incomplete' };
    if (!lease.held) return { why: 'not_lease_holder', ...(lease.holder === undefined ? {} : { holder: lease.holder }), text: lease.text };
    if (offer === undefined) return { why: 'offer_unknown' };
    if (failing !== undefined && failing.count > 0) {
      const until = creationRetry(failing);
      this.#alarm.after(until);
      const about = { why: 'space_failing', count: failing.count, text: failing.why } as const;
      if (now <= until) return { ...about, until };
      if (this.isTrying(failing)) return about;
    }
    return this.full();
  }

  /** The first limit of the space that is reached. */
  full(): Veto | undefined {
    const [processors, machines] = [this.#processors, this.#machineLimit];
    if (processors !== undefined && this.used >= processors.value)
      return { why: 'no_free_processors', used: this.used, total: processors.value, limit: processors.by };
    if (machines !== undefined && this.#machines >= machines.value)
      return { why: 'no_free_machines', used: this.#machines, total: machines.value, limit: machines.by };
    if (this.#cloud.rampPercent === undefined || processors === undefined) return undefined;
    const limit = Math.max(1, Math.ceil((this.#cloud.rampPercent / 100) * processors.value));
    if (this.#requested < limit) return undefined;
    const until = later(this.#rampFrom ?? this.#observed.now, this.#settings.cycle);
    this.#alarm.from(until);
    return { why: 'ramp', requested: this.#requested, limit, until };
  }

  /** The first machinetype of `order` whose flavor fits. */
  place(order: readonly Machinetype[]): Placed {
    const { now } = this.#observed;
    for (const type of order) {
      const flavor = this.flavor(type);
      if (flavor === undefined || flavor.processors > this.free) continue;
      const end = later(now, type.maxWallclock);
      const shutdownTime = instant(Math.min(end, this.#settings.shutdownTime ?? end));
      return { placement: { machinetype: type.name, slot: this.#freeSlot(), processors: flavor.processors, shutdownTime, superslot: 'new', flavor } };
    }
    return { free: this.free, reserved: 0 };
  }

  take({ machinetype, processors, slot }: Placement): void {
    this.#slots.add(slot);
    this.#count(machinetype, processors, true);
    this.#chosen.add(machinetype);
    this.#requested += processors;
    this.#rampFrom ??= this.#observed.now;
  }

  /** Machines at a cloud are only numbered. */
  #freeSlot(): number {
    while (this.#slots.has(this.#nextSlot)) this.#nextSlot += 1;
    return this.#nextSlot;
  }
}
