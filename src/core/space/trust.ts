import type { JsonObject } from '../vacquery/json.ts';
import { fits, type Seal, sealed, sealOf, type SpaceKey } from '../vacquery/seal.ts';
import { recent } from './recent.ts';

export type Distrust = 'unsigned' | 'other_key' | 'forged' | 'replayed';
export type Trusted =
  | { readonly trusted: true; readonly seal?: Seal }
  /** `fingerprint`: of the key that the other claims to use. */
  | { readonly trusted: false; readonly why: Distrust; readonly fingerprint?: string };

const encoder = new TextEncoder();
/** Nonces of one process that are told apart behind its newest; older ones count as replays. */
const windowLength = 256;
/** Factories and processes of each whose nonces are remembered. */
const mostFactories = 20_000;
const mostSessions = 4;

interface Session {
  newest: number;
  readonly seen: Set<number>;
}

/**
 * Signs what leaves and judges what comes (docs/space.md). Without keys everything passes as it does in Vac. The first key signs, all
 * verify. Clocks are not used: a reply is fresh because it carries our cookie, a query because its nonce is new to this process.
 */
export class Envelope {
  readonly #session: string;
  #sequence = 0;
  #keys: readonly SpaceKey[] = [];
  readonly #sessions = new Map<string, Map<string, Session>>();

  /** `session`: twelve random hexadecimal digits, drawn anew by every process. */
  constructor(session: string) {
    this.#session = session;
  }

  use(keys: readonly SpaceKey[]): void {
    this.#keys = keys;
  }

  get signs(): boolean {
    return this.#keys.length > 0;
  }

  get fingerprint(): string | undefined {
    return this.#keys[0]?.fingerprint;
  }

  /** `open`: a message without its closing brace. */
  close(open: string): Uint8Array {
    const [key] = this.#keys;
    return key ? sealed(open, key, this.#session, ++this.#sequence) : encoder.encode(`${open}}`);
  }

  /** Content and key only; whether it is fresh is for the caller to know, or for `fresh`. `unsignedAllowed`: from an old Vac that the site admits. */
  check(object: JsonObject, payload: Uint8Array, unsignedAllowed: boolean): Trusted {
    if (this.#keys.length === 0) return { trusted: true };
    const seal = sealOf(object, payload);
    if (!seal) return unsignedAllowed ? { trusted: true } : { trusted: false, why: 'unsigned' };
    const key = this.#keys.find((k) => k.fingerprint === seal.fingerprint);
    if (!key) return { trusted: false, why: 'other_key', fingerprint: seal.fingerprint };
    return fits(seal, key, payload) ? { trusted: true, seal } : { trusted: false, why: 'forged', fingerprint: seal.fingerprint };
  }

  /** False: this nonce, or one far behind it, has been seen from that process. */
  fresh(factory: string, seal: Seal): boolean {
    const sessions = recent(this.#sessions, factory, () => new Map<string, Session>(), mostFactories);
    const session = recent(sessions, seal.session, () => ({ newest: 0, seen: new Set<number>() }), mostSessions);
    if (session.seen.has(seal.sequence) || seal.sequence <= session.newest - windowLength) return false;
    session.newest = Math.max(session.newest, seal.sequence);
    session.seen.add(seal.sequence);
    if (session.seen.size > windowLength) for (const old of session.seen) if (old <= session.newest - windowLength) session.seen.delete(old);
    if (session.seen.size > windowLength) session.seen.delete(Math.min(...session.seen));
    return true;
  }
}
