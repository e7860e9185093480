import { z } from 'zod';
import type { Machinetype } from '../machinetype.ts';

const count = z.int().min(0).max(1e9);
const Jobs = z.object({ waiting: count, running: count });
export type Jobs = z.infer<typeof Jobs>;

/** Answer of a queue to `GET /demand` (src/queue/agent-protocol.md). Hostile: bounded, and further keys are not looked at. */
const DemandAnswer = z.object({
  tenant: z.string().max(128),
  environments: z.record(z.string().max(256), Jobs).refine((all) => Object.keys(all).length <= 10_000, 'at most 10000 environments are valid'),
  unbound: Jobs,
});
export type DemandAnswer = z.infer<typeof DemandAnswer>;

/** The counts in an answer, or what is wrong with it. */
export function readDemand(body: Uint8Array): DemandAnswer | { readonly wrong: string } {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return { wrong: 'the answer is not JSON; valid: {"tenant": …, "environments": {…}, "unbound": {…}}' };
  }
  const read = DemandAnswer.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  return { wrong: `the answer has no usable ${issue?.path.map(String).join('.').slice(0, 100) || 'form'}: ${issue?.message ?? ''}` };
}

/**
 * Jobs that each of the machinetypes of one tenant is to have machines for, so that no job is counted twice. The jobs of an environment
 * belong to the first machinetype, as configured, that is this environment; jobs that need none belong to the first that is none in
 * particular, else to the first.
 */
export function sharedDemand(answer: DemandAnswer, types: readonly Pick<Machinetype, 'name' | 'environments' | 'targetShare'>[]): ReadonlyMap<string, Jobs> {
  const able = types.filter((type) => type.targetShare > 0);
  const sums = new Map<string, Jobs>(types.map(({ name }) => [name, { waiting: 0, running: 0 }]));
  const add = (name: string | undefined, { waiting, running }: Jobs): void => {
    const sum = name === undefined ? undefined : sums.get(name);
    if (name !== undefined && sum !== undefined) sums.set(name, { waiting: sum.waiting + waiting, running: sum.running + running });
  };
  for (const [environment, jobs] of Object.entries(answer.environments)) {
    add(able.find((type) => type.environments?.includes(environment))?.name, jobs);
  }
  add((able.find((type) => (type.environments ?? []).length === 0) ?? able[0])?.name, answer.unbound);
  return sums;
}
