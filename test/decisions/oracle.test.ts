import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decideSituation } from '../../src/core/situation/situation.ts';
import { anySituation } from './arbitrary.ts';
import { slowDecision } from './oracle.ts';

test('under vac31 the choice is that of spec/factory.md §8.2–8.4 worked out a second time, slowly', () => {
  fc.assert(
    fc.property(anySituation, fc.nat(), (situation, seed) => {
      let state = seed;
      const random = (): number => (state = (state * 48_271 + 11) % 2_147_483_647) / 2_147_483_647;
      const fast = decideSituation(situation, 'vac31', random);
      const slow = slowDecision(situation);
      assert.equal(fast.reason, slow.reason);
      if (slow.reason === undefined) {
        const { machinetype, processors, superslot, slot, ends_in } = fast;
        assert.ok(
          slow.choices.some((c) => JSON.stringify(c) === JSON.stringify({ machinetype, processors, superslot, slot, ends_in })),
          `${JSON.stringify(fast)} is none of ${JSON.stringify(slow.choices)}`,
        );
      }
      assert.deepEqual(fast.destroyed_slots, slow.destroyed);
      assert.deepEqual(fast.messages_written ?? {}, slow.messages);
      assert.deepEqual(fast.ends_in_changed ?? {}, slow.shortened);
    }),
    { numRuns: 2000 },
  );
});
