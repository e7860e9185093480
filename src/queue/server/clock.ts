import { type Instant, instant, type Seconds } from '../../core/units.ts';

/** Time as the server knows it; tests move one of their own. */
export interface QueueClock {
  now(): Instant;
  /** Calls once, after so long. Returns what calls it off. */
  after(time: Seconds, call: () => void): () => void;
}

export const systemClock: QueueClock = {
  now: () => instant(Date.now()),
  after(time, call) {
    const timer = setTimeout(call, Math.max(0, time) * 1000).unref();
    return () => clearTimeout(timer);
  },
};
