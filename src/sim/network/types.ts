import type { MachinetypeFacts } from '../../core/space/types.ts';
import type { PeerStatus } from '../../core/observed.ts';
import type { Instant, Seconds } from '../../core/units.ts';

/** What one factory says of one machinetype; times on its own clock. */
export type Told = Pick<
  MachinetypeFacts,
  'machinetype' | 'runningHs06' | 'runningMachines' | 'runningProcessors' | 'numBeforeFizzle' | 'shutdownMessage' | 'shutdownAt'
>;

/** How factories hear of each other. Factories are named by their index in the scenario; `skew` is what a wall clock is ahead of the true one. */
export interface SpaceNetwork {
  /** What a factory says from now on. Saying something makes it reachable again. */
  publish(factory: number, told: readonly Told[], skew: Seconds): void;
  /** What it knows of the others, on its own clock; statuses may be added up where `oneByOne` is false and nothing depends on single ones. */
  view(factory: number, skew: Seconds, oneByOne: boolean): readonly PeerStatus[];
  /** It answers no more; what it said last ages. */
  lost(factory: number): void;
  /** From now on these and all others do not hear of each other; ends when `heal` is called with the same name. */
  cut(name: string, factories: readonly number[]): void;
  heal(name: string): void;
  /** Datagrams of these factories are lost with this probability, on top of the network's own; undefined: no more. */
  setLoss(factories: readonly number[], loss: number | undefined): void;
  /** The wall clock of a factory has stepped. */
  shift(factory: number, by: Seconds): void;
  /** The factory has room, and only news of others can let it start something: it is woken by `onNews`. */
  await(factory: number): void;
  /** Datagrams sent up to now by all factories. */
  readonly messages: number;
}

/** Called at the moment when a waiting factory may know something that matters. */
export type OnNews = (factory: number, at: Instant) => void;
