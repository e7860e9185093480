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
  /** Its machinetypes in the last answer. Those of a silent factory do not count any more. */
  readonly machinetypes: readonly PeerStatus[];
  /** Its last `factory_status`, when it has been asked for one. */
  readonly facts?: FactoryFacts;
}
