/** What one machinetype could use and is meant to have. */
export interface Claim {
  readonly share: number;
  readonly group: string;
  /** In the unit of the capacity. */
  readonly demand: number;
}

/**
 * What each claim should have of a capacity: by shares, groups first; what one cannot use goes to the others by their shares.
 * This is what the rule of the factories aims at, computed with full knowledge.
 */
export function entitlements(claims: readonly Claim[], capacity: number): readonly number[] {
  const members = new Map<string, number[]>();
  for (const [i, claim] of claims.entries()) {
    const group = members.get(claim.group);
    if (group === undefined) members.set(claim.group, [i]);
    else group.push(i);
  }
  const of = (indices: readonly number[]): { share: number; demand: number }[] =>
    indices.map((i) => ({ share: Math.max(0, claims[i]?.share ?? 0), demand: (claims[i]?.share ?? 0) > 0 ? (claims[i]?.demand ?? 0) : 0 }));
  const groups = [...members.values()];
  const perGroup = filled(
    groups.map((indices) => of(indices).reduce((sum, one) => ({ share: sum.share + one.share, demand: sum.demand + one.demand }))),
    capacity,
  );
  const result = claims.map(() => 0);
  for (const [g, indices] of groups.entries()) {
    const amounts = filled(of(indices), perGroup[g] ?? 0);
    for (const [k, i] of indices.entries()) result[i] = amounts[k] ?? 0;
  }
  return result;
}

/** Shares of a capacity where nobody gets more than the demand. */
function filled(claims: readonly { readonly share: number; readonly demand: number }[], capacity: number): number[] {
  const result = claims.map(() => 0);
  let open = claims.map((_, i) => i).filter((i) => (claims[i]?.share ?? 0) > 0);
  let left = capacity;
  while (open.length > 0 && left > 0) {
    const total = open.reduce((sum, i) => sum + (claims[i]?.share ?? 0), 0);
    const part = (i: number): number => ((claims[i]?.share ?? 0) / total) * left;
    const sated = open.filter((i) => (claims[i]?.demand ?? 0) <= part(i));
    if (sated.length === 0) {
      for (const i of open) result[i] = part(i);
      break;
    }
    for (const i of sated) result[i] = claims[i]?.demand ?? 0;
    left -= sated.reduce((sum, i) => sum + (result[i] ?? 0), 0);
    open = open.filter((i) => !sated.includes(i));
  }
  return result;
}
