import type { Instant, Seconds } from '../units.ts';

/** Opaque, made by the store: 20 lower-case letters and digits that sort by time of submission. */
export type JobId = string & { readonly __job: never };

/** What a user asks for, validated, with every default applied (spec/environments.md §2.2). Names of files are flat: `[A-Za-z0-9._+-]{1,128}`, no leading dot. */
export interface JobSpec {
  readonly tenant: string;
  /** Subject of the user's token. */
  readonly owner: string;
  readonly name?: string;
  /** Absolute path in the machine (may hold `$VAR`), or the name of an input. */
  readonly executable: string;
  /** After shell quoting has been taken away. */
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Name of an input, or an absolute path in the machine. */
  readonly stdin?: string;
  /** Relative names in the job's directory; both may be the same. */
  readonly stdout?: string;
  readonly stderr?: string;
  readonly prologue?: Command;
  readonly epilogue?: Command;
  readonly inputs: readonly string[];
  /** Names to keep; what is missing at the end is no failure. */
  readonly outputs: readonly string[];
  /** Bytes over all outputs; what is more is cut. */
  readonly maxOutputBytes?: number;
  readonly processors: number;
  /** MiB. */
  readonly memoryMb: number;
  readonly wall: Seconds;
  /** Larger is earlier, among jobs of the same owner. -1000 to 1000, default 0. */
  readonly priority: number;
  /** Further runs after a run that was lost (machine gone, lease not renewed). */
  readonly retries: number;
  /** False: at most once. It is never given to a second machine after one has started it. */
  readonly rerunnable: boolean;
  /** ClassAd expression over the machine's ad (`other`); absent: true. */
  readonly requirements?: string;
  /** Tags or names of environments: the machine must offer one of them. Empty: any. */
  readonly environments: readonly string[];
  /** Give up waiting then. */
  readonly expiresAt?: Instant;
}

export interface Command {
  readonly executable: string;
  readonly arguments: readonly string[];
}

/** Main states of spec/environments.md §7. */
export const jobStates = [
  'ACCEPTED',
  'PREPROCESSING',
  'PROCESSING-ACCEPTING',
  'PROCESSING-QUEUED',
  'PROCESSING-RUNNING',
  'POSTPROCESSING',
  'TERMINAL',
] as const;
export type JobState = (typeof jobStates)[number];

export const jobAttributes = [
  'VALIDATING',
  'CLIENT-PAUSED',
  'SERVER-PAUSED',
  'CLIENT-STAGEIN-POSSIBLE',
  'SERVER-STAGEIN',
  'PROVISIONING',
  'APP-RUNNING',
  'BATCH-SUSPEND',
  'SERVER-STAGEOUT',
  'CLIENT-STAGEOUT-POSSIBLE',
  'DEPROVISIONING',
  'VALIDATION-FAILURE',
  'PREPROCESSING-FAILURE',
  'PROCESSING-FAILURE',
  'APP-FAILURE',
  'POSTPROCESSING-FAILURE',
  'PREPROCESSING-CANCEL',
  'PROCESSING-CANCEL',
  'POSTPROCESSING-CANCEL',
  'EXPIRED',
] as const;
export type JobAttribute = (typeof jobAttributes)[number];

/** A job as the store knows it. */
export interface Job {
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly state: JobState;
  readonly attributes: readonly JobAttribute[];
  readonly submittedAt: Instant;
  /** Last change of state. */
  readonly changedAt: Instant;
  /** Runs begun so far; each is in the history. */
  readonly runs: number;
  /** Of the present or the last run. */
  readonly run?: JobRun;
  /** Of the run that decided it. A number: exit code; above 128 death by signal. */
  readonly exitCode?: number;
  readonly message?: string;
}

export interface JobRun {
  /** Counted from 1. */
  readonly number: number;
  readonly machine: string;
  readonly site: string;
  readonly machinetype: string;
  /** Environment that the machine offers and the job was given to; absent: it needs none. */
  readonly environment?: string;
  readonly takenAt: Instant;
  readonly startedAt?: Instant;
  readonly endedAt?: Instant;
  readonly leaseUntil: Instant;
}

/** One line of a job's history, kept for good: why each run ended is never lost. */
export interface JobEvent {
  readonly at: Instant;
  readonly state: JobState;
  readonly attributes: readonly JobAttribute[];
  /** Printable, at most 500 characters. */
  readonly text: string;
  readonly run?: number;
  readonly machine?: string;
}

/** How a run ended, as told by its agent. */
export type RunResult =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly wall: Seconds }
  /** The agent ended it at its wall limit. */
  | { readonly kind: 'timeout'; readonly wall: Seconds }
  /** A prologue, an input or an output failed: the phase says which state the job fails in. */
  | { readonly kind: 'failed'; readonly phase: 'inputs' | 'prologue' | 'outputs'; readonly text: string };

/** What an agent says it is; `machine`, `tenant`, `machinetype`, `site` and `environments` come from its token and not from itself. */
export interface AgentFacts {
  readonly machine: string;
  readonly tenant: string;
  readonly site: string;
  readonly machinetype: string;
  /** Names of the environments of its machine, and all their tags. */
  readonly environments: readonly string[];
  readonly processors: number;
  /** MiB. */
  readonly memoryMb: number;
  /** MiB; absent: unknown. */
  readonly diskMb?: number;
  /** Until the machine's end. A job is given only if its wall time fits. */
  readonly timeLeft: Seconds;
  /** Owner of the jobs that it has run; it gets no others (spec/environments.md §6.2, release). Absent: none yet, or the tenant shares machines. */
  readonly boundTo?: string;
}
