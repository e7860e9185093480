import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { instant, seconds } from '../units.ts';
import { classKey, type Meets, type RequirementClass, requiresOf, whyNot } from './classes.ts';
import { charged, noUsage, type OwnerUsage, usedAt } from './fair.ts';
import type { AgentFacts, JobId, JobSpec } from './job.ts';
import { bestLine, type Line } from './match.ts';

const now = instant(1e12);
const halfLife = seconds(3600);
const meets: Meets = (text, agent) => text === agent.machinetype || 'another machinetype';

interface Waiting {
  readonly id: JobId;
  readonly spec: JobSpec;
}

const anySpec = fc.record({
  tenant: fc.constantFrom('red', 'blue'),
  owner: fc.constantFrom('ada', 'bob', 'cyd'),
  processors: fc.constantFrom(1, 4),
  memoryMb: fc.constantFrom(1000, 4000),
  wall: fc.constantFrom(60, 3600).map(seconds),
  priority: fc.integer({ min: -1, max: 1 }),
  environments: fc.constantFrom<string[]>([], ['a'], ['b', 'a'], ['a', 'b']),
  requirements: fc.option(fc.constantFrom('mini', 'big'), { nil: undefined }),
}) as fc.Arbitrary<Partial<JobSpec>> as fc.Arbitrary<JobSpec>;
const anyAgent = fc.record({
  tenant: fc.constantFrom('red', 'blue'),
  processors: fc.constantFrom(1, 4),
  memoryMb: fc.constantFrom(2000, 4000),
  timeLeft: fc.constantFrom(60, 5000).map(seconds),
  environments: fc.constantFrom<string[]>([], ['a'], ['b']),
  machinetype: fc.constantFrom('mini', 'big'),
  boundTo: fc.option(fc.constantFrom('ada', 'bob'), { nil: undefined }),
}) as fc.Arbitrary<Partial<AgentFacts>> as fc.Arbitrary<AgentFacts>;
const anyUsage = fc.array(
  fc.record({ owner: fc.constantFrom<string[]>('ada', 'bob', 'cyd'), running: fc.nat(2), used: fc.constantFrom(0, 10, 20), ago: fc.constantFrom(0, 3600) }),
);

/** The rule as it is documented, job by job. */
function slowly(jobs: readonly Waiting[], agent: AgentFacts, usageOf: (owner: string) => OwnerUsage): JobId | undefined {
  const fitting = jobs.filter(
    ({ spec }) =>
      spec.tenant === agent.tenant &&
      spec.processors <= agent.processors &&
      spec.memoryMb <= agent.memoryMb &&
      spec.wall <= agent.timeLeft &&
      (spec.environments.length === 0 || spec.environments.some((e) => agent.environments.includes(e))) &&
      (spec.requirements === undefined || spec.requirements === agent.machinetype) &&
      (agent.boundTo === undefined || spec.owner === agent.boundTo),
  );
  const bestOf = (owner: string): Waiting | undefined =>
    fitting.filter((j) => j.spec.owner === owner).sort((a, b) => b.spec.priority - a.spec.priority || (a.id < b.id ? -1 : 1))[0];
  const offers = [...new Set(fitting.map((j) => j.spec.owner))].flatMap((owner) => bestOf(owner) ?? []);
  return offers.sort((a, b) => {
    const [x, y] = [usageOf(a.spec.owner), usageOf(b.spec.owner)];
    return x.running - y.running || usedAt(x, now, halfLife) - usedAt(y, now, halfLife) || (a.id < b.id ? -1 : 1);
  })[0]?.id;
}

/** Classes and lines as a store keeps them. */
function sorted(jobs: readonly Waiting[]): { readonly classes: readonly RequirementClass[]; readonly lines: readonly Line[] } {
  const classes: RequirementClass[] = [];
  const lines = new Map<string, Line>();
  for (const { id, spec } of jobs) {
    const requires = requiresOf(spec);
    let of = classes.find((c) => classKey(c.tenant, c.requires) === classKey(spec.tenant, requires));
    if (of === undefined) classes.push((of = { id: classes.length + 1, tenant: spec.tenant, requires }));
    const key = `${of.id} ${spec.owner}`;
    const line = lines.get(key);
    const head = { rank: -spec.priority, id };
    const first = line?.head === undefined || head.rank < line.head.rank || (head.rank === line.head.rank && head.id < line.head.id);
    lines.set(key, { class: of.id, tenant: spec.tenant, owner: spec.owner, waiting: (line?.waiting ?? 0) + 1, head: first ? head : (line?.head ?? head) });
  }
  return { classes, lines: [...lines.values()] };
}

describe('which job a machine gets', () => {
  it('the match by classes and lines is the one that looks at every job', () => {
    fc.assert(
      fc.property(fc.array(anySpec, { maxLength: 30 }), anyAgent, anyUsage, (specs, agent, usages) => {
        const jobs = specs.map((spec, i) => ({ id: `job${String((i * 7) % 31).padStart(2, '0')}` as JobId, spec }));
        const usage = new Map(
          usages.map((u) => [u.owner, { tenant: agent.tenant, owner: u.owner, running: u.running, used: u.used, at: instant(now - u.ago * 1000) }]),
        );
        const usageOf = (owner: string): OwnerUsage => usage.get(owner) ?? noUsage(agent.tenant, owner, now);
        const { classes, lines } = sorted(jobs);
        const eligible = (id: number): boolean => classes.some((c) => c.id === id && whyNot(c, agent, meets, now) === undefined);
        assert.equal(bestLine(lines, { eligible, usageOf, boundTo: agent.boundTo, now, halfLife })?.head.id, slowly(jobs, agent, usageOf));
      }),
      { numRuns: 500 },
    );
  });

  it('jobs are of one class exactly when they need the same; the order of environments does not matter', () => {
    fc.assert(
      fc.property(anySpec, anySpec, (a, b) => {
        const same =
          a.tenant === b.tenant &&
          a.processors === b.processors &&
          a.memoryMb === b.memoryMb &&
          a.wall === b.wall &&
          a.requirements === b.requirements &&
          a.environments.toSorted().join() === b.environments.toSorted().join();
        assert.equal(classKey(a.tenant, requiresOf(a)) === classKey(b.tenant, requiresOf(b)), same);
      }),
    );
  });
});

describe('recent usage of an owner', () => {
  it('counts half after one half-life; a clock set back forgets nothing', () => {
    const u = charged(noUsage('red', 'ada', now), 1000, now, halfLife);
    assert.equal(usedAt(u, instant(now + 3_600_000), halfLife), 500);
    assert.equal(usedAt(u, instant(now - 3_600_000), halfLife), 1000);
    assert.equal(charged(u, 100, instant(now + 7_200_000), halfLife).used, 350);
    assert.equal(charged(u, -5, now, halfLife).used, 1000);
    assert.equal(charged(u, 0, instant(now - 1000), halfLife).at, now);
  });
});
