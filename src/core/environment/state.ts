import type { EnvironmentState } from './environment.ts';

/** What the machines of an environment did. */
export interface EnvironmentHistory {
  /** Machines whose trial is over, the latest last. True: passed, it came as far as asking for work. Only the last three count. */
  readonly trials: readonly boolean[];
  /** One is being tried now. */
  readonly trying: boolean;
  /** The administrator takes it out of service. */
  readonly draining?: boolean;
}

const failuresUntilBroken = 3;

/**
 * State to publish (spec/environments.md §4.4). `stated`, the administrator's own word, counts before everything. After one or two failures it
 * is `installable` again, or `installednotverified` if another machine had passed before them, so that jobs go on trying it.
 */
export function environmentState(history: EnvironmentHistory, stated?: EnvironmentState): EnvironmentState {
  if (stated !== undefined) return stated;
  if (history.draining === true) return 'pendingremoval';
  const last = history.trials.slice(-failuresUntilBroken);
  if (last.at(-1) === true) return 'installedverified';
  if (last.length === failuresUntilBroken && last.every((passed) => !passed)) return 'installedbroken';
  if (last.includes(true)) return 'installednotverified';
  return history.trying ? 'installingautomatically' : 'installable';
}

const open: ReadonlySet<EnvironmentState> = new Set(['installable', 'installednotverified', 'installedverified']);

/** Whether jobs may be matched with an environment in this state. */
export const isOpen = (state: EnvironmentState): boolean => open.has(state);
