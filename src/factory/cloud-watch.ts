import type { CloudFacts, Lease, Removal } from '../core/cloud/facts.ts';
import { listsWithoutIt } from '../core/cloud/facts.ts';
import type { CloudOffer } from '../core/cloud/offer.ts';
import type { Machine } from '../core/machine.ts';
import type { Listing } from '../core/observed.ts';
import { type Instant, later, type MachineId, type Seconds } from '../core/units.ts';
import { ProviderError, type ProviderList } from '../providers/contract.ts';
import type { Clock } from './clock.ts';

/** Turns come with every word of a guest; a cloud in which something is expected to change is not asked for its list more often than this, in seconds. */
const listSpacing = 10;
/** Of a cycle: a turn that comes a little early asks all the same. */
const quietPart = 0.9;
/** A machine that has just left its message is about to end. */
const lastWords = 120;

export interface WatchedFacts {
  readonly machines: readonly Machine[];
  readonly lease: Lease;
  readonly aliveManagers?: ReadonlySet<string>;
}

/**
 * What a loop remembers of its cloud between turns: the last list and offer, who is missing since how many lists, who is stalled since when,
 * and removals that have been tried. Nothing of it must survive a crash: a new process only waits longer.
 */
export class CloudWatch {
  readonly #clock: Clock;
  readonly #missing = new Map<MachineId, number>();
  readonly #stalled = new Map<MachineId, Instant>();
  readonly #removals = new Map<MachineId, Removal>();
  #offer: CloudOffer | undefined;
  #listing: Listing | undefined;
  #asked = Number.NEGATIVE_INFINITY;
  #notBefore = Number.NEGATIVE_INFINITY;
  #unknownSince: Instant | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The list as of now, or of a few seconds ago. `ask` is called at most once; a failure is a fact, and is asked again no sooner than the provider wishes. */
  async list(ask: () => Promise<ProviderList>, machines: readonly Machine[], inFlight: ReadonlySet<MachineId>, cycle: Seconds): Promise<Listing> {
    const quiet = this.#asked + Math.max(listSpacing, quietPart * cycle);
    const due = Math.max(this.#notBefore, this.#isRestless(machines) ? this.#asked + listSpacing : quiet);
    if (this.#listing !== undefined && this.#clock.uptime() < due) return this.#listing;
    this.#asked = this.#clock.uptime();
    try {
      const found = await ask();
      if (found.offer !== undefined) this.#offer = found.offer;
      this.#unknownSince = undefined;
      const { complete, sightings, foreignProcessors } = found;
      this.#listing = { state: complete ? 'complete' : 'partial', at: this.#clock.wall(), sightings, foreignProcessors };
      this.#compare(this.#listing, machines, inFlight);
    } catch (error) {
      const wait = error instanceof ProviderError ? (error.retryAfter ?? 0) : 0;
      this.#notBefore = this.#clock.uptime() + wait;
      this.#unknownSince ??= this.#clock.wall();
      this.#listing = { state: 'unknown', since: this.#unknownSince, why: error instanceof Error ? error.message : String(error) };
    }
    return this.#listing;
  }

  /** Whether the next list will differ from the last one. */
  #isRestless(machines: readonly Machine[]): boolean {
    if (this.#listing?.state !== 'complete') return true;
    for (const lists of this.#missing.values()) if (lists < listsWithoutIt) return true;
    const now = this.#clock.wall();
    return machines.some(
      (m) => m.state === 'creating' || m.state === 'ending' || (m.state === 'running' && m.message !== undefined && now < later(m.message.at, lastWords)),
    );
  }

  /** A list that has not been compared before. Machines in flight may have been begun, or removed, while it was made. */
  #compare(listing: Exclude<Listing, { state: 'unknown' }>, machines: readonly Machine[], inFlight: ReadonlySet<MachineId>): void {
    const known = new Set(machines.map((m) => m.id));
    const powers = new Map(listing.sightings.map((s) => [s.id, s.power]));
    for (const [id, power] of powers) {
      this.#missing.delete(id);
      if (power !== 'paused' && power !== 'unknown') this.#stalled.delete(id);
      else if (!this.#stalled.has(id)) this.#stalled.set(id, listing.at);
    }
    if (listing.state !== 'complete') return;
    for (const id of known) {
      if (powers.has(id)) continue;
      if (inFlight.has(id)) this.#missing.delete(id);
      else this.#missing.set(id, Math.min(listsWithoutIt, (this.#missing.get(id) ?? 0) + 1));
    }
    for (const id of this.#missing.keys()) if (!known.has(id)) this.#missing.delete(id);
    for (const id of this.#stalled.keys()) if (!powers.has(id)) this.#stalled.delete(id);
    for (const id of this.#removals.keys()) if (!powers.has(id) && !inFlight.has(id)) this.#removals.delete(id);
  }

  facts({ lease, aliveManagers }: WatchedFacts, failing: CloudFacts['failing']): CloudFacts {
    return {
      ...(this.#offer !== undefined && { offer: this.#offer }),
      lease,
      ...(aliveManagers !== undefined && { aliveManagers }),
      missing: this.#missing,
      stalled: this.#stalled,
      removals: this.#removals,
      ...(failing !== undefined && { failing }),
    };
  }

  /** A removal begins. */
  removing(id: MachineId): void {
    const at = this.#clock.wall();
    const before = this.#removals.get(id);
    this.#removals.set(id, { tries: (before?.tries ?? 0) + 1, firstAt: before?.firstAt ?? at, lastAt: at });
  }

  /** The wall clock has stepped: remembered times move with it. */
  shift(by: Seconds): void {
    for (const [id, at] of this.#stalled) this.#stalled.set(id, later(at, by));
    for (const [id, r] of this.#removals) this.#removals.set(id, { ...r, firstAt: later(r.firstAt, by), lastAt: later(r.lastAt, by) });
    if (this.#unknownSince !== undefined) this.#unknownSince = later(this.#unknownSince, by);
    // Times in a list are on the clock that was: the next one has the new.
    this.#asked = Number.NEGATIVE_INFINITY;
  }
}
