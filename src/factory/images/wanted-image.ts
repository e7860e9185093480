import type { Preparation } from '../../core/observed.ts';
import type { Settings } from '../../core/settings.ts';
import { type Instant, later } from '../../core/units.ts';
import { retryDelay } from '../../core/image/retry-delay.ts';
import type { Clock } from '../clock.ts';

/** One file in the making, whatever its source. */
export interface WantedImage {
  /** It is still wanted: looks whether there is something to do. Returns at once. */
  look(): void;
  preparation(): Preparation;
  /** Absolute path of the file, verified and unchanged since. Rejects when it is not ready. */
  file(): Promise<string>;
  /** Something a person should know although the file is ready. */
  note(): string | undefined;
  /** Stops; resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** What images need of the world around them. */
export interface Surroundings {
  readonly clock: Clock;
  settings(): Settings;
  changed(): void;
}

/** Failures in a row, and when to try again. Times of waiting are counted by uptime: a stepped clock neither hurries nor delays them. */
export class Failures {
  readonly #clock: Clock;
  #count = 0;
  #text: string | undefined;
  #nextUptime = 0;
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  record(text: string): void {
    this.#text = text;
    this.#nextUptime = this.#clock.uptime() + retryDelay(++this.#count);
  }
  clear(): void {
    this.#count = 0;
    this.#text = undefined;
  }
  get text(): string | undefined {
    return this.#text;
  }
  /** Seconds until the next try; 0 or less: now. */
  get wait(): number {
    return this.#text === undefined ? 0 : this.#nextUptime - this.#clock.uptime();
  }
  /** The failure and the next try, for people. */
  describe(): string {
    return `${this.#text}; next try at ${timeOfDay(later(this.#clock.wall(), Math.max(0, this.wait)))}`;
  }
}

const timeOfDay = (at: Instant): string => `${new Date(Math.ceil(at / 1000) * 1000).toISOString().slice(11, 19)} UTC`;
