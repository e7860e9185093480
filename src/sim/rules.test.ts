import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { instant, later, seconds } from '../core/units.ts';
import { Agenda } from './agenda.ts';
import { type Claim, entitlements } from './entitlement.ts';
import { seeded } from './random.ts';
import { ScoutCount } from './scouts.ts';
import { rateAt } from './work.ts';

const start = instant(Date.UTC(2030, 0, 1));

it('what is noted for the same time happens in order, what is noted for the past happens now, and the clock never goes back', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (times) => {
      const agenda = new Agenda(start);
      const ran: { at: number; order: number }[] = [];
      for (const [order, time] of times.entries()) {
        agenda.at(later(start, time), () => {
          ran.push({ at: agenda.now, order });
          if (order % 7 === 0) agenda.at(later(agenda.now, -5), () => ran.push({ at: agenda.now, order: order + 1000 }));
        });
      }
      agenda.runUntil(later(start, 30));
      const expected = ran.toSorted((a, b) => a.at - b.at);
      assert.deepEqual(
        ran.map((r) => r.at),
        expected.map((r) => r.at),
      );
      for (const [i, { at, order }] of ran.entries()) {
        const next = ran[i + 1];
        if (next?.at === at && next.order < 1000 && order < 1000) assert.ok(order < next.order);
      }
      assert.equal(agenda.now, later(start, 30));
    }),
  );
});

const claim: fc.Arbitrary<Claim> = fc.record({
  share: fc.nat(5),
  group: fc.constantFrom('a', 'b', 'c'),
  demand: fc.oneof(fc.nat(50), fc.constant(Number.POSITIVE_INFINITY)),
});

it('nobody is entitled to more than the demand, and nothing is left while someone with a share could use it', () => {
  fc.assert(
    fc.property(fc.array(claim, { minLength: 1, maxLength: 6 }), fc.nat(100), (claims, capacity) => {
      const amounts = entitlements(claims, capacity);
      const total = amounts.reduce((a, b) => a + b, 0);
      assert.ok(total <= capacity + 1e-6);
      for (const [i, { share, demand }] of claims.entries()) assert.ok((amounts[i] ?? 0) <= (share > 0 ? demand : 0) + 1e-6);
      const possible = claims.reduce((sum, { share, demand }) => sum + (share > 0 ? demand : 0), 0);
      assert.ok(Math.abs(total - Math.min(capacity, possible)) < 1e-6);
    }),
  );
});

it('entitlements follow the shares, groups first', () => {
  const endless = Number.POSITIVE_INFINITY;
  assert.deepEqual(
    entitlements(
      [
        { share: 3, group: 'a', demand: endless },
        { share: 1, group: 'b', demand: endless },
      ],
      8,
    ),
    [6, 2],
  );
  assert.deepEqual(
    entitlements(
      [
        { share: 3, group: 'a', demand: 2 },
        { share: 1, group: 'b', demand: endless },
      ],
      8,
    ),
    [2, 6],
  );
  // Two in one group: what one leaves goes to the other before anyone else.
  const claims = [
    { share: 2, group: 'a', demand: 1 },
    { share: 2, group: 'a', demand: endless },
    { share: 4, group: 'b', demand: endless },
  ];
  assert.deepEqual(entitlements(claims, 8), [1, 3, 4]);
});

it('scouts are the starts between back-off and back-off plus fizzle, counted by abort', () => {
  const count = new ScoutCount([{ name: 'red', backoff: seconds(60), fizzle: seconds(30) }]);
  count.started('red', start);
  count.aborted('red', start);
  count.started('red', later(start, 60));
  count.started('red', later(start, 61));
  count.started('red', later(start, 90));
  count.aborted('red', later(start, 95));
  count.started('red', later(start, 160));
  count.started('red', later(start, 186));
  assert.deepEqual(count.of('red'), { scouts: 3, early: 1, windows: [2, 1] });
});

it('the rate of arrivals follows the time of day, through midnight', () => {
  const steps = [
    { from: 6 * 3600, perSecond: 1 },
    { from: 18 * 3600, perSecond: 2 },
  ];
  assert.deepEqual(rateAt(steps, later(start, 3600)), { perSecond: 2, until: later(start, 6 * 3600) });
  assert.deepEqual(rateAt(steps, later(start, 6 * 3600)), { perSecond: 1, until: later(start, 18 * 3600) });
  assert.deepEqual(rateAt(steps, later(start, 20 * 3600)), { perSecond: 2, until: later(start, 30 * 3600) });
});

it('random sources are repeatable, independent by name, and even', () => {
  const draw = (name: string, n: number): number[] => {
    const random = seeded(7, name);
    return Array.from({ length: n }, random);
  };
  assert.deepEqual(draw('a', 5), draw('a', 5));
  assert.notDeepEqual(draw('a', 5), draw('b', 5));
  const many = draw('c', 20_000);
  assert.ok(Math.abs(many.reduce((a, b) => a + b, 0) / many.length - 0.5) < 0.01);
});
