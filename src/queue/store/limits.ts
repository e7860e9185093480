import type { AgentFacts, JobSpec } from '../../core/jobs/job.ts';
import { StoreError } from '../store.ts';

const longestName = 255;

/** Names are keys of the store and stand in its history: short, and without what a terminal or a database would choke on. */
export function checkName(what: string, name: string): void {
  if (name.length === 0 || name.length > longestName || /\p{C}/u.test(name))
    throw new StoreError('REFUSED', `${what} ${JSON.stringify(name.slice(0, 80))}: must be 1 to ${longestName} characters without control characters`);
}

const whole = (n: number, least: number, most: number): boolean => Number.isInteger(n) && n >= least && n <= most;

/** What the store itself relies on; the rest of a job is its submitter's matter. */
export function checkSpec(spec: JobSpec): void {
  checkName('tenant', spec.tenant);
  checkName('owner', spec.owner);
  if (!whole(spec.processors, 1, 1e6)) throw new StoreError('REFUSED', `processors ${spec.processors}: must be a whole number from 1`);
  if (!(spec.memoryMb >= 0 && spec.memoryMb <= 1e9)) throw new StoreError('REFUSED', `memoryMb ${spec.memoryMb}: must be MiB from 0`);
  if (!(spec.wall > 0 && spec.wall <= 1e9)) throw new StoreError('REFUSED', `wall ${spec.wall}: must be more than 0 s`);
  if (!whole(spec.priority, -1000, 1000)) throw new StoreError('REFUSED', `priority ${spec.priority}: must be a whole number from -1000 to 1000`);
  if (!whole(spec.retries, 0, 1e6)) throw new StoreError('REFUSED', `retries ${spec.retries}: must be a whole number from 0`);
}

export function checkAgent(agent: AgentFacts): void {
  checkName('machine', agent.machine);
  checkName('tenant', agent.tenant);
  // Whatever is compared with NaN seems to fit.
  for (const [name, value] of Object.entries({ processors: agent.processors, memoryMb: agent.memoryMb, timeLeft: agent.timeLeft }))
    if (typeof value !== 'number' || Number.isNaN(value)) throw new StoreError('REFUSED', `${name} of machine ${agent.machine}: must be a number`);
}
