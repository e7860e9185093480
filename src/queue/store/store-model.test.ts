import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { JobId, JobSpec } from '../../core/jobs/job.ts';
import { seconds } from '../../core/units.ts';
import type { JobStore, LeaseToken } from '../store.ts';
import { contractOptions } from './store-contract.ts';
import { SqliteStore } from './sqlite-store.ts';
import { anAgent, aSpec, assertCountsFit, at, leaseTime } from './testing.ts';

type Order =
  | { readonly kind: 'submit'; readonly about: Partial<JobSpec> }
  | { readonly kind: 'take'; readonly about: Parameters<typeof anAgent>[0] }
  | { readonly kind: 'begin' | 'renew' | 'giveBack' | 'finish' | 'cancel'; readonly which: number }
  | { readonly kind: 'pass'; readonly time: number };

const oneOf = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const anyOrder: fc.Arbitrary<Order> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({ owner: oneOf('ada', 'bob'), priority: fc.nat(1), processors: oneOf(1, 2), retries: fc.nat(1), rerunnable: fc.boolean() })
      .map((about) => ({ kind: 'submit', about }) as const),
  },
  { weight: 4, arbitrary: fc.record({ processors: oneOf(1, 2) }).map((about) => ({ kind: 'take', about }) as const) },
  { weight: 5, arbitrary: fc.record({ kind: oneOf('begin', 'renew', 'giveBack', 'finish', 'cancel'), which: fc.nat(7) }) },
  { weight: 2, arbitrary: fc.record({ kind: oneOf('pass'), time: oneOf(10, 60, 130) }) },
);

interface Run {
  readonly lease: LeaseToken;
  readonly job: Plain;
  readonly takenAt: number;
  until: number;
  begun: boolean;
}
interface Plain {
  readonly id: JobId;
  readonly spec: JobSpec;
  state: 'waiting' | 'running' | 'cancelling' | 'over';
  run: Run | undefined;
  runs: number;
  lost: number;
}

/** The rules of a store over a plain list, which looks at every job each time. */
class Oracle {
  readonly jobs: Plain[] = [];
  readonly #used = new Map<string, number>();

  best(processors: number): Plain | undefined {
    const running = (owner: string): number =>
      this.jobs.filter((j) => j.spec.owner === owner && j.run !== undefined).reduce((n, j) => n + j.spec.processors, 0);
    const fitting = this.jobs.filter((j) => j.state === 'waiting' && j.spec.processors <= processors);
    const byOwner = Map.groupBy(fitting, (j) => j.spec.owner);
    const first = [...byOwner.values()].map((jobs) => jobs.toSorted((a, b) => b.spec.priority - a.spec.priority || (a.id < b.id ? -1 : 1))[0] as Plain);
    const used = (owner: string): number => this.#used.get(owner) ?? 0;
    return first.toSorted((a, b) => running(a.spec.owner) - running(b.spec.owner) || used(a.spec.owner) - used(b.spec.owner) || (a.id < b.id ? -1 : 1))[0];
  }
  end(job: Plain, now: number, state: Plain['state']): void {
    const { owner, processors } = job.spec;
    this.#used.set(owner, (this.#used.get(owner) ?? 0) + processors * (now - (job.run?.takenAt ?? now)));
    job.run = undefined;
    job.state = state;
  }
  pass(now: number): void {
    for (const job of this.jobs) {
      const { run } = job;
      if (run === undefined || run.until > now) continue;
      if (job.state === 'cancelling') this.end(job, now, 'over');
      else {
        job.lost++;
        this.end(job, now, (run.begun && !job.spec.rerunnable) || job.lost > job.spec.retries ? 'over' : 'waiting');
      }
    }
  }
}

/** One order on both; every answer must agree. */
async function apply(store: JobStore, oracle: Oracle, order: Order, runs: Run[], now: number): Promise<void> {
  const time = at(now);
  switch (order.kind) {
    case 'submit': {
      const spec = aSpec(order.about);
      const [id] = await store.submit([spec], { now: time, ready: true });
      oracle.jobs.push({ id: id as JobId, spec, state: 'waiting', run: undefined, runs: 0, lost: 0 });
      return;
    }
    case 'take': {
      const answer = await store.take(anAgent(order.about), { now: time, lease: leaseTime });
      const job = oracle.best(order.about?.processors ?? 0);
      assert.equal(answer.job?.id, job?.id);
      if (answer.job === undefined || job === undefined) return;
      job.state = 'running';
      job.runs++;
      job.run = { lease: answer.lease, job, takenAt: now, until: now + leaseTime, begun: false };
      runs.push(job.run);
      return;
    }
    case 'pass':
      await store.expire(time);
      oracle.pass(now);
      return;
    case 'cancel': {
      const job = oracle.jobs[order.which];
      if (job === undefined) return;
      const allowed = job.state === 'waiting' || job.state === 'running';
      assert.equal(
        await store.act(job.id, 'cancel', 'ada', time).then(
          () => true,
          () => false,
        ),
        allowed,
      );
      if (allowed) job.state = job.state === 'waiting' ? 'over' : 'cancelling';
      return;
    }
    default:
      return call(store, oracle, order.kind, runs[runs.length - 1 - order.which], now);
  }
}

async function call(store: JobStore, oracle: Oracle, kind: 'begin' | 'renew' | 'giveBack' | 'finish', run: Run | undefined, now: number): Promise<void> {
  if (run === undefined) return;
  const { job, lease } = run;
  const holds = job.run === run;
  const before = job.state;
  const time = at(now);
  const calls = {
    begin: () => store.begin(lease, time),
    renew: () => store.renew(lease, { now: time, lease: leaseTime }),
    giveBack: () => store.giveBack(lease, 'x', time),
    finish: () => store.finish(lease, { kind: 'exited', exitCode: 0, wall: seconds(1) }, time),
  };
  const { held } = await calls[kind]();
  if (holds) assert.equal(held, before === 'running');
  else if (kind !== 'finish') assert.equal(held, false);
  if (!holds) return;
  if (before === 'cancelling') oracle.end(job, now, 'over');
  else if (kind === 'begin') run.begun = true;
  else if (kind === 'renew') run.until = now + leaseTime;
  else oracle.end(job, now, kind === 'giveBack' && !(run.begun && !job.spec.rerunnable) ? 'waiting' : 'over');
}

const stateOf = { waiting: 'PROCESSING-QUEUED', running: 'PROCESSING-RUNNING', cancelling: 'POSTPROCESSING', over: 'TERMINAL' } as const;

describe('a store against a plain list', { concurrency: false }, () => {
  let dir: string;
  let files = 0;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'vacua-store-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('gives the same jobs, holds the same leases, ends the same way; an at-most-once job begins once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyOrder, { minLength: 10, maxLength: 60 }), async (orders) => {
        const store = new SqliteStore(join(dir, `${++files}.sqlite`), contractOptions);
        await store.open();
        try {
          const oracle = new Oracle();
          const runs: Run[] = [];
          let now = 0;
          for (const order of orders) {
            now += order.kind === 'pass' ? order.time : 1;
            await apply(store, oracle, order, runs, now);
          }
          for (const job of oracle.jobs) {
            const kept = await store.job(job.id);
            assert.deepEqual([kept?.state, kept?.runs], [stateOf[job.state], job.runs]);
            const begun = (await store.history(job.id)).filter((e) => e.text === 'begun').length;
            if (!job.spec.rerunnable) assert.ok(begun <= 1);
          }
          await assertCountsFit(store);
        } finally {
          await store.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
