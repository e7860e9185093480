import { type Instant, instant } from '../units.ts';

/** Collects the moments after which the same facts would give another decision. */
export class Alarm {
  readonly #now: Instant;
  #at: Instant;

  /** `latest`: when to look again in any case. */
  constructor(now: Instant, latest: Instant) {
    this.#now = now;
    this.#at = latest;
  }

  /** The rule changes its mind once `t` lies in the past: all limits are of the form `now > t`. Moments already past are ignored. */
  after(t: Instant): void {
    if (t >= this.#now && t + 1 < this.#at) this.#at = instant(Math.floor(t) + 1);
  }

  get at(): Instant {
    return this.#at;
  }
}
