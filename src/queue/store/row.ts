import {
  jobAttributes,
  type Job,
  type JobAttribute,
  type JobEvent,
  type JobId,
  type JobRun,
  type JobSpec,
  type JobState,
  jobStates,
} from '../../core/jobs/job.ts';
import type { JobRecord } from '../../core/jobs/record.ts';
import { type Instant, instant } from '../../core/units.ts';
import { StoreError } from '../store.ts';

/** Columns of the table `job` in the order in which both databases declare and insert them. */
export const columns = [
  'id',
  'tenant',
  'owner',
  'class',
  'ready',
  'spec',
  'submitted_at',
  'state',
  'attributes',
  'changed_at',
  'runs',
  'lost',
  'events',
  'run',
  'lease',
  'due',
  'exit_code',
  'message',
] as const;
/** Those that change after the submission: from `state` on. */
export const changing = columns.slice(columns.indexOf('state'));

export type Value = string | number | null;
export type Row = Readonly<Record<string, unknown>>;

/** In the order of `columns`. */
export function toRow({ job, class: id, ready, lost, lease, due, events }: JobRecord): Value[] {
  const { spec } = job;
  const run = job.run === undefined ? null : JSON.stringify(job.run);
  return [
    job.id,
    spec.tenant,
    spec.owner,
    id,
    ready ? 1 : 0,
    JSON.stringify(spec),
    job.submittedAt,
    job.state,
    job.attributes.join(' '),
    job.changedAt,
    job.runs,
    lost,
    events,
    run,
    lease ?? null,
    due ?? null,
    job.exitCode ?? null,
    job.message ?? null,
  ];
}

const states: ReadonlySet<string> = new Set(jobStates);
const attributes: ReadonlySet<string> = new Set(jobAttributes);

function stateOf(value: unknown): JobState {
  if (typeof value === 'string' && states.has(value)) return value as JobState;
  throw new StoreError('DAMAGED', `the store holds the state ${JSON.stringify(value)}, which no job can have`);
}
const attributesOf = (value: unknown): JobAttribute[] =>
  String(value)
    .split(' ')
    .filter((a): a is JobAttribute => attributes.has(a));

function parsed<T>(text: unknown, id: unknown): T {
  try {
    return JSON.parse(String(text)) as T;
  } catch (cause) {
    throw new StoreError('DAMAGED', `the store cannot read its job ${String(id)}`, { cause });
  }
}

const number = (value: unknown): number => Number(value);
const time = (value: unknown): Instant => instant(Number(value));

export function jobFrom(row: Row): Job {
  const { id } = row;
  return {
    id: String(id) as JobId,
    spec: parsed<JobSpec>(row['spec'], id),
    state: stateOf(row['state']),
    attributes: attributesOf(row['attributes']),
    submittedAt: time(row['submitted_at']),
    changedAt: time(row['changed_at']),
    runs: number(row['runs']),
    ...(row['run'] === null ? {} : { run: parsed<JobRun>(row['run'], id) }),
    ...(row['exit_code'] === null ? {} : { exitCode: number(row['exit_code']) }),
    ...(row['message'] === null ? {} : { message: String(row['message']) }),
  };
}

export const recordFrom = (row: Row): JobRecord => ({
  job: jobFrom(row),
  class: number(row['class']),
  ready: number(row['ready']) === 1,
  lost: number(row['lost']),
  events: number(row['events']),
  ...(row['lease'] === null ? {} : { lease: String(row['lease']) }),
  ...(row['due'] === null ? {} : { due: time(row['due']) }),
});

export const eventFrom = (row: Row): JobEvent => ({
  at: time(row['at']),
  state: stateOf(row['state']),
  attributes: attributesOf(row['attributes']),
  text: String(row['text']),
  ...(row['run'] === null ? {} : { run: number(row['run']) }),
  ...(row['machine'] === null ? {} : { machine: String(row['machine']) }),
});
