import { randomBytes } from 'node:crypto';
import type { JobId } from '../../core/jobs/job.ts';
import type { Instant } from '../../core/units.ts';

const base = 36;
const perMillisecond = base ** 4;
const text = (n: number, length: number): string => n.toString(base).padStart(length, '0');

/**
 * Ids of 20 characters that sort by time: nine of the time in milliseconds, four that count within it, seven drawn. One maker's ids ascend strictly,
 * also when the clock is set back; two makers' ids of the same millisecond are in any order.
 */
export function jobIdMaker(): (now: Instant) => JobId {
  let at = 0;
  let count = 0;
  return (now) => {
    const time = Math.max(at, Math.floor(now));
    count = time === at ? count + 1 : 0;
    at = count < perMillisecond ? time : time + 1;
    count %= perMillisecond;
    const drawn = randomBytes(5).readUIntBE(0, 5) % base ** 7;
    return (text(at, 9) + text(count, 4) + text(drawn, 7)) as JobId;
  };
}
