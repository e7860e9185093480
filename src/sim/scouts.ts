import { type Instant, later, type Seconds } from '../core/units.ts';

interface Timing {
  readonly name: string;
  readonly backoff: Seconds;
  readonly fizzle: Seconds;
}

interface State {
  readonly timing: Timing;
  lastAbort: Instant | undefined;
  /** Starts after the back-off of the last abort, while its time for scouts lasts. */
  inWindow: number;
  windows: number[];
  /** Starts before the back-off was over, by factories that had not heard of the abort. */
  early: number;
  scouts: number;
}

/**
 * Counts scouts with full knowledge: starts between `backoff_seconds` and `backoff_seconds + fizzle_seconds` after the last abort
 * anywhere (spec/factory.md §9.3). A window is the time from one abort to the next; only windows with a scout count.
 */
export class ScoutCount {
  readonly #states: Map<string, State>;

  constructor(timings: readonly Timing[]) {
    this.#states = new Map(timings.map((timing) => [timing.name, { timing, lastAbort: undefined, inWindow: 0, windows: [], early: 0, scouts: 0 }]));
  }

  aborted(name: string, at: Instant): void {
    const state = this.#states.get(name);
    if (state === undefined || (state.lastAbort !== undefined && at <= state.lastAbort)) return;
    if (state.inWindow > 0) {
      state.windows.push(state.inWindow);
      state.inWindow = 0;
    }
    state.lastAbort = at;
  }

  started(name: string, at: Instant): void {
    const state = this.#states.get(name);
    if (state?.lastAbort === undefined) return;
    const quiet = later(state.lastAbort, state.timing.backoff);
    if (at <= quiet) state.early += 1;
    else if (at <= later(quiet, state.timing.fizzle)) {
      state.inWindow += 1;
      state.scouts += 1;
    }
  }

  of(name: string): { readonly scouts: number; readonly early: number; readonly windows: readonly number[] } {
    const state = this.#states.get(name);
    if (state === undefined) return { scouts: 0, early: 0, windows: [] };
    return { scouts: state.scouts, early: state.early, windows: state.inWindow > 0 ? [...state.windows, state.inWindow] : state.windows };
  }
}
