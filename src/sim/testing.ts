import assert from 'node:assert/strict';
import { problemLine } from '../core/config/problem.ts';
import { readScenario } from './scenario/read.ts';
import type { Scenario } from './scenario/types.ts';

/** A scenario that must be without problems. */
export function scenarioOf(text: string): Scenario {
  const { scenario, problems } = readScenario('test.conf', text);
  assert.deepEqual(problems.map(problemLine), []);
  assert.ok(scenario !== undefined);
  return scenario;
}

/** A small busy site: red and blue with shares 3 : 1; `more` is added at the end. */
export const site = (hosts: number, more = '', simulation = ''): string => `
[simulation]
duration = 3h
report_interval = 5min
network = shared
${simulation}
[hosts wn]
count = ${hosts}
processors = 4
[machinetype red]
target_share = 3
backoff_seconds = 300
fizzle_seconds = 300
max_wallclock_seconds = 7200
min_wallclock_seconds = 600
[machinetype blue]
target_share = 1
backoff_seconds = 300
fizzle_seconds = 300
max_wallclock_seconds = 7200
min_wallclock_seconds = 600
[work red]
waiting = 60
rate = 120/h
job_length = uniform 5min 25min
fails = 3%
[work blue]
waiting = endless
job_length = exponential 10min
jobs_per_machine = 3
${more}`;
