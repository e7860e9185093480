import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { newPart } from './follow.ts';

it('what was added to a text is its new part', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (before, added) => assert.deepEqual([...newPart(before, Buffer.concat([before, added]))], [...added])),
  );
});

it('also when its oldest part was cut off meanwhile', () => {
  const before = Buffer.from(Array.from({ length: 200 }, (_, i) => `line ${i}\n`).join(''));
  const now = Buffer.from([...before.subarray(700), ...Buffer.from('more\n')]);
  assert.equal(Buffer.from(newPart(before, now)).toString(), 'more\n');
});

it('a text that is not recognised is new as a whole', () => {
  assert.equal(Buffer.from(newPart(Buffer.from('old'), Buffer.from('entirely'))).toString(), 'entirely');
});
