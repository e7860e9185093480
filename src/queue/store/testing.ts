import assert from 'node:assert/strict';
import { classKey, requiresOf } from '../../core/jobs/classes.ts';
import { type AgentFacts, type Job, type JobId, type JobSpec, jobStates } from '../../core/jobs/job.ts';
import { isOnMachine, isWaiting } from '../../core/jobs/states.ts';
import { type Instant, instant, later, seconds } from '../../core/units.ts';
import type { JobStore, LeaseToken, Taken } from '../store.ts';

/** Makers for tests of stores and of what uses them. */
export const noon = instant(Date.UTC(2030, 0, 1, 12));
export const at = (secondsAfterNoon: number): Instant => later(noon, secondsAfterNoon);

export const aSpec = (about: Partial<JobSpec> = {}): JobSpec => ({
  tenant: 'lhcb',
  owner: 'ada',
  executable: '/bin/true',
  arguments: [],
  environment: {},
  inputs: [],
  outputs: [],
  processors: 1,
  memoryMb: 1000,
  wall: seconds(600),
  priority: 0,
  retries: 2,
  rerunnable: true,
  environments: [],
  ...about,
});

export const anAgent = (about: Partial<AgentFacts> = {}): AgentFacts => ({
  machine: 'wn-1',
  tenant: 'lhcb',
  site: 'lab.example.com',
  machinetype: 'mini',
  environments: ['mini', 'VM-mini'],
  processors: 4,
  memoryMb: 8000,
  timeLeft: seconds(3600),
  ...about,
});

export const leaseTime = seconds(120);

/** Takes a job that has to be there. */
export async function taken(store: JobStore, agent: AgentFacts = anAgent(), now: Instant = at(0)): Promise<Taken & { readonly lease: LeaseToken }> {
  const answer = await store.take(agent, { now, lease: leaseTime });
  if (answer.job === undefined) throw new Error(`no job: ${JSON.stringify(answer.reasons)}`);
  return answer;
}

/** What the store counts is what its jobs are. Throws with the difference. */
export async function assertCountsFit(store: JobStore): Promise<void> {
  const jobs: Job[] = [];
  for (let after: JobId | undefined; ; ) {
    const page = await store.list({}, { limit: 500, ...(after === undefined ? {} : { after }) });
    jobs.push(...page);
    after = page.at(-1)?.id;
    if (after === undefined) break;
  }
  const counts = Object.fromEntries(jobStates.map((state) => [state, jobs.filter((j) => j.state === state).length]));
  assert.deepEqual(await store.counts(), counts);
  const expected = new Map<string, { waiting: number; running: number; oldest?: Instant }>();
  for (const job of jobs) {
    const key = classKey(job.spec.tenant, requiresOf(job.spec));
    const entry = expected.get(key) ?? { waiting: 0, running: 0 };
    if (isWaiting(job)) {
      entry.waiting++;
      entry.oldest ??= job.submittedAt;
    }
    if (isOnMachine(job)) entry.running++;
    if (entry.waiting + entry.running > 0) expected.set(key, entry);
  }
  const told = (await store.classes()).map(({ tenant, requires, ...rest }) => [classKey(tenant, requires), rest] as const);
  assert.deepEqual(new Map(told), expected);
}
