import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { parseJdl } from '../core/jdl/jdl.ts';
import { description, estimate, integrate, piProgram, readResult } from './job.ts';

test('the work is the integration of a quarter circle', () => {
  const spec = { seed: 42, points: 20_000 };
  assert.ok(Math.abs(estimate(integrate(spec).hits, spec.points) - Math.PI) < 0.05);
  assert.deepEqual(integrate({ seed: 42, points: 200_000 }), { hits: 157_282, state: 495_844_258 });
});

test('a result is two numbers and nothing else', () => {
  assert.deepEqual(readResult('12 34\n'), { hits: 12, state: 34 });
  for (const bad of ['', '12', '12 34 56', '-1 2', '1e3 2', '12 34\n\n', ' 12 34', '12345678901 1']) assert.equal(readResult(bad), undefined);
});

test('the guest’s awk and this program agree to the last digit, with the arguments that the description of a job gives it', () => {
  for (const spec of [
    { seed: 1, points: 1 },
    { seed: 2_147_483_646, points: 5000 },
    { seed: 123_456_789, points: 20_000 },
  ]) {
    const job = parseJdl(description(spec, false)).description;
    assert.ok(job);
    assert.deepEqual(job.arguments, ['-v', `seed=${spec.seed}`, '-v', `n=${spec.points}`, piProgram]);
    const { stdout }: { stdout: string } = spawnSync('busybox', ['awk', ...job.arguments], { encoding: 'utf8' });
    const { hits, state } = integrate(spec);
    assert.equal(stdout, `${hits} ${state}\n`);
  }
});
