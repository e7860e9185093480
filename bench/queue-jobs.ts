import type { AgentFacts, JobSpec } from '../src/core/jobs/job.ts';
import { type Instant, instant, seconds } from '../src/core/units.ts';
import type { JobStore } from '../src/queue/store.ts';

export const queued = 1_000_000;
export const classes = 100;
const owners = 10;
const perSubmission = 5_000;

/** Job `i` of a queue in which every class has jobs of every owner, and half of the classes fit the agents of this bench. */
export const jobOf = (i: number): JobSpec => ({
  tenant: 'lhcb',
  owner: `user-${Math.floor(i / classes) % owners}`,
  name: `sweep-${i}`,
  executable: 'simulate.sh',
  arguments: ['--seed', String(i), '--events', '5000'],
  environment: { SEED: String(i) },
  inputs: ['simulate.sh'],
  outputs: ['histograms.root'],
  stdout: 'out.txt',
  stderr: 'err.txt',
  processors: 1,
  memoryMb: 1000 + (i % classes) * 10,
  wall: seconds(3600),
  priority: i % 3,
  retries: 2,
  rerunnable: true,
  requirements: `other.GlueHostMainMemoryRAMSize >= ${1000 + (i % classes) * 10} && Member("VM-mini", other.GlueHostApplicationSoftwareRunTimeEnvironment)`,
  environments: [],
});

export const agentOf = (k: number): AgentFacts => ({
  machine: `wn-${k}`,
  tenant: 'lhcb',
  site: 'lab.example.com',
  machinetype: 'mini',
  environments: ['mini', 'VM-mini'],
  processors: 1,
  memoryMb: 1495,
  timeLeft: seconds(86_400),
});

export const lease = seconds(3600);
const begin = Date.UTC(2030, 0, 1);

/** Seconds that it took to submit the whole queue. */
export async function fillQueue(store: JobStore): Promise<number> {
  const from = performance.now();
  for (let i = 0; i < queued; i += perSubmission) {
    await store.submit(
      Array.from({ length: perSubmission }, (_, k) => jobOf(i + k)),
      { now: instant(begin + i), ready: true },
    );
  }
  return (performance.now() - from) / 1000;
}

/** Takes jobs with so many agents at once; milliseconds that each waited, and seconds in all. */
export async function takeJobs(
  store: JobStore,
  jobs: number,
  agents: number,
  firstAgent = 0,
): Promise<{ readonly waited: number[]; readonly seconds: number }> {
  const waited: number[] = [];
  let next = 0;
  const from = performance.now();
  const now = (k: number): Instant => instant(begin + queued + k);
  await Promise.all(
    Array.from({ length: agents }, async () => {
      while (next < jobs) {
        const k = next++;
        const asked = performance.now();
        const answer = await store.take(agentOf(firstAgent + k), { now: now(k), lease });
        waited.push(performance.now() - asked);
        if (answer.job === undefined) throw new Error('a million jobs wait, and an agent got none');
      }
    }),
  );
  return { waited, seconds: (performance.now() - from) / 1000 };
}
