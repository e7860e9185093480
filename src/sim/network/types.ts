import type { PeerStatus } from '../../core/observed.ts';
import type { OwnStatus } from '../../core/space/types.ts';
import type { Instant, Seconds } from '../../core/units.ts';

/** How factories hear of each other. Factories are named by their index in the scenario; `skew` is what a wall clock is ahead of the true one. */
export interface SpaceNetwork {
  /** A daemon has started. `ready`: its first round of questions is over. */
  open(factory: number, skew: Seconds, ready: () => void): void;
  /** What a factory says from now on, with times on its own clock. */
  publish(factory: number, own: OwnStatus): void;
  /** What it knows of the others, on its own clock; statuses may be added up where `oneByOne` is false and nothing depends on single ones. */
  view(factory: number, oneByOne: boolean): { readonly peers: readonly PeerStatus[]; readonly silent: readonly string[] };
  /** It answers no more; what it said last ages. */
  lost(factory: number): void;
  /** From now on these and all others do not hear of each other; ends when `heal` is called with the same name. */
  cut(name: string, factories: readonly number[]): void;
  heal(name: string): void;
  /** Datagrams from and to these factories are lost with this probability, if that is more than the network's own; undefined: no more. */
  setLoss(factories: readonly number[], loss: number | undefined): void;
  /** The wall clock of a factory has stepped. */
  shift(factory: number, by: Seconds): void;
  /** The factory has room, and only news of others can let it start something: it is woken by `onNews`. */
  await(factory: number): void;
  /** Datagrams sent up to now by all factories. */
  readonly messages: number;
}

/** Called when a waiting factory may know something that matters at `at`. */
export type OnNews = (factory: number, at: Instant) => void;

/** What networks of both kinds are told. */
export interface NetworkOptions {
  readonly names: readonly string[];
  readonly space: string;
  /** Between two questions of a factory to another. */
  readonly refresh: Seconds;
  readonly udpTimeout: Seconds;
  readonly push: boolean;
  readonly delay: Seconds;
  /** Part of the datagrams that is lost, 0 to 1. */
  readonly loss: number;
}
