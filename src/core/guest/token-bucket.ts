import type { Seconds } from '../units.ts';

export interface Rate {
  readonly perSecond: number;
  /** Requests that may come at once after a pause. */
  readonly burst: number;
}

/** What is left of a rate at a moment of monotonic time. */
export interface Bucket {
  readonly tokens: number;
  readonly at: Seconds;
}

export const fullBucket = (rate: Rate, now: Seconds): Bucket => ({ tokens: rate.burst, at: now });

/** Takes one token. Without a whole one nothing is taken, and `wait` says in how many seconds there will be one. */
export function takeToken(bucket: Bucket, rate: Rate, now: Seconds): { readonly bucket: Bucket; readonly wait: number } {
  const tokens = Math.min(rate.burst, bucket.tokens + Math.max(0, now - bucket.at) * rate.perSecond);
  return tokens >= 1 ? { bucket: { tokens: tokens - 1, at: now }, wait: 0 } : { bucket: { tokens, at: now }, wait: (1 - tokens) / rate.perSecond };
}

/** Requests of one machine: far more than any agent sends, too few to keep the daemon from the other machines. */
export const requestRate: Rate = { perSecond: 50, burst: 200 };
/** Kept back for what the machine says of itself, so that a loop inside it does not cost it its life (docs/machines.md). */
export const reportRate: Rate = { perSecond: 1, burst: 10 };
