import assert from 'node:assert/strict';
import { it } from 'node:test';
import { playWithQemu } from './qemu-schedule.ts';

for (const seed of [2, 3, 4, 5]) {
  it(`sixty kills among real machines, seed ${seed}`, { timeout: 900_000 }, async (t) => {
    const { machines, worked } = await playWithQemu(seed, 60);
    t.diagnostic(`${machines} machines, ${worked} of them finished their work`);
    assert.ok(worked > 0, 'some machine worked through it all');
  });
}
