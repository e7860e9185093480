import { readFileSync } from 'node:fs';
import { instant, type Instant, type Seconds, seconds } from '../core/units.ts';

/** Time as the shell knows it. Core never sees this, only the instants it yields. */
export interface Clock {
  /** Wall clock; may step. */
  wall(): Instant;
  /** Seconds since boot, suspend included; never steps. Comparable across processes while `bootId` is the same. */
  uptime(): Seconds;
  readonly bootId: string;
  /** Resolves at the wall-clock time or when the signal aborts; never rejects. */
  sleepUntil(at: Instant, signal: AbortSignal): Promise<void>;
}

export class SystemClock implements Clock {
  readonly bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  wall(): Instant {
    return instant(Date.now());
  }
  uptime(): Seconds {
    return seconds(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]));
  }
  sleepUntil(at: Instant, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, at - Date.now()), 2 ** 31 - 1));
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
