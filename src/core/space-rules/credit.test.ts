import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { creditAt, effectiveShares } from './credit.ts';

test('credit by what a tenant has had of what its share is worth', () => {
  const table: [number, number][] = [
    [0, -0.25],
    [0.125, 0.125],
    [0.25, 0.5],
    [0.5, 0.5],
    [0.8, 0.2],
    [1, 0],
    [1.3, -0.3],
    [2, -0.5],
    [100, -0.5],
  ];
  for (const [ratio, credit] of table) assert.ok(Math.abs(creditAt(ratio, 0.5) - credit) < 1e-9, `${ratio}: ${creditAt(ratio, 0.5)}, not ${credit}`);
});

test('credit is bounded, continuous, and falls from a quarter on', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 10, noNaN: true }), fc.double({ min: 0.01, max: 0.99, noNaN: true }), (ratio, most) => {
      const credit = creditAt(ratio, most);
      assert.ok(Math.abs(credit) <= most);
      assert.ok(Math.abs(creditAt(ratio + 1e-9, most) - credit) < 1e-7);
      if (ratio >= 0.25) assert.ok(creditAt(ratio + 0.1, most) <= credit);
    }),
  );
});

test('the worked example of docs/shares.md', () => {
  const shares = effectiveShares(
    [
      { name: 'lhcb', share: 3, usage: 1500 },
      { name: 'atlas', share: 1, usage: 400 },
      { name: 'alice', share: 1, usage: 100 },
    ],
    0.5,
  );
  const rounded = [...shares].map(([name, share]) => `${name} ${share.toFixed(2)}`);
  assert.deepEqual(rounded, ['lhcb 2.25', 'atlas 1.00', 'alice 1.50']);
});

const anyTenants = fc.array(fc.record({ share: fc.constantFrom(0, -1, 0.5, 1, 3), usage: fc.constantFrom(0, 1, 50, 1e6) }), { minLength: 1, maxLength: 6 });

test('no share leaves its bounds, changes sign, or is given to who has none; usage in another unit changes nothing', () => {
  fc.assert(
    fc.property(anyTenants, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (tenants, most) => {
      const named = tenants.map((t, i) => ({ ...t, name: `t${i}` }));
      const shares = effectiveShares(named, most);
      const other = effectiveShares(
        named.map((t) => ({ ...t, usage: t.usage * 1024 })),
        most,
      );
      for (const { name, share } of named) {
        const now = shares.get(name) ?? Number.NaN;
        if (share <= 0) assert.equal(now, share);
        else assert.ok(now > 0 && now >= share * (1 - most) - 1e-9 && now <= share * (1 + most) + 1e-9);
        assert.ok(Math.abs(now - (other.get(name) ?? Number.NaN)) < 1e-9);
      }
    }),
  );
});
