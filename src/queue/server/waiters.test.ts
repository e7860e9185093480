import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { AgentFacts, Job } from '../../core/jobs/job.ts';
import { seconds } from '../../core/units.ts';
import { StoreError, type LeaseToken, type NotTaken, type Taken } from '../store.ts';
import { FakeQueueClock, jobId, plainAgent, plainSpec } from '../testing.ts';
import { Waiters } from './waiters.ts';

/** A store with jobs that need so many processors; every question is counted. */
class FewJobs {
  readonly jobs: number[] = [];
  readonly asked: string[] = [];
  readonly back: string[] = [];
  fault: Error | undefined;
  /** While set, answers wait for it. */
  gate: Promise<void> | undefined;
  async take(agent: AgentFacts): Promise<Taken | NotTaken> {
    this.asked.push(agent.machine);
    await this.gate;
    if (this.fault) throw this.fault;
    const at = this.jobs.findIndex((processors) => processors <= agent.processors);
    if (at < 0) return { waiting: this.jobs.length, reasons: this.jobs.map((n) => ({ jobs: 1, text: `needs ${n} processors` })) };
    const [processors = 1] = this.jobs.splice(at, 1);
    const now = new FakeQueueClock().now();
    const job: Job = { id: jobId(processors), spec: plainSpec, state: 'PROCESSING-RUNNING', attributes: [], submittedAt: now, changedAt: now, runs: 1 };
    return { job, lease: `lease of ${agent.machine}` as LeaseToken };
  }
  giveBack(lease: LeaseToken): Promise<{ held: false; why: 'lost' }> {
    this.back.push(lease);
    return Promise.resolve({ held: false, why: 'lost' });
  }
}

const world = () => {
  const store = new FewJobs();
  const clock = new FakeQueueClock();
  const waiters = new Waiters(store, clock, seconds(120));
  const agent = (machine: string, processors = 1): AgentFacts => ({ ...plainAgent, machine, processors });
  const never = new AbortController().signal;
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { store, clock, waiters, agent, never, settle };
};

it('agents that wait are given jobs in the order of their coming, with one question each', async () => {
  const { store, waiters, agent, never, settle } = world();
  const got: string[] = [];
  const all = ['a', 'b', 'c'].map((name) => waiters.take(agent(name), seconds(30), never).then((answer) => got.push(`${name} ${answer.job?.id.slice(-1)}`)));
  await settle();
  assert.equal(waiters.waiting, 3);
  const before = store.asked.length;
  store.jobs.push(1);
  waiters.wake('red');
  await settle();
  assert.deepEqual([got, waiters.waiting], [['a 1'], 2]);
  assert.ok(store.asked.length - before <= 3, 'each is asked for once at most');
  store.jobs.push(1, 1);
  waiters.wake();
  await Promise.all(all);
  assert.deepEqual(got.map((text) => text[0]).sort(), ['a', 'b', 'c']);
});

it('while nothing changes the store is left in peace, but for a look now and then for jobs that came by another server', async () => {
  const { store, clock, waiters, agent, never, settle } = world();
  const waiting = Array.from({ length: 50 }, (_, i) => waiters.take(agent(`m${i}`), seconds(30), never));
  await settle();
  const atFirst = store.asked.length;
  assert.ok(atFirst <= 50);
  clock.move(4.9);
  await settle();
  assert.equal(store.asked.length, atFirst);
  store.jobs.push(1);
  clock.move(0.2);
  await settle();
  assert.equal((await waiting[0])?.job?.id, jobId(1));
  assert.ok(store.asked.length - atFirst <= 6, 'the first answer that nothing waits is true for all');
  clock.move(30);
  await settle();
  assert.equal(waiters.waiting, 0);
  const last = await waiting[49];
  assert.deepEqual(last, { waiting: 0, reasons: [] });
});

it('who cannot do a job does not keep it from those behind, and is told why at the end', async () => {
  const { store, clock, waiters, agent, never, settle } = world();
  const small = waiters.take(agent('small', 1), seconds(10), never);
  const large = waiters.take(agent('large', 8), seconds(10), never);
  await settle();
  store.jobs.push(8);
  waiters.wake('blue');
  await settle();
  assert.equal(waiters.waiting, 2, 'jobs of another tenant wake nobody');
  store.jobs.push(4);
  waiters.wake('red');
  assert.equal((await large).job?.id, jobId(8));
  clock.move(10);
  assert.deepEqual(await small, { waiting: 1, reasons: [{ jobs: 1, text: 'needs 4 processors' }] });
});

it('time goes by while an agent waits, and less of it is left', async () => {
  const { store, clock, waiters, agent, never, settle } = world();
  const left: number[] = [];
  const take = store.take.bind(store);
  store.take = (facts) => {
    left.push(facts.timeLeft);
    return take(facts);
  };
  const waiting = waiters.take({ ...agent('a'), timeLeft: seconds(100) }, seconds(30), never);
  await settle();
  clock.move(20);
  await settle();
  assert.deepEqual([left[0], left.at(-1)], [100, 80]);
  clock.move(10);
  await waiting;
});

it('the job of an agent that has gone while the store was asked is given back', async () => {
  const { store, waiters, agent, settle } = world();
  let open = (): void => undefined;
  store.gate = new Promise((resolve) => (open = resolve));
  store.jobs.push(1);
  const gone = new AbortController();
  const waiting = waiters.take(agent('a'), seconds(30), gone.signal);
  gone.abort();
  assert.equal((await waiting).job, undefined);
  open();
  await settle();
  assert.deepEqual([store.back, waiters.waiting], [['lease of a'], 0]);
});

it('an agent whose time is over while it is asked for gets what it is given', async () => {
  const { store, clock, waiters, agent, never } = world();
  let open = (): void => undefined;
  store.gate = new Promise((resolve) => (open = resolve));
  store.jobs.push(1);
  const waiting = waiters.take(agent('a'), seconds(1), never);
  clock.move(2);
  open();
  assert.equal((await waiting).job?.id, jobId(1));
});

it('a store that cannot be had is told to whoever asks; a server that stops sends everybody away', async () => {
  const { store, waiters, agent, never, settle } = world();
  store.fault = new StoreError('UNREACHABLE', 'gone');
  await assert.rejects(waiters.take(agent('a'), seconds(5), never), { code: 'UNREACHABLE' });
  store.fault = undefined;
  const waiting = waiters.take(agent('b'), seconds(5), never);
  await settle();
  const sent = assert.rejects(waiting, { code: 'unavailable', retryAfter: 2 });
  waiters.close();
  await sent;
  await assert.rejects(waiters.take(agent('c'), seconds(5), never), { code: 'unavailable' });
});

it('one machine cannot fill the queue with questions', async () => {
  const { waiters, agent, never } = world();
  const waiting = Array.from({ length: 64 }, () => waiters.take(agent('greedy'), seconds(5), never));
  await assert.rejects(waiters.take(agent('greedy'), seconds(5), never), { code: 'unavailable' });
  const modest = waiters.take(agent('modest'), seconds(5), never);
  assert.equal(waiters.waiting, 65);
  const sent = Promise.allSettled([...waiting, modest]);
  waiters.close();
  await sent;
});
