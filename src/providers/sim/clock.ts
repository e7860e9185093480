import { type Instant, instant, later, type Seconds, seconds } from '../../core/units.ts';

/** What the simulated world needs of a clock. The factory's own clocks have this shape. */
export interface SimClock {
  wall(): Instant;
  /** Never steps. Comparable across processes while `bootId` is the same. */
  uptime(): Seconds;
  readonly bootId: string;
  /** Resolves at the wall-clock time or when the signal aborts; never rejects. */
  sleepUntil(at: Instant, signal: AbortSignal): Promise<void>;
}

/** A clock that moves only when told to. Sleepers count elapsed time, as real timers do: a step of the wall clock does not wake them. */
export class ManualClock implements SimClock {
  readonly bootId: string;
  #wall: Instant;
  #uptime: Seconds;
  #sleepers = new Set<{ readonly due: number; readonly wake: () => void }>();

  constructor(start: Instant = instant(1_750_000_000_000), bootId = 'manual', uptime = seconds(1000)) {
    this.#wall = start;
    this.#uptime = uptime;
    this.bootId = bootId;
  }

  wall(): Instant {
    return this.#wall;
  }

  uptime(): Seconds {
    return this.#uptime;
  }

  sleepUntil(at: Instant, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || at <= this.#wall) return resolve();
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { due: this.#uptime + (at - this.#wall) / 1000, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** Lets time pass, and wakes whoever is due, earliest first. */
  advance(by: Seconds | number): void {
    this.#uptime = seconds(this.#uptime + by);
    this.#wall = later(this.#wall, by);
    const due = [...this.#sleepers].filter((s) => s.due <= this.#uptime).sort((a, b) => a.due - b.due);
    for (const sleeper of due) sleeper.wake();
  }

  /** Somebody sets the wall clock, forwards or (negative) backwards. */
  step(by: Seconds | number): void {
    this.#wall = later(this.#wall, by);
  }

  /** Time until the earliest sleeper is due; undefined: nobody sleeps. */
  nextDue(): Seconds | undefined {
    const due = Math.min(...[...this.#sleepers].map((s) => s.due));
    return Number.isFinite(due) ? seconds(Math.max(0, due - this.#uptime)) : undefined;
  }
}
