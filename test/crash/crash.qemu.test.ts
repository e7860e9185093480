import assert from 'node:assert/strict';
import { it } from 'node:test';
import { playWithQemu } from './qemu-schedule.ts';

it('a daemon killed at every step loses, leaks, doubles and harms no real machine (design §4.7)', { timeout: 600_000 }, async (t) => {
  const { machines, worked } = await playWithQemu(1, 24);
  t.diagnostic(`${machines} machines, ${worked} of them finished their work`);
  assert.ok(worked > 0, 'some machine worked through it all');
});
