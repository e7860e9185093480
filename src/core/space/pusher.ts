import { type Instant, instant, later, unixSeconds } from '../units.ts';
import { openMachinetype, type Sender } from '../vacquery/encode.ts';
import { pushCookie } from '../vacquery/limits.ts';
import { replyEnding } from '../vacquery/prepared.ts';
import { asciiJson } from '../vacquery/text.ts';
import type { Envelope } from './trust.ts';
import type { Datagram, Endpoint, MachinetypeFacts, OwnStatus } from './types.ts';

/** Changes in this time go out together, so that a burst of starts costs one message per factory and machinetype. */
const gatherSeconds = 0.5;
const never = instant(Number.POSITIVE_INFINITY);

/** A start or an end of a machine is visible in these. */
const footprint = (t: MachinetypeFacts): string => `${t.runningMachines} ${t.shutdownMachine ?? ''} ${t.shutdownAt ?? ''} ${t.shutdownMessage ?? ''}`;

/** Tells the others at once what has changed; they believe it only when it is signed (docs/space.md). */
export class Pusher {
  readonly #envelope: Envelope;
  #told = new Map<string, string>();
  #changed = new Set<string>();
  #own: OwnStatus | undefined;
  #sender: Sender | undefined;
  #listeners: readonly Endpoint[] = [];
  #queue: Datagram[] = [];
  #dueAt: Instant = never;
  #lastAt: Instant = instant(0);

  constructor(envelope: Envelope) {
    this.#envelope = envelope;
  }

  get next(): Instant {
    return this.#queue.length > 0 ? this.#lastAt : this.#dueAt;
  }

  /** `listeners`: empty while nobody is to be told. */
  publish(own: OwnStatus, sender: Sender, listeners: readonly Endpoint[], now: Instant): void {
    const first = this.#own === undefined;
    this.#own = own;
    this.#sender = sender;
    this.#listeners = listeners;
    for (const type of own.machinetypes) {
      const now = footprint(type);
      if (!first && this.#told.get(type.machinetype) !== now) this.#changed.add(type.machinetype);
      this.#told.set(type.machinetype, now);
    }
    if (listeners.length === 0) this.#changed.clear();
    if (this.#changed.size > 0 && this.#dueAt === never) this.#dueAt = instant(Math.max(now, later(this.#lastAt, gatherSeconds)));
  }

  /** At most `most` messages that are due. */
  take(most: number, now: Instant): readonly Datagram[] {
    if (this.#dueAt <= now && this.#queue.length === 0) this.#compose(now);
    return this.#queue.splice(0, most);
  }

  shift(milliseconds: number): void {
    this.#dueAt = instant(this.#dueAt + milliseconds);
    this.#lastAt = instant(this.#lastAt + milliseconds);
  }

  #compose(now: Instant): void {
    const [own, sender] = [this.#own, this.#sender];
    if (!own || !sender) return;
    const ending = replyEnding(asciiJson(pushCookie), unixSeconds(now));
    for (const type of own.machinetypes) {
      if (!this.#changed.has(type.machinetype)) continue;
      const payload = this.#envelope.close(openMachinetype(type, own.machinetypes.length, sender) + ending);
      this.#queue.push(...this.#listeners.map((to) => ({ to, payload })));
    }
    this.#changed.clear();
    this.#dueAt = never;
    this.#lastAt = now;
  }
}
