import type { Instant } from '../units.ts';

/** Steps of one evaluation; work on long strings and lists counts as several. More give error, so that nothing hangs. */
export const maxSteps = 100_000;
/** References to attributes within each other (spec/environments.md §3.6). */
export const maxReferences = 200;
/** Operations within each other, across references: keeps the stack bounded. */
export const maxNesting = 500;
/** UTF-16 units of a string that a function makes. */
export const maxString = 1_048_576;

/** What a function may ask of the evaluation that calls it. */
export interface Meter {
  readonly now: Instant;
  /** Counts work as so many steps, and ends the evaluation when they are used up. */
  charge(steps: number): void;
}
