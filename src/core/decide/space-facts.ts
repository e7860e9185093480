import type { Machinetype } from '../machinetype.ts';
import type { Observed } from '../observed.ts';
import { abortCode } from '../outcome.ts';
import type { Settings } from '../settings.ts';
import { type Electorate, seedOf } from '../space-rules/election.ts';
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
  readonly heard: number[];
  readonly aborts: Abort[];
  readonly successes: Instant[];
  /** Of the aborts that may be the last one, that of the first factory by name: the same in all views. */
  origin?: Abort;
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
  readonly #electorates = new Map<string, Electorate>();

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
      const facts = types.get(name) ?? { heard: [], aborts: [], successes: [] };
      const count = inARow(facts, backoff, longest);
      known = { pause: ladderPause(count, backoff, longest, name, facts.origin?.factory ?? ''), inARow: count };
      this.#pauses.set(name, known);
    }
    return known;
  }

  /** Who may be elected to try the machinetype first after its last abort. */
  electorate(machinetype: string): Electorate {
    let known = this.#electorates.get(machinetype);
    if (known === undefined) {
      const { types, silent, own } = this.#collect();
      const facts = types.get(machinetype);
      const { factory, message } = facts?.origin ?? { factory: '', message: '' };
      known = { own, heard: facts?.heard ?? [], silent, origin: hashText(factory), seed: seedOf(machinetype, factory, message) };
      this.#electorates.set(machinetype, known);
    }
    return known;
  }

  #collect(): Collected {
    if (this.#collected !== undefined) return this.#collected;
    const { space, silent, host } = this.#observed;
    const types = new Map<string, TypeFacts>();
    for (const name of this.#tallies.keys()) types.set(name, { heard: [], aborts: [], successes: [] });
    // What silent factories said last still counts as an abort, but nobody waits for them.
    const quiet = new Set(silent);
    const heard = new Set<string>([host.factory]);
    let [previous, hash] = ['', 0];
    for (const { factory, machinetype, shutdownMessage: message, shutdownAt: at } of space) {
      if (factory === host.factory) continue;
      if (factory !== previous) {
        [previous, hash] = [factory, hashText(factory)];
        if (!quiet.has(factory)) heard.add(factory);
      }
      const facts = types.get(machinetype);
      if (facts === undefined) continue;
      if (heard.has(factory)) facts.heard.push(hash);
      if (message !== undefined && at !== undefined) this.#note(facts, machinetype, { at, message, factory });
    }
    for (const { machinetype, at, message } of this.#standing.aborts) {
      const facts = types.get(machinetype);
      if (facts !== undefined) this.#note(facts, machinetype, { at, message, factory: host.factory });
    }
    this.#noteOwnSuccesses(types);
    const unheard = new Set([...this.#settings.factories, ...silent].filter((name) => !heard.has(name)));
    this.#collected = { types, silent: [...unheard].map(hashText), own: hashText(host.factory) };
    return this.#collected;
  }

  #note(facts: TypeFacts, machinetype: string, end: Abort): void {
    const tally = this.#tallies.get(machinetype);
    const doubling = tally?.type.backoffMax !== undefined;
    if (abortCode(end.message, this.#settings.abortCodes) === undefined) {
      if (doubling) facts.successes.push(end.at);
      return;
    }
    if (doubling) facts.aborts.push(end);
    const last = tally?.lastAbort?.at;
    if (last === undefined || end.at < later(last, -viewAccuracy)) return;
    if (facts.origin === undefined || end.factory < facts.origin.factory) facts.origin = end;
  }

  #noteOwnSuccesses(types: ReadonlyMap<string, TypeFacts>): void {
    const { machines, now } = this.#observed;
    for (const m of machines) {
      const facts = types.get(m.machinetype);
      if (facts === undefined || this.#tallies.get(m.machinetype)?.type.backoffMax === undefined) continue;
      if (m.state === 'finished' && !m.outcome.abort && m.startedAt !== undefined) facts.successes.push(m.finishedAt);
      if (m.state !== 'running') continue;
      const proved = later(m.startedAt, this.#tallies.get(m.machinetype)?.type.fizzle ?? m.fizzle);
      if (now >= proved) facts.successes.push(proved);
    }
  }
}
