import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { didYouMean, editDistance, nearest } from './suggest.ts';

/** The definition, without a table. */
function slow(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const [x, y] = [a.slice(1), b.slice(1)];
  const best = Math.min(slow(x, b) + 1, slow(a, y) + 1, slow(x, y) + (a[0] === b[0] ? 0 : 1));
  return a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0] ? Math.min(best, slow(a.slice(2), b.slice(2)) + 1) : best;
}

it('the edit distance is what its definition says', () => {
  const short = fc.stringMatching(/^[abc]{0,5}$/);
  fc.assert(fc.property(short, short, (a, b) => assert.equal(editDistance(a, b), slow(a, b))));
});

it('suggests what was meant and nothing far-fetched', () => {
  const names = ['total_processors', 'draining', 'root_image', 'target_share'];
  assert.equal(nearest('total_procesors', names), 'total_processors');
  assert.equal(nearest('drianing', names), 'draining');
  assert.equal(nearest('rootimage', names), 'root_image');
  assert.equal(nearest('colour', names), undefined);
  assert.equal(nearest('x'.repeat(10_000), names), undefined);
  assert.equal(didYouMean('colour', names), '');
});
