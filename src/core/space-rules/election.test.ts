import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { instant, later, seconds } from '../units.ts';
import { dealtAbove, type Electorate, inFirstWindow, rankOf, reachedAt, seedOf, widening, widthAt } from './election.ts';
import { hashText, mixed } from './hash.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `wn${i}.example.com`);
const electorate = (own: string, all: readonly string[], origin: string, silent: readonly string[] = []): Electorate => ({
  own: hashText(own),
  heard: all.filter((name) => name !== own && !silent.includes(name)).map(hashText),
  silent: silent.map(hashText),
  origin: hashText(origin),
  seed: seedOf('tenant', origin, '300 No work'),
});

test('all factories compute one ranking: every rank is held once, and that of the last abort comes last', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(59), (count, aborted) => {
      const all = names(count);
      const origin = all[aborted % count] ?? '';
      const ranks = all.map((own) => rankOf(electorate(own, all, origin), true));
      assert.deepEqual(
        ranks.map((r) => r.rank).sort((a, b) => a - b),
        all.map((_, i) => i),
      );
      assert.ok(ranks.every((r) => r.of === count));
      assert.equal(ranks[aborted % count]?.rank, count - 1);
      // The obvious way: sort everybody by the mixed hash.
      const seed = seedOf('tenant', origin, '300 No work');
      const sorted = all.filter((name) => name !== origin).sort((a, b) => mixed(hashText(b), seed) - mixed(hashText(a), seed));
      assert.deepEqual(
        sorted.map((name) => ranks[all.indexOf(name)]?.rank),
        sorted.map((_, i) => i),
      );
    }),
  );
});

test('the silent count at first and then no more, so that ranks only fall', () => {
  const all = names(30);
  const silent = all.slice(3, 13);
  for (const own of all.filter((name) => !silent.includes(name))) {
    const [first, then] = [rankOf(electorate(own, all, 'wn0.example.com', silent), true), rankOf(electorate(own, all, 'wn0.example.com', silent), false)];
    assert.deepEqual([first.of, then.of], [30, 20]);
    assert.ok(then.rank <= first.rank);
  }
});

test('who is first is even over factories, machinetypes and aborts (χ² over 50 factories)', () => {
  const all = names(50).map(hashText);
  const draws = 20_000;
  const wins = new Map<number, number>();
  for (let i = 0; i < draws; i++) {
    const seed = seedOf(`tenant-${i % 7}`, `wn${i % 1013}.example.com`, `300 Fizzle after ${i % 599} seconds`);
    const winner = all.reduce((best, one) => (mixed(one, seed) > mixed(best, seed) ? one : best));
    wins.set(winner, (wins.get(winner) ?? 0) + 1);
  }
  const expected = draws / all.length;
  const chi = all.reduce((sum, one) => sum + ((wins.get(one) ?? 0) - expected) ** 2 / expected, 0);
  assert.ok(chi < 94.6, `χ² = ${chi.toFixed(1)} for 49 degrees of freedom; 94.6 is exceeded once in 10,000`);
});

test('a hash depends on every character, and names of a series do not collide', () => {
  assert.equal(hashText(''), 0x811c9dc5);
  assert.equal(hashText('a'), 0xe40c292c);
  assert.equal(new Set(names(10_000).map(hashText)).size, 10_000);
  let flipped = 0;
  const ones = (n: number): number => [...(n >>> 0).toString(2)].filter((c) => c === '1').length;
  for (let i = 0; i < 1000; i++) for (let bit = 0; bit < 32; bit++) flipped += ones(mixed(i, 7) ^ mixed((i ^ (1 << bit)) >>> 0, 7));
  assert.ok(Math.abs(flipped / 32_000 - 16) < 0.5, `${flipped / 32_000} of 32 bits change`);
});

test('the first rank is reached at once, then twice as many with every half minute', () => {
  const from = instant(1_900_000_000_000);
  assert.equal(widening, 30);
  assert.deepEqual(
    [0, 29, 30, 60, 300].map((s) => widthAt(from, later(from, s))),
    [1, 1, 2, 4, 1024],
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), (many) => {
      const at = reachedAt(from, many);
      assert.ok(widthAt(from, later(at, 0.01)) >= many);
      assert.ok(many === 1 || widthAt(from, later(at, -0.01)) < many);
    }),
  );
  assert.ok(inFirstWindow(from, later(from, 30)) && !inFirstWindow(from, later(from, seconds(30.001))));
});

test('what the space may have is dealt out along the ranks, one after another', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 200 }), (of, total) => {
      const slow = Array.from({ length: of }, () => 0);
      for (let i = 0; i < total; i++) slow[i % of] = (slow[i % of] ?? 0) + 1;
      for (const [rank, own] of slow.entries()) {
        assert.ok(own === 0 || dealtAbove(own - 1, { rank, of }) <= total);
        assert.ok(dealtAbove(own, { rank, of }) > total);
      }
    }),
  );
});
