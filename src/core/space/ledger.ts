import { elapsed, type Instant } from '../units.ts';
import type { Counters, MemberReport, PeerFact, Rejection } from './options.ts';
import { rejections } from './options.ts';
import { recent } from './recent.ts';

/** Hosts whose messages were not believed are remembered, and told about, up to this many. */
const mostStrangers = 200;
/** The same is not told again sooner. */
const tellAgainSeconds = 600;

const words: { readonly [K in Rejection]: string } = {
  garbled: 'not a JSON object',
  oversized: 'longer than a message may be',
  other_space: 'of another space',
  invalid: 'not a valid message',
  unasked: 'a reply that nobody asked for',
  misnamed: 'not the factory that was asked',
  unsigned: 'not signed, and not in accept_unsigned_from',
  other_key: 'signed with another key',
  forged: 'its signature does not fit its content',
  replayed: 'seen before',
  too_many_items: 'more items than it announced',
  limited: 'more questions than are answered',
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Counts what came and went, and tells what is new about whom; bounded, whatever is sent. */
export class Ledger {
  readonly counts: Mutable<Omit<Counters, 'rejected'>> = { received: 0, queries: 0, replies: 0, sent: 0, pushes: 0, lies: 0 };
  readonly #rejected: Record<Rejection, number>;
  readonly #strangers = new Map<string, { address: string; why: string; count: number; at: Instant; toldAt: Instant | undefined }>();
  readonly #onFact: ((fact: PeerFact) => void) | undefined;

  constructor(onFact: ((fact: PeerFact) => void) | undefined) {
    this.#onFact = onFact;
    this.#rejected = Object.fromEntries(rejections.map((r) => [r, 0])) as Record<Rejection, number>;
  }

  tell(fact: PeerFact): void {
    this.#onFact?.(fact);
  }

  /** Returns the reason in words. */
  reject(why: Rejection, address: string, now: Instant, detail: string | undefined, factory: string | undefined): string {
    this.#rejected[why] += 1;
    const text = detail === undefined ? words[why] : `${words[why]}: ${detail}`;
    const entry = recent(
      this.#strangers,
      `${address} ${why}`,
      () => ({ address, why: text, count: 0, at: now, toldAt: undefined as Instant | undefined }),
      mostStrangers,
    );
    entry.count += 1;
    entry.why = text;
    entry.at = now;
    if (entry.toldAt === undefined || elapsed(entry.toldAt, now) >= tellAgainSeconds) {
      entry.toldAt = now;
      // Late replies and floods are ordinary; they are counted only.
      if (why !== 'unasked' && why !== 'limited') this.tell({ ...(factory !== undefined && { factory }), address, verdict: 'rejected', why: text });
    }
    return text;
  }

  counters(): Counters {
    return { ...this.counts, rejected: { ...this.#rejected } };
  }

  strangers(): MemberReport['strangers'] {
    return [...this.#strangers.values()].map(({ address, why, count, at }) => ({ address, why, count, at }));
  }
}
