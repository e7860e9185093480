import type { Machinetype } from '../machinetype.ts';
import type { Observed } from '../observed.ts';
import { abortCode } from '../outcome.ts';
import type { Settings } from '../settings.ts';
import { type Rank, rankOf, seedOf } from '../space-rules/election.ts';
import { hashText } from '../space-rules/hash.ts';
import { inARow, ladderPause } from '../space-rules/ladder.ts';
import { type Instant, later, type Seconds } from '../units.ts';
import type { Standing } from './lifecycle.ts';
import type { Tally } from './shares.ts';

/** Aborts this near to the last one may be the last one in another factory's view: whole seconds on the wire, and the way there. */
const viewAccuracy = 5;

interface Abort {
  readonly at: Instant;
  readonly message: string;
  readonly factory: string;
}

interface TypeFacts {
  readonly type: Machinetype;
  /** Aborts from here on may be the last one. */
  readonly lastFrom: number;
  readonly heard: number[];
  readonly aborts: Abort[];
  readonly successes: Instant[];
  /** Of the aborts that may be the last one, that of the first factory by name: the same in all views. */
  origin?: Abort;
}

export interface Ranking extends Rank {
  readonly waitsForSilent: boolean;
}

interface Collected {
  readonly types: ReadonlyMap<string, TypeFacts>;
  /** Hashes of names. */
  readonly silent: readonly number[];
  readonly own: number;
}

/** What elections and ladders need to know of the space. Collected in one pass, and only when a machinetype is after an abort. */
export class SpaceFacts {
  readonly #observed: Observed;
  readonly #settings: Settings;
  readonly #standing: Standing;
  readonly #tallies: ReadonlyMap<string, Tally>;
  #collected: Collected | undefined;
  readonly #pauses = new Map<string, { readonly pause: Seconds; readonly inARow: number }>();
  readonly #ranks = new Map<string, Ranking>();

  constructor(observed: Observed, settings: Settings, standing: Standing, tallies: ReadonlyMap<string, Tally>) {
    this.#observed = observed;
    this.#settings = settings;
    this.#standing = standing;
    this.#tallies = tallies;
  }

  /** Pause after the last abort, and how many times in a row its cause was met. */
  pause(type: Machinetype): { readonly pause: Seconds; readonly inARow: number } {
    const { name, backoff, backoffMax: longest } = type;
    if (longest === undefined) return { pause: backoff, inARow: 1 };
    let known = this.#pauses.get(name);
    if (known === undefined) {
      const { types } = this.#collect();
      const facts = types.get(name);
      const count = facts === undefined ? 1 : inARow(facts, backoff, longest);
      known = { pause: ladderPause(count, backoff, longest, name, facts?.origin?.factory ?? ''), inARow: count };
      this.#pauses.set(name, known);
    }
    return known;
  }

  /** Place of this factory among those that may try the machinetype after its last abort. `first`: as long as the silent ones count. */
  ranking(machinetype: string, first: boolean): Ranking {
    let known = this.#ranks.get(machinetype);
    if (known === undefined) {
      const { types, silent, own } = this.#collect();
      const facts = types.get(machinetype);
      const { factory, message } = facts?.origin ?? { factory: '', message: '' };
      const electorate = { own, heard: facts?.heard ?? [], silent, origin: hashText(factory), seed: seedOf(machinetype, factory, message) };
      known = { ...rankOf(electorate, first), waitsForSilent: first && silent.length > 0 };
      this.#ranks.set(machinetype, known);
    }
    return known;
  }

  #collect(): Collected {
    if (this.#collected !== undefined) return this.#collected;
    const { space, silent, host } = this.#observed;
    const types = new Map<string, TypeFacts>();
    for (const { type, lastAbort } of this.#tallies.values()) {
      const lastFrom = lastAbort === undefined ? Number.POSITIVE_INFINITY : later(lastAbort.at, -viewAccuracy);
      types.set(type.name, { type, lastFrom, heard: [], aborts: [], successes: [] });
    }
    // What silent factories said last still counts as an abort, but nobody waits for them.
    const quiet = new Set(silent);
    const heard = new Set<string>([host.factory]);
    let [previous, hash, answers] = ['', 0, false];
    for (const { factory, machinetype, shutdownMessage: message, shutdownAt: at } of space) {
      if (factory === host.factory) continue;
      if (factory !== previous) {
        [previous, hash, answers] = [factory, hashText(factory), !quiet.has(factory)];
        if (answers) heard.add(factory);
      }
      const facts = types.get(machinetype);
      if (facts === undefined) continue;
      if (answers) facts.heard.push(hash);
      if (message !== undefined && at !== undefined) this.#note(facts, at, message, factory);
    }
    for (const { machinetype, at, message } of this.#standing.aborts) {
      const facts = types.get(machinetype);
      if (facts !== undefined) this.#note(facts, at, message, host.factory);
    }
    this.#noteOwnSuccesses(types);
    const unheard = new Set([...this.#settings.factories, ...silent].filter((name) => !heard.has(name)));
    this.#collected = { types, silent: [...unheard].map(hashText), own: hashText(host.factory) };
    return this.#collected;
  }

  #note(facts: TypeFacts, at: Instant, message: string, factory: string): void {
    const doubling = facts.type.backoffMax !== undefined;
    if (!doubling && at < facts.lastFrom) return;
    if (abortCode(message, this.#settings.abortCodes) === undefined) {
      if (doubling) facts.successes.push(at);
      return;
    }
    const abort = { at, message, factory };
    if (doubling) facts.aborts.push(abort);
    if (at >= facts.lastFrom && (facts.origin === undefined || factory < facts.origin.factory)) facts.origin = abort;
  }

  #noteOwnSuccesses(types: ReadonlyMap<string, TypeFacts>): void {
    const { machines, now } = this.#observed;
    for (const m of machines) {
      const facts = types.get(m.machinetype);
      if (facts?.type.backoffMax === undefined) continue;
      if (m.state === 'finished' && !m.outcome.abort && m.startedAt !== undefined) facts.successes.push(m.finishedAt);
      if (m.state !== 'running') continue;
      const proved = later(m.startedAt, facts.type.fizzle);
      if (now >= proved) facts.successes.push(proved);
    }
  }
}
