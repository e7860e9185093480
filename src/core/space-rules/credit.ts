/** Below this part of the usage that its share is worth, a tenant counts as one that returns after silence. */
const settled = 0.25;
/** Part of the greatest credit that is taken from a tenant of which nothing is remembered. */
const entryPenalty = 0.5;

/**
 * By which part a share is raised (or, negative, lowered), when the tenant's remembered usage is `ratio` times what its share is worth:
 * 1 − ratio within ±`most`. Below a quarter the tenant was not starved, since a starved one is always served first: it was silent, and
 * gets credit only as it runs, from −`most` / 2 with nothing remembered in a straight line up to the credit of a quarter.
 */
export function creditAt(ratio: number, most: number): number {
  const full = (r: number): number => Math.max(-most, Math.min(most, 1 - r));
  if (ratio >= settled) return full(ratio);
  const penalty = -entryPenalty * most;
  return penalty + (full(settled) - penalty) * (Math.max(0, ratio) / settled);
}

export interface ShareUsage {
  readonly name: string;
  readonly share: number;
  /** Remembered in the whole space, HS06 hours. */
  readonly usage: number;
}

/** Shares as they count now (docs/shares.md): each target share × (1 + credit). Nothing remembered at all: the shares as they are. */
export function effectiveShares(tenants: readonly ShareUsage[], maxCredit: number): ReadonlyMap<string, number> {
  const sharing = tenants.filter(({ share }) => share > 0);
  const shares = sharing.reduce((sum, { share }) => sum + share, 0);
  const used = sharing.reduce((sum, { usage }) => sum + usage, 0);
  return new Map(
    tenants.map(({ name, share, usage }) => {
      if (share <= 0 || used <= 0) return [name, share];
      const ratio = usage / used / (share / shares);
      return [name, share * (1 + creditAt(ratio, maxCredit))];
    }),
  );
}
