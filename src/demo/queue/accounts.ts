import type { JobDocument, JobHistory } from '../../queue/client/client.ts';
import type { JobKind } from './work.ts';

/** What became of a job, in one word. */
export type Fate = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export function fateOf({ state, attributes }: Pick<JobDocument, 'state' | 'attributes'>): Fate {
  if (state === 'TERMINAL') {
    if (attributes.some((a) => a.endsWith('-CANCEL'))) return 'cancelled';
    return attributes.some((a) => a.endsWith('-FAILURE')) ? 'failed' : 'done';
  }
  return state === 'PROCESSING-RUNNING' || state === 'POSTPROCESSING' ? 'running' : 'waiting';
}

/** How each kind of job must end, on how many runs (`again`: more than one), and where it must have run. */
export const expected: {
  readonly [K in JobKind]: { readonly fate: Fate; readonly exitCode?: number; readonly runs?: number; readonly again?: true; readonly machinetype?: string };
} = {
  pi: { fate: 'done', exitCode: 0, machinetype: 'red-pi' },
  collatz: { fate: 'done', exitCode: 0, machinetype: 'red-collatz' },
  killed: { fate: 'done', exitCode: 0, again: true, machinetype: 'red-pi' },
  once: { fate: 'failed', runs: 1, machinetype: 'red-pi' },
  fails: { fate: 'failed', exitCode: 3 },
  hangs: { fate: 'failed' },
  nobody: { fate: 'cancelled', runs: 0 },
  union: { fate: 'cancelled', runs: 0 },
};

/** What is wrong with the end of a job; undefined: it is as it must be. */
export function fault(kind: JobKind, job: JobDocument, history: JobHistory): string | undefined {
  const { fate, exitCode, runs, again, machinetype } = expected[kind];
  const tell = (what: string): string => `${kind} ${job.id} ${what}`;
  if (fateOf(job) !== fate) return tell(`is ${fateOf(job)} (${job.message ?? job.state}), not ${fate}`);
  if (exitCode !== undefined && job.exitCode !== exitCode) return tell(`has the exit code ${job.exitCode}, not ${exitCode}`);
  if (runs !== undefined && job.runs !== runs) return tell(`ran ${job.runs} times, not ${runs}`);
  if (again && job.runs < 2) return tell(`ran ${job.runs} times; its machine was killed`);
  if (machinetype !== undefined && job.run?.machinetype !== machinetype)
    return tell(`ran on a machine ${job.run?.machinetype ?? 'of no type'}, not ${machinetype}`);
  const ends = history.filter((event) => event.state === 'TERMINAL').length;
  return ends === 1 ? undefined : tell(`has ended ${ends} times`);
}
