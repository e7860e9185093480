import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { instant, later, seconds, type Instant } from '../core/units.ts';
import { estimate, integrate, readResult } from './job.ts';
import { JobQueue } from './queue.ts';
import { tenantApp } from './tenant.ts';

const start = instant(1_000_000);
const newQueue = (): JobQueue => {
  let next = 0;
  return new JobQueue({ lease: seconds(10), newToken: () => `t${++next}` });
};

test('the work is the integration of a quarter circle', () => {
  const spec = { seed: 42, points: 20_000 };
  assert.ok(Math.abs(estimate(integrate(spec).hits, spec.points) - Math.PI) < 0.05);
  assert.deepEqual(integrate({ seed: 42, points: 200_000 }), { hits: 157_282, state: 495_844_258 });
});

test('a result is two numbers and nothing else', () => {
  assert.deepEqual(readResult('12 34\n'), { hits: 12, state: 34 });
  for (const bad of ['', '12', '12 34 56', '-1 2', '1e3 2', '12 34\n\n', ' 12 34', '12345678901 1']) assert.equal(readResult(bad), undefined);
});

test('a job is one machine’s at a time, and given again when its lease runs out', () => {
  const queue = newQueue();
  queue.submit({ seed: 1, points: 10 });
  const first = queue.take(start);
  assert.equal(first?.job, 1);
  assert.equal(queue.take(later(start, 9)), undefined);
  const again = queue.take(later(start, 10));
  assert.equal(again?.job, 1);
  assert.notEqual(again?.token, first?.token);
  const right = integrate({ seed: 1, points: 10 });
  assert.equal(queue.finish(first?.token ?? '', right, later(start, 11)), 'lost', 'the first machine comes too late');
  assert.equal(queue.finish(again?.token ?? '', right, later(start, 11)), 'verified');
  assert.equal(queue.finish(again?.token ?? '', right, later(start, 11)), 'lost', 'a lease is good for one result');
  assert.deepEqual(queue.counts(later(start, 11)), { submitted: 1, waiting: 0, leased: 0, verified: 1, lost: 1, wrong: 0, hits: right.hits, points: 10 });
});

test('a wrong result is refused and its job given again', () => {
  const queue = newQueue();
  queue.submit({ seed: 7, points: 10 });
  const right = integrate({ seed: 7, points: 10 });
  assert.equal(queue.finish(queue.take(start)?.token ?? '', { ...right, hits: right.hits + 1 }, start), 'wrong');
  assert.equal(queue.finish(queue.take(start)?.token ?? '', undefined, start), 'wrong');
  assert.equal(queue.finish(queue.take(start)?.token ?? '', right, start), 'verified');
});

test('a job that hangs does so for its first machine only', () => {
  const queue = newQueue();
  queue.submit({ seed: 7, points: 10 }, true);
  assert.equal(queue.take(start)?.kind, 'hang');
  assert.equal(queue.take(later(start, 20))?.kind, 'pi');
});

test('whatever machines do, every job is somewhere once and verified at most once', () => {
  const step = fc.oneof(
    fc.constant('take' as const),
    fc.record({ lease: fc.nat(20), good: fc.boolean() }),
    fc.record({ pass: fc.integer({ min: 1, max: 12 }) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (jobs, steps) => {
      const queue = newQueue();
      for (let i = 1; i <= jobs; i++) queue.submit({ seed: i, points: 3 });
      const leases: { token: string; job: number; seed: number }[] = [];
      const verified: number[] = [];
      let now: Instant = start;
      for (const s of steps) {
        if (s === 'take') {
          const lease = queue.take(now);
          if (lease) leases.push({ token: lease.token, job: lease.job, seed: lease.spec.seed });
        } else if ('pass' in s) now = later(now, s.pass);
        else {
          const lease = leases[s.lease % Math.max(1, leases.length)];
          const result = s.good && lease ? integrate({ seed: lease.seed, points: 3 }) : undefined;
          if (lease && queue.finish(lease.token, result, now) === 'verified') verified.push(lease.job);
        }
        const c = queue.counts(now);
        assert.equal(c.waiting + c.leased + c.verified, jobs);
        assert.equal(new Set(verified).size, verified.length);
        assert.equal(c.verified, verified.length);
      }
    }),
    { numRuns: 200 },
  );
});

test('over HTTP: pipe, template, lease, result', async () => {
  const queue = newQueue();
  queue.submit({ seed: 3, points: 100 });
  const options = {
    name: 'red',
    backoff: seconds(1),
    fizzle: seconds(1),
    heartbeat: seconds(1),
    maxWallclock: seconds(100),
    jobsPerMachine: 2,
    machineUrl: (port: number) => `http://169.254.169.253:${port}`,
  };
  const app = tenantApp(
    options,
    queue,
    () => 4711,
    () => start,
  );
  const pipe = (await (await app.request('/pipe.json')).json()) as { machinetypes: Record<string, unknown>[] };
  assert.equal(pipe.machinetypes[0]?.user_data_option_queue, 'http://169.254.169.253:4711');
  assert.match(await (await app.request('/user_data')).text(), /^#!\/bin\/sh\n/);
  const leased = await app.request('/leases', { method: 'POST' });
  assert.equal(leased.status, 201);
  const [token, job, kind, seed, points] = (await leased.text()).trim().split(' ');
  assert.deepEqual([job, kind, seed, points], ['1', 'pi', '3', '100']);
  assert.equal((await app.request('/leases', { method: 'POST' })).status, 204);
  const { hits, state } = integrate({ seed: 3, points: 100 });
  const put = (body: string, path = `/leases/${token}/result`): Promise<Response> =>
    Promise.resolve(app.request(path, { method: 'PUT', body, headers: { 'content-length': String(body.length) } }));
  assert.equal((await put('x'.repeat(65))).status, 413);
  assert.equal((await put('1 1', '/leases/nobody/result')).status, 409);
  assert.equal((await put(`${hits} ${state}\n`)).status, 200);
  assert.equal((await put(`${hits} ${state}\n`)).status, 409);
});
