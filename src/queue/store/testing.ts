import type { AgentFacts, JobSpec } from '../../core/jobs/job.ts';
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
