import type { Instant } from '../units.ts';
import type { AgentFacts, JobSpec } from './job.ts';

/** What of a job a machine must satisfy. */
export type Requires = Pick<JobSpec, 'processors' | 'memoryMb' | 'wall' | 'requirements' | 'environments'>;

/** All jobs of a tenant that need the same of a machine. A match looks at classes, never at single jobs. */
export interface RequirementClass {
  /** Counted from 1 by the store. */
  readonly id: number;
  readonly tenant: string;
  readonly requires: Requires;
}

/** Evaluates a requirements expression on the machine's ad: true, or why it is not, in words. Must be pure. */
export type Meets = (
  requirements: string,
  agent: AgentFacts,
  about: Pick<RequirementClass, 'tenant' | 'requires'> & { readonly now: Instant },
) => true | string;

export const requiresOf = (spec: JobSpec): Requires => ({
  processors: spec.processors,
  memoryMb: spec.memoryMb,
  wall: spec.wall,
  ...(spec.requirements === undefined ? {} : { requirements: spec.requirements }),
  environments: [...new Set(spec.environments)].sort(),
});

/** Equal exactly for jobs of the same class. */
export const classKey = (tenant: string, r: Requires): string =>
  JSON.stringify([tenant, r.processors, r.memoryMb, r.wall, r.requirements ?? null, r.environments]);

/** The first thing that keeps jobs of the class from this machine, sizes and time before its ad; undefined: none. `meets` is asked last and only if needed. */
export function whyNot({ tenant, requires: r }: RequirementClass, agent: AgentFacts, meets: Meets, now: Instant): string | undefined {
  if (tenant !== agent.tenant) return `of tenant ${tenant}`;
  if (r.processors > agent.processors) return `needs ${r.processors} processors, the machine has ${agent.processors}`;
  if (r.memoryMb > agent.memoryMb) return `needs ${r.memoryMb} MiB of memory, the machine has ${agent.memoryMb}`;
  if (r.wall > agent.timeLeft) return `needs ${r.wall} s, the machine has ${Math.max(0, Math.floor(agent.timeLeft))} left`;
  if (r.environments.length > 0 && environmentFor(r.environments, agent) === undefined) return `needs environment ${r.environments.join(' or ')}`;
  if (r.requirements === undefined) return undefined;
  const met = meets(r.requirements, agent, { tenant, requires: r, now });
  return met === true ? undefined : met;
}

/** The first of the wanted environments that the machine offers. */
export const environmentFor = (wanted: readonly string[], agent: Pick<AgentFacts, 'environments'>): string | undefined =>
  wanted.find((name) => agent.environments.includes(name));
