import type { PeerStatus } from '../observed.ts';
import type { Instant } from '../units.ts';
import type { FactoryFacts } from './types.ts';

/** What this factory knows of its space at one moment, for people and monitors. Times are on its own clock. */
export interface SpaceReport {
  readonly space: string;
  /** Name of the factory that tells this. */
  readonly factory: string;
  readonly at: Instant;
  /** UDP port where the factories of the space answer. */
  readonly port: number;
  /** All configured or discovered factories, this one included, by name. */
  readonly factories: readonly FactoryReport[];
  /** Datagrams that were not believed since the daemon began, counted by why: `unsigned`, `wrong MAC`, `other space`, … */
  readonly ignored: Readonly<Record<string, number>>;
  /** What keeps this factory from its space: a port that is taken, a name that does not resolve, no multicast route, … */
  readonly problems?: readonly string[];
  /** Hosts that sent what was not believed, latest last. */
  readonly strangers?: readonly Stranger[];
  /** Fingerprint of the key that this factory signs with; absent: nothing is signed. */
  readonly key?: string;
}

export interface Stranger {
  readonly address: string;
  readonly why: string;
  readonly count: number;
  readonly at: Instant;
}

/** One factory as another sees it. */
export interface FactoryReport {
  readonly factory: string;
  /** Address that it is asked at; absent: its name is not resolved. */
  readonly address?: string;
  /** Last believed answer. */
  readonly heardAt?: Instant;
  /** Asked and not heard of since then; absent: it answers. */
  readonly silentSince?: Instant;
  /** When a silent factory is asked again. */
  readonly nextTry?: Instant;
  /** Why it is silent, where that is known: its name does not resolve, its answers are not signed, … */
  readonly why?: string;
  /** Product, version and component in its last answer. */
  readonly version?: string;
  /** Rounds in which it was asked, and those in which nothing came. */
  readonly asked?: number;
  readonly unanswered?: number;
  /** Messages of it, or in its name, that were not believed. */
  readonly rejected?: number;
  /** Its machinetypes in the last answer. Those of a silent factory do not count any more. */
  readonly machinetypes: readonly PeerStatus[];
  /** Its last `factory_status`, from the hourly census (spec/factory.md §18), and when it came. */
  readonly facts?: FactoryFacts;
  readonly factsAt?: Instant;
}
