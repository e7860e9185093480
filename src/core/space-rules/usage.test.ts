import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { inState, now, running } from '../../../test/decisions/world.ts';
import { later, seconds } from '../units.ts';
import { decayedUsage, remember, shiftUsage, type UsageMemory } from './usage.ts';

const day = seconds(86_400);

test('an hour that ended one half-life ago counts half', () => {
  const memory: UsageMemory = { at: now, hs06Hours: { a: 8 } };
  assert.equal(decayedUsage(memory, later(now, 86_400), day).get('a'), 4);
  assert.equal(decayedUsage(memory, now, day).get('a'), 8);
  assert.equal(decayedUsage(shiftUsage(memory, seconds(3600)), later(now, 86_400 + 3600), day).get('a'), 4, 'a step of the clock changes nothing');
});

test('a machine that runs for ever approaches half-life / ln 2', () => {
  const m = running(0, { hs06PerProcessor: 10, startedAt: later(now, -1e9) } as object);
  const used = remember(undefined, [m], now, day).hs06Hours['a'] ?? 0;
  assert.ok(Math.abs(used - (10 * 24) / Math.LN2) < 1e-6, `${used}`);
});

const anyRun = fc.record({ from: fc.integer({ min: 0, max: 5000 }), lasts: fc.integer({ min: 0, max: 5000 }), hs06: fc.integer({ min: 1, max: 20 }) });

test('whatever the moments at which it is brought up to date, the sum is that over all seconds', () => {
  fc.assert(
    fc.property(
      fc.array(anyRun, { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 9999 }), { maxLength: 5 }),
      fc.constantFrom(3600, 20_000),
      (runs, looks, halfLife) => {
        const zero = later(now, 0);
        const machinesAt = (t: number) =>
          runs
            .filter((r) => r.from < t)
            .map((r, i) => {
              const ended = r.from + r.lasts <= t;
              const about = { hs06PerProcessor: r.hs06, startedAt: later(zero, r.from), heartbeatAt: later(zero, Math.min(t, r.from + r.lasts)) };
              const m = running(i, about as object);
              return ended ? inState(m, 'finished') : m;
            });
        let memory: UsageMemory | undefined;
        for (const t of [...new Set(looks), 10_000].sort((a, b) => a - b)) memory = remember(memory, machinesAt(t), later(zero, t), seconds(halfLife));
        let slow = 0;
        for (const r of runs) for (let s = 0; s < r.lasts; s++) slow += (r.hs06 / 3600) * 2 ** (-(10_000 - (r.from + s + 0.5)) / halfLife);
        assert.ok(Math.abs((memory?.hs06Hours['a'] ?? 0) - slow) < 1e-3, `${memory?.hs06Hours['a']} and ${slow}`);
      },
    ),
    { numRuns: 60 },
  );
});
