import { type Seconds, seconds } from '../units.ts';

/** Pause after the nth failure in a row (from 1): 10 s, doubling, at most 10 min. */
export const retryDelay = (failures: number): Seconds => seconds(Math.min(600, 10 * 2 ** Math.min(Math.max(failures, 1) - 1, 10)));
