import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Instant, instant, later, seconds } from '../units.ts';
import { causeOf, type History, inARow, ladderPause } from './ladder.ts';

const zero = instant(1_900_000_000_000);
const backoff = seconds(600);
const longest = seconds(14_400);
const abort = (s: number, message = '300 No work', factory = 'wn1') => ({ at: later(zero, s), message, factory });
const row = (aborts: History['aborts'], successes: readonly Instant[] = []): number => inARow({ aborts, successes }, backoff, longest);

test('causes by the hundreds of the code', () => {
  assert.deepEqual(['300 x', '399', '404 y', '500', '600', '700 Heartbeat', '800', '999', '200 ok', 'abc'].map(causeOf), [
    'no-work',
    'no-work',
    'banned',
    'site',
    'tenant',
    'transient',
    'other',
    'other',
    'other',
    'other',
  ]);
});

test('a row: attempts with the same answer; what ends it', () => {
  const table: [string, number, History['aborts'], (readonly Instant[])?][] = [
    ['none', 0, []],
    ['one', 1, [abort(0)]],
    ['three attempts', 3, [abort(0), abort(700), abort(2000)]],
    ['many machines that end together are one', 1, [abort(0), abort(10, '300 x', 'wn2'), abort(590, '300 y', 'wn3')]],
    ['another cause begins anew', 1, [abort(0), abort(700), abort(2000, '500 no disk')]],
    ['a success between begins anew', 2, [abort(0), abort(700), abort(2000)], [later(zero, 300)]],
    ['a success after the last one too', 1, [abort(0), abort(700), abort(2000)], [later(zero, 2500)]],
    ['long ago is forgotten', 1, [abort(0), abort(30_000)]],
  ];
  for (const [what, count, aborts, successes] of table) {
    assert.equal(row(aborts, successes), count, what);
    assert.equal(row(aborts.toReversed(), successes), count, `${what}, in another order`);
  }
});

test('the row is that of a simulation from the beginning', () => {
  const anyEnd = fc.record({ after: fc.constantFrom(5, 300, 601, 900, 5000, 28_801), message: fc.constantFrom('300 a', '300 b', '500 c', '') });
  fc.assert(
    fc.property(fc.array(anyEnd, { maxLength: 12 }), (ends) => {
      let [t, count, latest, cause] = [0, 0, Number.NEGATIVE_INFINITY, ''];
      const aborts: ReturnType<typeof abort>[] = [];
      const successes: Instant[] = [];
      for (const { after, message } of ends) {
        t += after;
        if (message === '') {
          successes.push(later(zero, t));
          cause = 'success';
          continue;
        }
        aborts.push(abort(t, message));
        const gap = t - latest;
        if (causeOf(message) !== cause || gap > 28_800) count = 1;
        else if (gap > 600) count += 1;
        [latest, cause] = [t, causeOf(message)];
      }
      if (cause === 'success') count = aborts.length === 0 ? 0 : 1;
      assert.equal(row(aborts, successes), count);
    }),
    { numRuns: 1000 },
  );
});

test('pauses double up to the greatest, less at most a tenth; the first is exact', () => {
  const at = (count: number): number => ladderPause(count, backoff, longest, 'a', 'wn1');
  assert.equal(at(1), 600);
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 60 }), fc.string(), fc.string(), (count, machinetype, factory) => {
      const pause = ladderPause(count, backoff, longest, machinetype, factory);
      const full = Math.min(14_400, 600 * 2 ** (count - 1));
      assert.ok(pause <= full && pause >= 0.9 * full);
      assert.equal(pause, ladderPause(count, backoff, longest, machinetype, factory), 'the same on every factory');
    }),
  );
  assert.equal(ladderPause(5, backoff, backoff, 'a', 'wn1') >= 600, true, 'never below backoff_seconds');
});
