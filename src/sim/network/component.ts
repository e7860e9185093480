import type { PeerStatus } from '../../core/observed.ts';
import { abortCode } from '../../core/outcome.ts';
import type { Instant } from '../../core/units.ts';
import { History } from './history.ts';

/** Of one machinetype in all factories of a component together; on the true clock. */
export interface Sum {
  readonly hs06: number;
  readonly machines: number;
  readonly processors: number;
  readonly fresh: number;
  readonly abort?: Abort;
  /** Remembered usage, HS06 hours; absent: nobody tells any. */
  readonly usage?: number;
}
export interface Abort {
  readonly at: Instant;
  readonly message: string;
  readonly factory: string;
}
/** What one factory says, by machinetype in the order of the scenario; on the true clock. */
export type Statuses = readonly PeerStatus[];

/** Factories that hear each other, and the sum of all that they have been heard saying. */
export class Component {
  /** Those that answer. */
  readonly members = new Set<number>();
  /** What counts, by factory: of members, and of those who have been silent for less than the limit. */
  readonly held = new Map<number, History<Statuses>>();
  readonly sums: History<readonly Sum[]>;
  /** Statuses one by one, by the second as of whose end they are. */
  readonly #lists = new Map<number, Statuses>();

  /** A new one knows at first what an older one knew. */
  constructor(like?: Component) {
    for (const [factory, statuses] of like?.held ?? []) this.held.set(factory, statuses.copy());
    this.sums = like?.sums.copy() ?? new History<readonly Sum[]>([]);
  }

  /**
   * Replaces what counts of one factory. True when someone who waits might start a machine now: the last fresh one of a type has
   * gone, or the first has outlived `fizzle_seconds`.
   */
  hold(factory: number, statuses: Statuses, second: number, keepFrom: number): boolean {
    const own = this.held.get(factory) ?? new History<Statuses>([]);
    const before = own.present;
    own.set(second, statuses, keepFrom);
    this.held.set(factory, own);
    const present = this.sums.present;
    let hope = false;
    const sums = statuses.map((more, t): Sum => {
      const [old, less] = [present[t], before[t]];
      const machines = (old?.machines ?? 0) - (less?.runningMachines ?? 0) + more.runningMachines;
      const fresh = (old?.fresh ?? 0) - (less?.numBeforeFizzle ?? 0) + more.numBeforeFizzle;
      const proved = (old?.machines ?? 0) - (old?.fresh ?? 0) > 0;
      if (((old?.fresh ?? 0) > 0 && fresh === 0) || (!proved && machines - fresh > 0)) hope = true;
      const abort = laterAbort(old?.abort, more);
      const usage =
        more.usageHs06Hours === undefined && old?.usage === undefined
          ? undefined
          : (old?.usage ?? 0) - (less?.usageHs06Hours ?? 0) + (more.usageHs06Hours ?? 0);
      return {
        hs06: (old?.hs06 ?? 0) - (less?.runningHs06 ?? 0) + more.runningHs06,
        machines,
        processors: (old?.processors ?? 0) - (less?.runningProcessors ?? 0) + more.runningProcessors,
        fresh,
        ...(abort !== undefined && { abort }),
        ...(usage !== undefined && { usage }),
      };
    });
    this.sums.set(second, sums, keepFrom);
    return hope;
  }

  /** The statuses one by one, as of the end of a second that is over. Made once for all who ask for it. */
  list(second: number, keepFrom: number): Statuses {
    let list = this.#lists.get(second);
    if (list === undefined) {
      for (const known of this.#lists.keys()) if (known < keepFrom) this.#lists.delete(known);
      list = [...this.held.values()].flatMap((statuses) => statuses.at(second));
      this.#lists.set(second, list);
    }
    return list;
  }
}

function laterAbort(known: Abort | undefined, { shutdownAt: at, shutdownMessage: message, factory }: PeerStatus): Abort | undefined {
  if (at === undefined || message === undefined || (known !== undefined && at <= known.at) || abortCode(message) === undefined) return known;
  return { at, message, factory };
}
