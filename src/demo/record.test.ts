import assert from 'node:assert/strict';
import test from 'node:test';
import type { Verdict } from '../core/decision.ts';
import type { Machine, Outcome } from '../core/machine.ts';
import { instant, later, machineId, seconds } from '../core/units.ts';
import { integrate, type JobSpec } from './job.ts';
import type { QueueCounts, WorkQueue } from './tenant-queue.ts';
import { DemoRecord } from './record.ts';
import { simulatedPace, type TenantName, tenants } from './site.ts';
import { stateOf } from './state.ts';
import { Story } from './story.ts';
import { checks, summary } from './summary.ts';

const start = instant(1_000_000_000_000);
let ids = 0;
const machine = (tenant: TenantName, slot = 0): Machine => ({
  id: machineId(`00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`),
  name: `host-0${slot}.demo.example.com`,
  slot,
  machinetype: `${tenant}-prod`,
  machinegroup: `${tenant}-prod`,
  model: 'kernel',
  processors: 1,
  memoryMb: 128,
  fizzle: seconds(1),
  machinesDirDays: 3,
  createdAt: start,
  shutdownTime: later(start, 900),
  state: 'running',
  startedAt: start,
  heartbeatAt: start,
  cpuSeconds: seconds(0),
});
function finish(record: DemoRecord, tenant: TenantName, outcome: Partial<Outcome>): void {
  const ended = { ...machine(tenant), state: 'finished', finishedAt: start, outcome: { cause: 'power-off', abort: false, ...outcome } } as Machine & {
    outcome: Outcome;
  };
  record.listener().finished?.({ machine: ended, outcome: ended.outcome });
}
function decide(record: DemoRecord, blue: Verdict): void {
  const reason = { targetShare: 1, hs06: 0, machines: 0, score: 0, groupScore: 0, fresh: 0 };
  const machinetypes = [
    { machinetype: 'red-prod', verdict: { why: 'eligible' } as const, ...reason },
    { machinetype: 'blue-prod', verdict: blue, ...reason },
  ];
  record.listener().decided?.({ at: start, actions: [], wakeAt: start, reasons: { usedProcessors: 0, totalProcessors: 4, machinetypes, order: [] } });
}
const backingOff = (message: string): Verdict => ({ why: 'backing_off', until: later(start, 10), lastAbort: start, message, factory: 'host' });
/** A queue whose jobs the test gives out and does. */
class FakeQueue implements WorkQueue {
  readonly #waiting: { readonly spec: JobSpec; readonly hangs: boolean }[] = [];
  readonly #given: { readonly spec: JobSpec; readonly hangs: boolean }[] = [];
  #done = { submitted: 0, verified: 0, lost: 0, hits: 0, points: 0 };
  submit(spec: JobSpec, hangs = false): void {
    this.#done.submitted++;
    this.#waiting.push({ spec, hangs });
  }
  counts(): QueueCounts {
    return { ...this.#done, wrong: 0, waiting: this.#waiting.length, leased: this.#given.length };
  }
  /** Gives all that wait to machines. */
  give(): void {
    this.#given.push(...this.#waiting.splice(0));
  }
  /** All machines that have a job are lost. */
  lose(): void {
    this.#done.lost += this.#given.length;
    this.#waiting.push(...this.#given.splice(0).map(({ spec }) => ({ spec, hangs: false })));
  }
  /** Does every job; a machine that hangs is lost. */
  workOff(): void {
    for (this.give(); this.#given.length > 0; this.give()) {
      for (const { spec, hangs } of this.#given.splice(0)) {
        if (hangs) {
          this.#done.lost++;
          this.#waiting.push({ spec, hangs: false });
        } else {
          this.#done.verified++;
          this.#done.hits += integrate(spec).hits;
          this.#done.points += spec.points;
        }
      }
    }
  }
}
const newQueues = () => {
  const queues = { red: new FakeQueue(), blue: new FakeQueue() };
  return { ...queues, all: new Map<TenantName, FakeQueue>(tenants.map(({ name }) => [name, queues[name]])) };
};

test('shares count only while every tenant has work, none backs off, and all have had a machine', () => {
  const record = new DemoRecord();
  const mixed = [machine('red', 0), machine('red', 1), machine('red', 2), machine('blue', 3)];
  const reds = mixed.map((m) => ({ ...m, machinetype: 'red-prod' }));
  let now = start;
  const sample = (machines: readonly Machine[], haveWork = true): void => {
    now = later(now, 10);
    record.sample(machines, 4, haveWork, now);
  };
  sample(mixed.slice(0, 2));
  sample(reds);
  assert.equal(record.reached('red'), undefined, 'blue has had no machine yet');
  sample(mixed);
  assert.equal(record.reached('red'), 0.75);
  sample(reds);
  assert.equal(record.reached('red'), 7 / 8, 'blue competes, and is without a machine');
  decide(record, backingOff('300 no more work'));
  sample(reds);
  sample(mixed, false);
  assert.equal(record.reached('red'), 7 / 8);
  decide(record, { why: 'eligible' });
  sample(reds);
  assert.equal(record.reached('red'), 7 / 8, 'not before blue has a machine again');
});

test('a queue counts as dry only for lack of work', () => {
  const record = new DemoRecord();
  decide(record, backingOff('700 Heartbeat file not updated'));
  assert.equal(record.dry.has('blue'), false);
  decide(record, backingOff('300 no more work'));
  assert.equal(record.dry.has('blue'), true);
});

test('red always has work until blue has been served twice', () => {
  const { red, blue, all } = newQueues();
  const record = new DemoRecord();
  const story = new Story(all, simulatedPace);
  story.advance(record);
  assert.ok(red.counts().waiting > 0);
  blue.workOff();
  story.advance(record);
  assert.equal(blue.counts().submitted, simulatedPace.batches[0], 'no second batch before blue was seen dry');
  decide(record, backingOff('300 no more work'));
  story.advance(record);
  assert.equal(blue.counts().submitted, simulatedPace.batches[0] + simulatedPace.batches[1]);
  assert.equal(blue.counts().lost, 1, 'the job that hung');
  blue.workOff();
  assert.deepEqual([story.closing(), story.done()], [false, false], 'red still has work');
  red.give();
  assert.deepEqual([story.closing(), story.done()], [true, false], 'all given out');
  red.lose();
  assert.equal(story.closing(), false, 'a lost lease is work again');
  red.workOff();
  story.advance(record);
  assert.equal(story.done(), true);
});

test('the summary says what held, and what did not', () => {
  const { all: queues } = newQueues();
  const record = new DemoRecord();
  const counts = (): Map<TenantName, QueueCounts> => new Map([...queues].map(([name, q]) => [name, q.counts()]));
  for (const queue of queues.values()) queue.submit({ seed: 5, points: 100 });
  const state = () => stateOf({ provider: 'sim', startedAt: start, machines: [], queues: counts(), record, why: [], now: later(start, 65) });
  const failing = checks({ state: state(), record, usage: [], ownCpu: 1, left: ['process 12'] });
  assert.deepEqual(
    failing.map((c) => c.held),
    [false, false, false, false, true, false],
  );
  for (const queue of queues.values()) queue.workOff();
  decide(record, backingOff('300 no more work'));
  decide(record, { why: 'eligible' });
  const four = [machine('red', 0), machine('red', 1), machine('red', 2), machine('blue', 3)];
  for (const at of [start, later(start, 10)]) record.sample(four, 4, true, at);
  finish(record, 'blue', { code: 700, killReason: 'heartbeat-old' });
  finish(record, 'red', { code: 200 });
  const usage = record.finished.map((m) => ({ id: m.id })) as unknown as Parameters<typeof summary>[0]['usage'];
  const ending = { state: state(), record, usage, ownCpu: 1, left: [] };
  assert.deepEqual(
    checks(ending).filter((c) => !c.held),
    [],
  );
  const text = summary(ending).join('\n');
  assert.match(text, /^1:05 on 4 slots, 2 machines by sim$/m);
  assert.match(text, /^red +75 % +75 % +1 of 1 +1 +200 ×1$/m);
  assert.match(text, /^blue +25 % +25 % +1 of 1 +1 +700 ×1$/m);
});
