import type { AgentFacts, Job, JobAttribute, JobEvent, JobId, JobSpec, JobState, RunResult } from '../core/jobs/job.ts';
import type { Instant, Seconds } from '../core/units.ts';

/**
 * Where jobs live. One contract test (store-contract.ts) for every store. Each call is one transaction: done and durable when it
 * resolves, or not done. Rejects with StoreError alone. Several processes may use one PostgreSQL store at the same time.
 * Times are given by the caller; nothing in here looks at a clock.
 */
export interface JobStore {
  /** Creates what is missing. Rejects when the store is of a newer version. Nothing else may be called before. */
  open(): Promise<void>;
  /**
   * All or none. `ready`: there is nothing to stage in, so that the jobs wait for a machine at once. `keys` makes a submission idempotent:
   * a job whose key its tenant has used is not made again, and its id is returned.
   */
  submit(specs: readonly JobSpec[], options: { readonly now: Instant; readonly ready: boolean; readonly keys?: readonly string[] }): Promise<readonly JobId[]>;
  /** The best job that this agent can finish in time, under a lease; or why there is none. Never given twice. */
  take(agent: AgentFacts, options: { readonly now: Instant; readonly lease: Seconds }): Promise<Taken | NotTaken>;
  /** The agent has begun to run it. From here on an at-most-once job is never given again. */
  begin(lease: LeaseToken, now: Instant): Promise<LeaseAnswer>;
  renew(lease: LeaseToken, options: { readonly now: Instant; readonly lease: Seconds }): Promise<LeaseAnswer>;
  /** The run is over. `lost`: another run counts, and this result changes nothing. The same lease may tell it again: the first result counts. */
  finish(lease: LeaseToken, result: RunResult, now: Instant): Promise<LeaseAnswer>;
  /** The agent gives it back because it has to end: waits again, at the cost of no retry if it had not begun or can be run again. */
  giveBack(lease: LeaseToken, why: string, now: Instant): Promise<LeaseAnswer>;
  /**
   * Ends leases that ran out: back to the queue while retries last, else failed. Also jobs whose `expiresAt` has passed, and outputs that are kept no longer (EXPIRED).
   * This alone ends a lease: until then one that ran out can still be renewed, so that a server which was away gives agents the time of a lease before its first call.
   * Bounded work per call; returns how many.
   */
  expire(now: Instant): Promise<number>;
  /**
   * A person's action on a job of theirs. Refused with StoreError REFUSED where spec/environments.md §7 has no such transition. A job that is cancelled on a machine is
   * POSTPROCESSING until the machine's next call, which is answered 'cancelled', or the end of its lease. Resolves to the job as it is then; a wiped one as it was.
   */
  act(id: JobId, action: JobAction, by: string, now: Instant): Promise<Job>;

  job(id: JobId): Promise<Job | undefined>;
  history(id: JobId): Promise<readonly JobEvent[]>;
  /** By id, ascending; `after` an id for the next page. */
  list(filter: JobFilter, page: { readonly after?: JobId; readonly limit: number }): Promise<readonly Job[]>;
  /** Job of a lease that holds now; undefined: lost. */
  leased(lease: LeaseToken, now: Instant): Promise<Job | undefined>;
  /** Waiting and running jobs by requirement class: demand, advertisement and `why`. Must stay cheap with a million jobs. */
  classes(tenant?: string): Promise<readonly ClassCount[]>;
  counts(tenant?: string): Promise<Readonly<Record<JobState, number>>>;
  /** First use of an agent's token: 'new', 'same' for the same nonce again, 'replayed' for another one. Kept until the token has expired. */
  claimToken(jti: string, nonceHash: string, until: Instant): Promise<'new' | 'same' | 'replayed'>;
  /** Owner whose jobs of this tenant the machine has run. A name that another tenant gives to a machine of its own says nothing of this one. */
  ownerOf(tenant: string, machine: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/** 32 random bytes in base64url, for one run of one job. */
export type LeaseToken = string & { readonly __lease: never };
export type LeaseAnswer = { readonly held: true; readonly job: Job } | { readonly held: false; readonly why: 'lost' | 'cancelled' };

export interface Taken {
  readonly job: Job;
  readonly lease: LeaseToken;
}
/** Reasons are data: per requirement class that waits for this tenant, the first thing that keeps it from this agent. */
export interface NotTaken {
  readonly job?: undefined;
  readonly waiting: number;
  readonly reasons: readonly { readonly jobs: number; readonly text: string }[];
}

export type JobAction = 'start' | 'cancel' | 'pause' | 'resume' | 'restart' | 'wipe';

export interface JobFilter {
  readonly tenant?: string;
  readonly owner?: string;
  readonly states?: readonly JobState[];
  readonly attribute?: JobAttribute;
  /** Changed at or after. */
  readonly since?: Instant;
}

/** All jobs that need the same of a machine. */
export interface ClassCount {
  readonly tenant: string;
  readonly requires: Pick<JobSpec, 'processors' | 'memoryMb' | 'wall' | 'requirements' | 'environments'>;
  readonly waiting: number;
  readonly running: number;
  /** Submission of the longest waiting one. */
  readonly oldest?: Instant;
}

export type StoreErrorCode = 'FULL' | 'BUSY' | 'UNREACHABLE' | 'VERSION' | 'REFUSED' | 'NOT_FOUND' | 'DAMAGED';
/** The store cannot do it now (FULL, BUSY, UNREACHABLE: try again), or never. Nothing was changed. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }
}
