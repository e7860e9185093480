import { type Instant, instant } from '../units.ts';

/** Collects the moments from which on the same facts give another decision. Moments already past are ignored. */
export class Alarm {
  readonly #now: Instant;
  #at: Instant;

  /** `latest`: when to look again in any case. */
  constructor(now: Instant, latest: Instant) {
    this.#now = now;
    this.#at = latest;
  }

  /** For limits of the form `now > t`. */
  after(t: Instant): void {
    this.from(instant(Math.floor(t) + 1));
  }

  /** For limits of the form `now >= t`. */
  from(t: Instant): void {
    if (t > this.#now && t < this.#at) this.#at = instant(Math.ceil(t));
  }

  get at(): Instant {
    return this.#at;
  }
}
