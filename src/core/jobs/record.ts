import { elapsed, type Instant, instant, later, type Seconds, seconds } from '../units.ts';
import { environmentFor } from './classes.ts';
import type { AgentFacts, Job, JobEvent, JobId, JobRun, JobSpec, RunResult } from './job.ts';
import { isCancelled, isOnMachine, type JobChange, type JobFailure, transition } from './states.ts';

/** A job with what the store alone needs to know of it. */
export interface JobRecord {
  readonly job: Job;
  /** Of its requirement class. */
  readonly class: number;
  /** Submitted without a phase of stage-in. */
  readonly ready: boolean;
  /** Runs lost so far since its submission or restart. */
  readonly lost: number;
  /** Names the one run that counts; a result with another one is late. */
  readonly lease?: string;
  /** When `overdue` has something to do. */
  readonly due?: Instant;
  /** Lines of its history, those of its submission not counted. */
  readonly events: number;
}

/** What a change makes of a record: the new record (undefined: gone) and what is added to its history. */
export interface Step {
  readonly record: JobRecord | undefined;
  readonly events: readonly JobEvent[];
}
export interface Refused {
  readonly refused: string;
}
/** Answer to the holder of a lease. No `step`: nothing changes. */
export type LeaseStep =
  | { readonly held: true; readonly job: Job; readonly step?: Step }
  | { readonly held: false; readonly why: 'lost' | 'cancelled'; readonly step?: Step };

/** Outputs of a job are kept so long after its end (spec/environments.md §6.2, keep). */
export const defaultKeep = seconds(7 * 86_400);
const longestText = 500;

/** Fit for a terminal, a log and a database: no control or format characters, at most 500 characters, none of them cut in half. */
export const printableText = (text: string): string =>
  text
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, longestText)
    .replace(/\p{Cs}$/u, '');

export function submitted(id: JobId, spec: JobSpec, about: { readonly class: number; readonly ready: boolean; readonly now: Instant }): JobRecord {
  const { now, ready } = about;
  const at = ready ? ({ state: 'PROCESSING-QUEUED', attributes: [] } as const) : ({ state: 'PREPROCESSING', attributes: ['CLIENT-STAGEIN-POSSIBLE'] } as const);
  const job: Job = { id, spec, ...at, submittedAt: now, changedAt: now, runs: 0 };
  return { job, class: about.class, ready, lost: 0, events: 0, ...(spec.expiresAt === undefined ? {} : { due: spec.expiresAt }) };
}

/** The first lines of every history, which need not be stored. */
export const eventsOfSubmission = ({ job, ready }: Pick<JobRecord, 'job' | 'ready'>): readonly JobEvent[] => [
  { at: job.submittedAt, state: 'ACCEPTED', attributes: [], text: printableText(`submitted by ${job.spec.owner}`) },
  ready
    ? { at: job.submittedAt, state: 'PROCESSING-QUEUED', attributes: [], text: 'waits for a machine' }
    : { at: job.submittedAt, state: 'PREPROCESSING', attributes: ['CLIENT-STAGEIN-POSSIBLE'], text: 'waits for its inputs' },
];

interface Edit {
  readonly text: string;
  readonly now: Instant;
  readonly job?: Partial<Job>;
  readonly lease?: string | undefined;
  readonly lost?: number;
  readonly due?: Instant | undefined;
}

/** Applies a change of state with its line of history. `lease` and `due` are as in the edit: absent there, absent then. */
function stepped(record: JobRecord, change: JobChange, edit: Edit): Step | Refused {
  const to = transition(record.job, change);
  if ('refused' in to) return to;
  const { job } = record;
  const changed: Job = { ...job, ...edit.job, state: to.state, attributes: to.attributes, changedAt: edit.now };
  const run = changed.run === undefined || !isOnMachine(job) ? {} : { run: changed.run.number, machine: changed.run.machine };
  const event: JobEvent = { at: edit.now, state: to.state, attributes: to.attributes, text: printableText(edit.text), ...run };
  if (to.gone === true) return { record: undefined, events: [] };
  const { lease: _lease, due: _due, ...rest } = record;
  const next = { ...rest, job: changed, lost: edit.lost ?? record.lost, events: record.events + 1 };
  return {
    record: { ...next, ...(edit.lease === undefined ? {} : { lease: edit.lease }), ...(edit.due === undefined ? {} : { due: edit.due }) },
    events: [event],
  };
}

function must(step: Step | Refused): Step {
  if ('refused' in step) throw new TypeError(`a job in an impossible state: ${step.refused}`);
  return step;
}

const endedRun = (run: JobRun | undefined, now: Instant): { readonly run?: JobRun } => (run === undefined ? {} : { run: { ...run, endedAt: now } });
const expiry = (record: JobRecord): { readonly due?: Instant } => (record.job.spec.expiresAt === undefined ? {} : { due: record.job.spec.expiresAt });

/** An agent gets the job under a lease. */
export function given(record: JobRecord, agent: AgentFacts, about: { readonly lease: string; readonly until: Instant; readonly now: Instant }): Step {
  const { job } = record;
  const environment = environmentFor(job.spec.environments, agent);
  const { machine, site, machinetype } = agent;
  const run: JobRun = {
    number: job.runs + 1,
    machine,
    site,
    machinetype,
    ...(environment === undefined ? {} : { environment }),
    takenAt: about.now,
    leaseUntil: about.until,
  };
  const { message: _message, exitCode: _code, ...rest } = job;
  const step = must(
    stepped(
      { ...record, job: rest },
      { kind: 'take' },
      { text: `given to ${machine}`, now: about.now, job: { runs: run.number, run }, lease: about.lease, due: about.until },
    ),
  );
  return { ...step, events: step.events.map((e) => ({ ...e, run: run.number, machine })) };
}

/** What stands in the way of any call by a lease; undefined: nothing. A cancelled job is released by the call that hears of it. */
function notHeld(record: JobRecord | undefined, lease: string, now: Instant, keep: Seconds): LeaseStep | undefined {
  if (record === undefined || record.lease !== lease) return { held: false, why: 'lost' };
  if (!isCancelled(record.job)) return record.job.state === 'PROCESSING-RUNNING' ? undefined : { held: false, why: 'lost' };
  if (record.job.state !== 'POSTPROCESSING') return { held: false, why: 'cancelled' };
  return { held: false, why: 'cancelled', step: released(record, now, keep, 'the machine has heard of it') };
}

const released = (record: JobRecord, now: Instant, keep: Seconds, text: string): Step =>
  must(
    stepped(record, { kind: 'released' }, { text: `cancelled; ${text}`, now, job: endedRun(record.job.run, now), lease: record.lease, due: later(now, keep) }),
  );

const heldBy = (record: JobRecord | undefined, step: Step): LeaseStep => {
  const job = step.record?.job ?? record?.job;
  return job === undefined ? { held: false, why: 'lost' } : { held: true, job, step };
};

export function begun(record: JobRecord | undefined, lease: string, now: Instant, keep: Seconds): LeaseStep {
  const not = notHeld(record, lease, now, keep);
  if (not !== undefined || record === undefined) return not ?? { held: false, why: 'lost' };
  const { run } = record.job;
  if (run?.startedAt !== undefined) return { held: true, job: record.job };
  const started = run === undefined ? {} : { run: { ...run, startedAt: now } };
  return heldBy(record, must(stepped(record, { kind: 'begin' }, { text: 'begun', now, job: started, lease, due: record.due })));
}

export function renewed(record: JobRecord | undefined, lease: string, now: Instant, until: Instant, keep: Seconds): LeaseStep {
  const not = notHeld(record, lease, now, keep);
  if (not !== undefined || record === undefined) return not ?? { held: false, why: 'lost' };
  const { run } = record.job;
  const job: Job = run === undefined ? record.job : { ...record.job, run: { ...run, leaseUntil: until } };
  return heldBy(record, { record: { ...record, job, due: until }, events: [] });
}

const failureOf: { readonly [P in Extract<RunResult, { kind: 'failed' }>['phase']]: JobFailure } = {
  inputs: 'PREPROCESSING-FAILURE',
  prologue: 'APP-FAILURE',
  outputs: 'POSTPROCESSING-FAILURE',
};

function endOf(result: RunResult): { readonly change: JobChange; readonly text: string; readonly job: Partial<Job> } {
  switch (result.kind) {
    case 'exited': {
      const { exitCode } = result;
      const text = exitCode > 128 ? `killed by signal ${exitCode - 128}` : `ended with ${exitCode}`;
      return exitCode === 0
        ? { change: { kind: 'succeed' }, text, job: { exitCode } }
        : { change: { kind: 'fail', failure: 'APP-FAILURE' }, text, job: { exitCode, message: text } };
    }
    case 'timeout': {
      const text = `ended at its wall limit after ${Math.round(result.wall)} s`;
      return { change: { kind: 'fail', failure: 'PROCESSING-FAILURE' }, text, job: { message: text } };
    }
    case 'failed': {
      const text = printableText(`${result.phase}: ${result.text}`);
      return { change: { kind: 'fail', failure: failureOf[result.phase] }, text, job: { message: text } };
    }
  }
}

/** The run is over. Told a second time by the same lease nothing changes: the first answer may have been lost on its way. */
export function finished(record: JobRecord | undefined, lease: string, result: RunResult, now: Instant, keep: Seconds): LeaseStep {
  if (record?.lease === lease && record.job.state === 'TERMINAL' && !isCancelled(record.job)) return { held: true, job: record.job };
  const not = notHeld(record, lease, now, keep);
  if (not !== undefined || record === undefined) return not ?? { held: false, why: 'lost' };
  const { change, text, job } = endOf(result);
  return heldBy(record, must(stepped(record, change, { text, now, job: { ...job, ...endedRun(record.job.run, now) }, lease, due: later(now, keep) })));
}

const atMostOnceBegun = ({ job }: JobRecord): boolean => !job.spec.rerunnable && job.run?.startedAt !== undefined;

function givenUp(record: JobRecord, why: string, now: Instant, keep: Seconds, lost: number): Step {
  const message = printableText(why);
  return must(
    stepped(
      record,
      { kind: 'fail', failure: 'PROCESSING-FAILURE' },
      { text: message, now, lost, job: { message, ...endedRun(record.job.run, now) }, due: later(now, keep) },
    ),
  );
}

/** The agent has to end. Costs no retry; but an at-most-once job that had begun fails. */
export function givenBack(record: JobRecord | undefined, lease: string, why: string, now: Instant, keep: Seconds): LeaseStep {
  const not = notHeld(record, lease, now, keep);
  if (not !== undefined || record === undefined) return not ?? { held: false, why: 'lost' };
  if (atMostOnceBegun(record)) return heldBy(record, givenUp(record, `given back: ${why}; it had begun and runs at most once`, now, keep, record.lost));
  return heldBy(record, must(stepped(record, { kind: 'requeue' }, { text: `given back: ${why}`, now, job: endedRun(record.job.run, now), ...expiry(record) })));
}

/** What the passing of time does to a record whose `due` has come; undefined: nothing yet. */
export function overdue(record: JobRecord, now: Instant, keep: Seconds): Step | undefined {
  const { job, due } = record;
  if (due === undefined || due > now) return undefined;
  switch (job.state) {
    case 'PROCESSING-RUNNING': {
      const lost = record.lost + 1;
      const text = `lost: ${job.run?.machine ?? 'its machine'} has not renewed its lease`;
      if (atMostOnceBegun(record)) return givenUp(record, `${text}; it had begun and runs at most once`, now, keep, lost);
      if (lost > job.spec.retries) return givenUp(record, `${text}; ${lost === 1 ? 'no retry was asked for' : `lost ${lost} times`}`, now, keep, lost);
      return must(stepped(record, { kind: 'requeue' }, { text, now, lost, job: endedRun(job.run, now), ...expiry(record) }));
    }
    case 'POSTPROCESSING':
      return released(record, now, keep, 'its machine has not renewed its lease');
    case 'TERMINAL':
      return must(stepped(record, { kind: 'expire' }, { text: 'outputs are kept no longer', now, job: { changedAt: job.changedAt }, lease: record.lease }));
    default: {
      const message = 'nothing could run it before it expired';
      const failure = job.state.startsWith('PROCESSING') ? 'PROCESSING-FAILURE' : 'PREPROCESSING-FAILURE';
      return must(stepped(record, { kind: 'fail', failure }, { text: message, now, job: { message }, due: later(now, keep) }));
    }
  }
}

const textOf = { start: 'inputs complete, started', cancel: 'cancelled', pause: 'paused', resume: 'resumed', restart: 'restarted', wipe: 'wiped' } as const;

/** A person's action. An at-most-once job that has begun is never restarted. */
export function acted(record: JobRecord, action: keyof typeof textOf, by: string, now: Instant, keep: Seconds): Step | Refused {
  const { job } = record;
  if (action === 'restart' && atMostOnceBegun(record)) return { refused: 'restart: the job has begun and runs at most once' };
  const text = `${textOf[action]} by ${by}`;
  switch (action) {
    case 'restart': {
      const { run: _run, exitCode: _code, message: _message, ...rest } = job;
      return stepped({ ...record, job: rest }, { kind: action }, { text, now, lost: 0, ...restartExpiry(record, now) });
    }
    case 'cancel':
      return isOnMachine(job)
        ? stepped(record, { kind: action }, { text, now, job: { message: text }, lease: record.lease, due: record.due })
        : stepped(record, { kind: action }, { text, now, job: { message: text }, due: later(now, keep) });
    default:
      return stepped(record, { kind: action }, { text, now, lease: record.lease, due: record.due });
  }
}

/** A job whose time to wait is over waits without limit when a person restarts it. */
const restartExpiry = (record: JobRecord, now: Instant): { readonly due?: Instant } => ((record.job.spec.expiresAt ?? instant(0)) > now ? expiry(record) : {});

/** Processor seconds that a run has cost until `now`. */
export const costOf = (job: Job, now: Instant): number => (job.run === undefined ? 0 : Math.max(0, elapsed(job.run.takenAt, now)) * job.spec.processors);
