import type { Seconds } from '../units.ts';
import type { Digest } from '../vacquery/cookie.ts';
import type { SpaceKey } from '../vacquery/seal.ts';
import type { FactoryReport, Stranger } from './report.ts';
import type { Endpoint } from './types.ts';

/** What the site has configured; may change while the factory runs (`configure`). */
export interface SpaceSettings {
  readonly space: string;
  /** Own name, lower-case and fully qualified. Never asked. */
  readonly factory: string;
  /** All factories of the space by their names; whether this one is among them does not matter. */
  readonly factories: readonly string[];
  /** Product and version, such as `Vacua 0.1.0`. */
  readonly version: string;
  /** Time between two questions to a factory that answers. */
  readonly refresh: Seconds;
  /** Time in which a factory may answer. */
  readonly udpTimeout: Seconds;
  /** The first signs, all verify. Empty: as Vac, nothing is signed. */
  readonly keys: readonly SpaceKey[];
  /** Names and addresses of factories that need not sign. */
  readonly acceptUnsignedFrom: ReadonlySet<string>;
  /** Tell changes at once to all factories; needs a key. */
  readonly push: boolean;
}

/** What the core cannot do itself. */
export interface SpaceTools {
  readonly digest: Digest;
  /** 44 unpredictable characters (spec/vacquery.md §5). */
  readonly salt: () => string;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Twelve random hexadecimal digits, drawn anew by each process. */
  readonly session: string;
  /** Where a factory is reached, as far as known now; asking may cause a look-up whose result is there next time. */
  readonly addressOf: (factory: string) => Endpoint | undefined;
  /** Hosts that may ask although they are no factory. */
  readonly isFriend?: (host: string) => boolean;
  /** Told when something about a peer has changed. */
  readonly onFact?: (fact: PeerFact) => void;
}

/** A turn of events about another host. `factory` is absent where only an address is known. */
export interface PeerFact {
  readonly factory?: string;
  readonly address?: string;
  readonly verdict: 'answered' | 'silent' | 'rejected';
  readonly why?: string;
}

export const rejections = [
  'garbled',
  'oversized',
  'other_space',
  'invalid',
  'unasked',
  'misnamed',
  'unsigned',
  'other_key',
  'forged',
  'replayed',
  'too_many_items',
  'limited',
] as const;
export type Rejection = (typeof rejections)[number];

export interface Counters {
  readonly received: number;
  readonly queries: number;
  readonly replies: number;
  readonly sent: number;
  readonly pushes: number;
  /** Messages of which a number could not be true and was cut. */
  readonly lies: number;
  readonly rejected: Readonly<Record<Rejection, number>>;
}

export interface MemberReport {
  /** All others, without this factory. */
  readonly factories: readonly FactoryReport[];
  readonly counters: Counters;
  /** Hosts that sent what was not believed, with the reason, latest last. */
  readonly strangers: readonly Stranger[];
  readonly fingerprint?: string;
}
