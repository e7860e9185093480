import type { Instant, Seconds } from '../units.ts';
import { earlierHead, type Head, noUsage, type Offer, type OwnerUsage, servedFirst } from './fair.ts';

/** Jobs of one owner in one requirement class. */
export interface Line {
  readonly class: number;
  readonly tenant: string;
  readonly owner: string;
  readonly waiting: number;
  /** Absent when nothing waits. */
  readonly head?: Head;
}

export type HeadedLine = Line & { readonly head: Head };
const hasHead = (line: Line): line is HeadedLine => line.head !== undefined;

/**
 * The line whose first job a machine gets: of the owners that have a job in an eligible class the one that is served first, and of
 * that owner's jobs the one with the largest priority, then the oldest. `boundTo`: of this owner or none (spec/environments.md §6.2, release).
 * `usageOf` undefined: the owner has used nothing.
 */
export function bestLine(
  lines: Iterable<Line>,
  about: {
    readonly eligible: (classId: number) => boolean;
    readonly usageOf: (owner: string) => OwnerUsage | undefined;
    readonly boundTo?: string | undefined;
    readonly now: Instant;
    readonly halfLife: Seconds;
  },
): HeadedLine | undefined {
  const ofOwner = new Map<string, HeadedLine>();
  for (const line of lines) {
    const { owner } = line;
    if (!hasHead(line) || (about.boundTo !== undefined && owner !== about.boundTo) || !about.eligible(line.class)) continue;
    const other = ofOwner.get(owner);
    if (other === undefined || earlierHead(line.head, other.head) < 0) ofOwner.set(owner, line);
  }
  let best: (Offer & { readonly line: HeadedLine }) | undefined;
  for (const line of ofOwner.values()) {
    const offer = { usage: about.usageOf(line.owner) ?? noUsage(line.tenant, line.owner, about.now), head: line.head, line };
    if (best === undefined || servedFirst(offer, best, about.now, about.halfLife) < 0) best = offer;
  }
  return best?.line;
}
