import { type Instant, instant, type Seconds, seconds, unixSeconds } from '../units.ts';

/** What a job has read of Machine/Job Features. Everything may be unknown. */
export interface KnownFeatures {
  readonly totalCpu?: number;
  readonly hs06?: number;
  readonly shutdowntime?: Instant;
  readonly graceSecs?: Seconds;
  readonly allocatedCpu?: number;
  readonly hs06Job?: number;
  readonly shutdowntimeJob?: Instant;
  readonly graceSecsJob?: Seconds;
  readonly jobstart?: Instant;
  readonly jobId?: string;
  readonly wallLimit?: Seconds;
  readonly cpuLimit?: Seconds;
  readonly maxRssBytes?: number;
  readonly maxSwapBytes?: number;
  readonly scratchLimitBytes?: number;
}

/** Text of each key that could be read; a key that is missing is absent. */
export type KeyTexts = ReadonlyMap<string, string>;

type Place = 'machine' | 'job';
const integer = /^\d{1,15}$/;
const float = /^\d{1,15}(\.\d*)?$|^\.\d+$/;

/**
 * Parses what a reader has found, white space ignored. A value that does not parse counts as missing and is reported;
 * old names are used when the new one is missing (spec/machine-job-features.md §2, §3.3).
 */
export function readFeatures(machine: KeyTexts, job: KeyTexts): { readonly features: KnownFeatures; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const number = (place: Place, form: RegExp, factor: number, ...names: readonly string[]): number | undefined => {
    for (const name of names) {
      const text = (place === 'machine' ? machine : job).get(name)?.trim();
      if (text === undefined) continue;
      if (form.test(text)) return Number(text) * factor;
      problems.push(`${place}features/${name}: "${text.slice(0, 40)}" is not ${form === integer ? 'a whole number' : 'a number'}`);
    }
    return undefined;
  };
  const count = (place: Place, ...names: readonly string[]): number | undefined => number(place, integer, 1, ...names);
  const duration = (place: Place, ...names: readonly string[]): Seconds | undefined => map(count(place, ...names), seconds);
  const moment = (place: Place, name: string): Instant | undefined => map(number(place, integer, 1000, name), instant);
  const jobId = job.get('job_id')?.trim();
  const all = {
    totalCpu: count('machine', 'total_cpu', 'log_cores', 'phys_cores'),
    hs06: number('machine', float, 1, 'hs06'),
    shutdowntime: moment('machine', 'shutdowntime'),
    graceSecs: duration('machine', 'grace_secs'),
    allocatedCpu: count('job', 'allocated_cpu', 'allocated_CPU'),
    hs06Job: number('job', float, 1, 'hs06_job'),
    shutdowntimeJob: moment('job', 'shutdowntime_job'),
    graceSecsJob: duration('job', 'grace_secs_job'),
    jobstart: moment('job', 'jobstart_secs'),
    jobId: jobId === '' ? undefined : jobId,
    wallLimit: duration('job', 'wall_limit_secs'),
    cpuLimit: duration('job', 'cpu_limit_secs'),
    maxRssBytes: count('job', 'max_rss_bytes') ?? number('job', integer, 1e6, 'mem_limit_MB'),
    maxSwapBytes: count('job', 'max_swap_bytes'),
    scratchLimitBytes: count('job', 'scratch_limit_bytes') ?? number('job', float, 1e9, 'disk_limit_GB'),
  };
  return { features: withoutUnknown(all), problems };
}

export interface TimeLeft {
  /** Absent: unknown, which is not 0. */
  readonly wall?: Seconds;
  readonly cpu?: Seconds;
  /** HS06 seconds. */
  readonly work?: number;
  /** False: what is left is within the grace period, so that no new package of work should be begun. */
  readonly mayStartWork: boolean;
}

/**
 * How long a job may still run (spec/machine-job-features.md §5): the nearest of the known ends; never negative.
 * `cpuUsed`: of all processes of the job; `localShutdown`: from a file that the host may set.
 */
export function timeLeft(features: KnownFeatures, now: Instant, more: { readonly cpuUsed?: Seconds; readonly localShutdown?: Instant } = {}): TimeLeft {
  const { jobstart, wallLimit, allocatedCpu, hs06Job, cpuLimit } = features;
  const limitEnd = jobstart === undefined || wallLimit === undefined ? undefined : instant(jobstart + wallLimit * 1000);
  const ends = [limitEnd, features.shutdowntimeJob, features.shutdowntime, more.localShutdown].filter((end) => end !== undefined);
  const wall = ends.length === 0 ? undefined : seconds(Math.max(0, Math.min(...ends.map(unixSeconds)) - unixSeconds(now)));
  const cpu = cpuLimit === undefined || more.cpuUsed === undefined ? undefined : seconds(Math.max(0, cpuLimit - more.cpuUsed));
  const cpuByWall = wall === undefined || allocatedCpu === undefined ? undefined : wall * allocatedCpu;
  const cpuSeconds = Math.min(cpuByWall ?? Number.POSITIVE_INFINITY, cpu ?? Number.POSITIVE_INFINITY);
  const work = hs06Job === undefined || !allocatedCpu || !Number.isFinite(cpuSeconds) ? undefined : (cpuSeconds * hs06Job) / allocatedCpu;
  return { ...withoutUnknown({ wall, cpu, work }), mayStartWork: wall === undefined || wall > (features.graceSecsJob ?? 0) };
}

const map = <A, B>(value: A | undefined, to: (value: A) => B): B | undefined => (value === undefined ? undefined : to(value));

type Known<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
function withoutUnknown<T extends object>(all: T): Known<T> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Known<T>;
}
