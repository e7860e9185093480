import type { Instant } from '../units.ts';
import { recent } from './recent.ts';

/** Sources that are remembered; the one that was quiet longest is forgotten first. */
const mostSources = 10_000;
/** Of a source that the configuration names: answers are its right, floods are not. */
const knownQueriesPerSecond = 2500;
/** Bytes that a stranger may have saved up by asking. */
const strangerCredit = 65_536;

interface Source {
  at: Instant;
  /** Queries that it may still send now. */
  credit: number;
}

/** How much may be answered to whom (spec/vacquery.md §10). A stranger, whose address may be forged, is never sent more than it sent. */
export class SourceLimits {
  readonly #known = new Map<string, Source>();
  /** Bytes that each may still be sent. */
  readonly #strangers = new Map<string, { credit: number }>();

  /** One more query of a known source. False: too many in a short time. */
  admits(host: string, now: Instant): boolean {
    const source = recent(this.#known, host, (): Source => ({ at: now, credit: knownQueriesPerSecond }), mostSources);
    source.credit = Math.min(knownQueriesPerSecond, source.credit + (Math.max(0, now - source.at) * knownQueriesPerSecond) / 1000);
    source.at = now;
    if (source.credit < 1) return false;
    source.credit -= 1;
    return true;
  }

  /** A stranger's query of so many bytes: how many bytes it may be sent now. */
  earned(host: string, bytes: number): number {
    const source = recent(this.#strangers, host, () => ({ credit: 0 }), mostSources);
    source.credit = Math.min(strangerCredit, source.credit + bytes);
    return source.credit;
  }

  spent(host: string, bytes: number): void {
    const source = this.#strangers.get(host);
    if (source) source.credit -= bytes;
  }

  shift(milliseconds: number): void {
    for (const source of this.#known.values()) source.at = (source.at + milliseconds) as Instant;
  }
}
