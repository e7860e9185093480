import { type Instant, later, type Seconds } from '../../core/units.ts';
import { Once, unless } from './once.ts';

/** Answers that are good for a while, each asked for once however many want it. Failures are not kept. */
export class Kept<T> {
  readonly #values = new Map<string, { readonly value: T; readonly until: Instant }>();
  readonly #once = new Once<string, T>();
  readonly #now: () => Instant;
  readonly #life: Seconds;

  constructor(now: () => Instant, life: Seconds) {
    this.#now = now;
    this.#life = life;
  }

  /** The work outlives a caller who gives up: it ends with its own deadlines. */
  get(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const kept = this.#values.get(key);
    const now = this.#now();
    // A clock that was set back must not prolong it.
    if (kept !== undefined && now < kept.until && kept.until <= later(now, this.#life)) return Promise.resolve(kept.value);
    const asked = this.#once.run(key, async () => {
      const value = await work();
      this.#values.set(key, { value, until: later(this.#now(), this.#life) });
      return value;
    });
    return unless(signal, key, asked);
  }

  /** Resolves when nothing is being asked for. */
  settled(): Promise<void> {
    return this.#once.settled();
  }

  /** The cloud says otherwise: the next one asks again. */
  forget(): void {
    this.#values.clear();
  }
}
