import type { JobId } from './job.ts';
import { elapsed, type Instant, type Seconds, seconds } from '../units.ts';

/** What an owner of jobs has of the tenant's machines, now and lately. */
export interface OwnerUsage {
  readonly tenant: string;
  readonly owner: string;
  /** Processors of the jobs that are on machines now. */
  readonly running: number;
  /** Processor seconds of runs that have ended, as they counted at `at`. */
  readonly used: number;
  readonly at: Instant;
}

export const noUsage = (tenant: string, owner: string, at: Instant): OwnerUsage => ({ tenant, owner, running: 0, used: 0, at });

/** Every processor second counts half after one half-life. A clock that was set back forgets nothing. */
export const usedAt = (u: OwnerUsage, now: Instant, halfLife: Seconds): number => u.used * 2 ** (-Math.max(0, elapsed(u.at, now)) / halfLife);

/** A run of so many processor seconds has ended. */
export const charged = (u: OwnerUsage, processorSeconds: number, now: Instant, halfLife: Seconds): OwnerUsage => ({
  ...u,
  used: usedAt(u, now, halfLife) + Math.max(0, processorSeconds),
  at: now > u.at ? now : u.at,
});

export const defaultHalfLife = seconds(86_400);

/** The first job of a line: the jobs of one owner in one requirement class. `rank` is the negative of the priority. */
export interface Head {
  readonly rank: number;
  readonly id: JobId;
}

/** Among jobs of one owner: larger priority, then longer waiting (ids sort by time). Negative: `a` is first. */
export const earlierHead = (a: Head, b: Head): number => a.rank - b.rank || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** An owner with the best job that it has for a machine. */
export interface Offer {
  readonly usage: OwnerUsage;
  readonly head: Head;
}

/** Among owners: fewer processors now, then less recent usage, then the older job. Negative: `a` is served first. */
export const servedFirst = (a: Offer, b: Offer, now: Instant, halfLife: Seconds): number =>
  a.usage.running - b.usage.running ||
  usedAt(a.usage, now, halfLife) - usedAt(b.usage, now, halfLife) ||
  (a.head.id < b.head.id ? -1 : a.head.id > b.head.id ? 1 : 0);
