import type { RequirementClass } from '../../core/jobs/classes.ts';
import type { Head, OwnerUsage } from '../../core/jobs/fair.ts';
import type { Job, JobEvent, JobId, JobState } from '../../core/jobs/job.ts';
import type { JobRecord } from '../../core/jobs/record.ts';
import type { Instant } from '../../core/units.ts';
import type { ClassCount, JobFilter } from '../store.ts';

/** What the two databases do for `TableStore`, which holds all rules. Every method rejects or throws StoreError alone. */
export interface Tables {
  /** Creates what is missing. */
  open(): Promise<void>;
  /** One transaction at a time over all processes. Committed when it resolves; if `work` rejects, rolled back. */
  transaction<T>(work: (t: Transaction) => Promise<T>): Promise<T>;
  /** Reads see all that was committed before. */
  job(id: JobId): Promise<Job | undefined>;
  history(id: JobId): Promise<readonly JobEvent[]>;
  list(filter: JobFilter, page: { readonly after?: JobId; readonly limit: number }): Promise<readonly Job[]>;
  leased(lease: string): Promise<Job | undefined>;
  classes(tenant: string | undefined): Promise<readonly ClassCount[]>;
  counts(tenant: string | undefined): Promise<readonly { readonly state: JobState; readonly jobs: number }[]>;
  ownerOf(tenant: string, machine: string): Promise<string | undefined>;
  close(): Promise<void>;
}

type Eventually<T> = T | Promise<T>;

export interface Transaction {
  /** Of the newest change; each `write` adds one. */
  readonly version: number;
  /** All that changed after `since`; 0: everything that matters now. */
  news(since: number): Eventually<News>;
  records(by: { readonly leases: readonly string[]; readonly ids: readonly JobId[] }): Eventually<readonly JobRecord[]>;
  due(now: Instant, limit: number): Eventually<readonly JobRecord[]>;
  /** Job that was submitted with this key. */
  submissions(tenant: string, keys: readonly string[]): Eventually<ReadonlyMap<string, JobId>>;
  /** Forgets what nobody needs: tokens that have expired by `now`, machines not heard of since `before`. */
  forget(now: Instant, before: Instant): Eventually<void>;
  /** The nonce that claimed the token: this one unless there was one before. */
  claim(jti: string, nonceHash: string, until: Instant): Eventually<string>;
  /** Returns the lines that it touched as they are now. */
  write(changes: Changes): Eventually<readonly LineRow[]>;
}

export interface LineRow {
  readonly class: number;
  readonly owner: string;
  readonly waiting: number;
  readonly head?: Head;
}

export interface News {
  readonly classes: readonly RequirementClass[];
  readonly lines: readonly LineRow[];
  readonly owners: readonly OwnerUsage[];
}

/** A place in the line of a class and an owner. */
export interface Place extends Head {
  readonly class: number;
  readonly owner: string;
}

export interface Changes {
  readonly classes: readonly RequirementClass[];
  readonly inserted: readonly JobRecord[];
  readonly updated: readonly JobRecord[];
  readonly removed: readonly JobId[];
  readonly submissions: readonly { readonly tenant: string; readonly key: string; readonly id: JobId }[];
  /** `seq` counts from 1 within a job. */
  readonly events: readonly { readonly job: JobId; readonly seq: number; readonly event: JobEvent }[];
  readonly joined: readonly Place[];
  readonly left: readonly Place[];
  /** Differences. */
  readonly lines: readonly { readonly class: number; readonly owner: string; readonly waiting: number; readonly running: number }[];
  /** Differences. */
  readonly tallies: readonly { readonly tenant: string; readonly state: JobState; readonly jobs: number }[];
  readonly owners: readonly OwnerUsage[];
  readonly machines: readonly { readonly tenant: string; readonly machine: string; readonly owner: string; readonly at: Instant }[];
}
