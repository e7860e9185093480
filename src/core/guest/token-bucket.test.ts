import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { seconds } from '../units.ts';
import { type Bucket, fullBucket, type Rate, takeToken } from './token-bucket.ts';

const rate: Rate = { perSecond: 4, burst: 10 };

/** Whether each request at these times (quarters of a second, so that sums are exact) is let through. */
function taken(times: readonly number[]): boolean[] {
  let bucket: Bucket = fullBucket(rate, seconds(0));
  return times.map((quarter) => {
    const { bucket: next, wait } = takeToken(bucket, rate, seconds(quarter / 4));
    bucket = next;
    return wait === 0;
  });
}

describe('takeToken', () => {
  it('lets through as many as fit into every interval, and no fewer', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (pauses) => {
        let now = 0;
        const times = pauses.map((pause) => (now += pause));
        const passed: number[] = [];
        // Slow and obvious: one fits when in no interval up to now there were as many as its length gives and a burst.
        const expected = times.map((at) => {
          const fits = passed.every((from, i) => passed.length - i < at - from + rate.burst);
          if (fits) passed.push(at);
          return fits;
        });
        assert.deepEqual(taken(times), expected);
      }),
    );
  });

  it('says when the next one comes, and that is so', () => {
    let bucket = fullBucket(rate, seconds(100));
    for (let i = 0; i < rate.burst; i++) bucket = takeToken(bucket, rate, seconds(100)).bucket;
    const { bucket: empty, wait } = takeToken(bucket, rate, seconds(100));
    assert.equal(wait, 0.25);
    assert.equal(takeToken(empty, rate, seconds(100 + wait)).wait, 0);
    assert.ok(takeToken(empty, rate, seconds(100 + wait / 2)).wait > 0);
    assert.equal(takeToken(empty, rate, seconds(0)).wait, 0.25, 'time that goes back gives nothing');
  });
});
