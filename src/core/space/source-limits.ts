import type { Instant } from '../units.ts';

/** Sources that are remembered; the one that was quiet longest is forgotten first. */
const mostSources = 10_000;
/** Of a source that the configuration names: answers are its right, floods are not. */
const knownQueriesPerSecond = 2500;
/** Bytes that a stranger may have saved up by asking. */
const strangerCredit = 65_536;

interface Source {
  at: Instant;
  /** Known: queries it may still send now. Stranger: bytes it may still be sent. */
  credit: number;
}

/** How much may be answered to whom (spec/vacquery.md §10). A stranger, whose address may be forged, is never sent more than it sent. */
export class SourceLimits {
  readonly #known = new Map<string, Source>();
  readonly #strangers = new Map<string, Source>();

  /** One more query of a known source. False: too many in a short time. */
  admits(host: string, now: Instant): boolean {
    const source = this.#source(this.#known, host, now, knownQueriesPerSecond);
    source.credit = Math.min(knownQueriesPerSecond, source.credit + (Math.max(0, now - source.at) * knownQueriesPerSecond) / 1000);
    source.at = now;
    if (source.credit < 1) return false;
    source.credit -= 1;
    return true;
  }

  /** A stranger's query of so many bytes: how many bytes it may be sent now. */
  earned(host: string, bytes: number, now: Instant): number {
    const source = this.#source(this.#strangers, host, now, 0);
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

  #source(sources: Map<string, Source>, host: string, now: Instant, credit: number): Source {
    const source = sources.get(host) ?? { at: now, credit };
    sources.delete(host);
    sources.set(host, source);
    if (sources.size > mostSources) for (const oldest of sources.keys()) return sources.delete(oldest) && source;
    return source;
  }
}
