import { z } from 'zod';
import { type Job, jobAttributes, jobStates } from '../../core/jobs/job.ts';
import { viewsOf } from '../../core/jobs/state-views.ts';
import { type Instant, instant, type Seconds } from '../../core/units.ts';

/** Jobs as the queue's API writes them: an instant is an ISO 8601 string in UTC, a duration a number of seconds, what is absent is left out. */

const first = Date.parse('0001-01-01T00:00:00.000Z');
const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const time = z.codec(
  z.iso.datetime(),
  z.custom<Instant>((n) => typeof n === 'number'),
  { decode: (text) => instant(Date.parse(text)), encode: (at) => new Date(Math.min(Math.max(at, first), last)).toISOString() },
);
const duration = z.codec(
  z.number().describe('seconds'),
  z.custom<Seconds>((n) => typeof n === 'number'),
  { decode: (n) => n as Seconds, encode: (n) => n },
);
const count = z.int();
const attributes = z.array(z.enum(jobAttributes));

const Command = z.object({ executable: z.string(), arguments: z.array(z.string()) });

const Spec = z
  .object({
    tenant: z.string(),
    owner: z.string(),
    name: z.string().exactOptional(),
    executable: z.string(),
    arguments: z.array(z.string()),
    environment: z.record(z.string(), z.string()),
    stdin: z.string().exactOptional(),
    stdout: z.string().exactOptional(),
    stderr: z.string().exactOptional(),
    prologue: Command.exactOptional(),
    epilogue: Command.exactOptional(),
    inputs: z.array(z.string()),
    outputs: z.array(z.string()),
    maxOutputBytes: z.number().exactOptional(),
    processors: count,
    memoryMb: z.number().describe('MiB'),
    wall: duration,
    priority: count,
    retries: count,
    rerunnable: z.boolean(),
    requirements: z.string().exactOptional(),
    environments: z.array(z.string()),
    expiresAt: time.exactOptional(),
  })
  .meta({ id: 'JobSpec', description: 'What the user has asked for, with every default applied.' });

const Run = z.object({
  number: count,
  machine: z.string(),
  site: z.string(),
  machinetype: z.string(),
  environment: z.string().exactOptional(),
  takenAt: time,
  startedAt: time.exactOptional(),
  endedAt: time.exactOptional(),
  leaseUntil: time,
});

export const JobDocument = z
  .object({
    id: z.string(),
    state: z.enum(jobStates),
    attributes,
    views: z.object({ bes: z.string(), cream: z.string(), glue1: z.string() }).describe('the state in the words of other systems'),
    submittedAt: time,
    changedAt: time,
    runs: count,
    run: Run.exactOptional().describe('the present or the last one'),
    exitCode: count.exactOptional(),
    message: z.string().exactOptional(),
    spec: Spec,
    stageIn: z.string().exactOptional().describe('PUT the input files below this path, then send the action start'),
  })
  .meta({ id: 'Job', description: 'A job; states and attributes are those of EMI-ES.' });
export type JobDocument = z.output<typeof JobDocument>;

const Event = z
  .object({ at: time, state: z.enum(jobStates), attributes, text: z.string(), run: count.exactOptional(), machine: z.string().exactOptional() })
  .meta({ id: 'JobEvent' });

export const StoredFiles = z.object({ files: z.array(z.object({ name: z.string(), size: z.number(), sha256: z.string() })) }).meta({ id: 'StoredFiles' });
export const JobWithFiles = JobDocument.extend({
  inputs: z.array(z.string()).describe('input files that are there'),
  outputs: z.array(z.object({ name: z.string(), size: z.number() })),
}).meta({ id: 'JobWithFiles' });
export const Jobs = z.object({ jobs: z.array(JobDocument), next: z.string().exactOptional().describe('`after` of the next page') }).meta({ id: 'Jobs' });
export const JobIds = z.object({ ids: z.array(z.string()) }).meta({ id: 'JobIds', description: 'In the order of the request.' });
export const History = z.object({ events: z.array(Event) }).meta({ id: 'History' });

const words = ['start', 'cancel', 'pause', 'resume', 'restart', 'wipe'] as const;
export const Action = z
  .object({ action: z.enum(words), inputsOf: z.string().exactOptional().describe('with start: takes the input files of this job of yours') })
  .meta({ id: 'Action' });
export const BulkAction = Action.extend({ ids: z.array(z.string()).min(1).max(10_000) }).meta({ id: 'BulkAction' });
export const BulkAnswer = z
  .object({ done: z.array(z.string()), refused: z.array(z.object({ id: z.string(), detail: z.string() })) })
  .meta({ id: 'BulkAnswer' });

type DeepReadonly<T> = T extends (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends string | number
    ? T
    : T extends object
      ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
      : T;
/** A value as it stands in an answer. Throws when the value is not what its type says, which is a bug. */
export const encoded = <S extends z.ZodType>(schema: S, value: DeepReadonly<z.output<S>>): z.input<S> => z.encode(schema, value as z.output<S>);
export const answer = <S extends z.ZodType>(schema: S, value: DeepReadonly<z.output<S>>, init: ResponseInit = {}): Response =>
  new Response(`${JSON.stringify(encoded(schema, value))}\n`, { ...init, headers: { 'content-type': 'application/json', ...init.headers } });

export function jobDocument(job: Job): DeepReadonly<JobDocument> {
  const { id, state, attributes, submittedAt, changedAt, runs, run, exitCode, message, spec } = job;
  return {
    id,
    state,
    attributes,
    views: { ...viewsOf(job, run?.startedAt !== undefined) },
    submittedAt,
    changedAt,
    runs,
    ...(run !== undefined && { run }),
    ...(exitCode !== undefined && { exitCode }),
    ...(message !== undefined && { message }),
    spec,
    ...(state === 'PREPROCESSING' && { stageIn: `/jobs/${id}/input/` }),
  };
}
