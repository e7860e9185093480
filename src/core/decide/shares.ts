import type { Machinetype } from '../machinetype.ts';
import type { Observed } from '../observed.ts';
import { abortCode } from '../outcome.ts';
import type { Configuration, Settings, ShareMemory } from '../settings.ts';
import { effectiveShares } from '../space-rules/credit.ts';
import { type Instant, instant, later } from '../units.ts';
import type { Standing } from './lifecycle.ts';

/** One machinetype in the whole space as far as it is known, this factory's own machines included (spec/factory.md §8.2). */
export interface Tally {
  readonly type: Machinetype;
  /** `target_share`, or with `share_memory_half_life_hours` what remembered usage makes of it. */
  share: number;
  /** Starting and running machines. */
  hs06: number;
  machines: number;
  /** Machines that start or are younger than `fizzle_seconds`. */
  fresh: number;
  /** Of this factory. */
  ownFresh: number;
  /** When the first of them stops being fresh: it has proved itself. */
  ownProvedFrom?: Instant;
  /** When the last of this factory's own fresh machines stops being fresh. */
  ownFreshUntil?: Instant;
  lastAbort?: { readonly at: Instant; readonly message: string; readonly factory: string };
}

/** Adds up peers and own machines in one pass. A peer that speaks for this factory is ignored: own machines are known better. */
export function tallies(observed: Observed, configuration: Configuration, standing: Standing): Map<string, Tally> {
  const all = new Map<string, Tally>();
  for (const type of configuration.machinetypes.values()) all.set(type.name, { type, share: type.targetShare, hs06: 0, machines: 0, fresh: 0, ownFresh: 0 });
  const own = observed.host.factory;
  const { abortCodes } = configuration.settings;
  for (const peer of observed.space) {
    if (peer.factory === own) continue;
    const tally = all.get(peer.machinetype);
    if (tally === undefined) continue;
    tally.hs06 += peer.runningHs06;
    tally.machines += peer.runningMachines;
    tally.fresh += peer.numBeforeFizzle;
    const at = peer.shutdownAt;
    if (at === undefined || peer.shutdownMessage === undefined || (tally.lastAbort !== undefined && at <= tally.lastAbort.at)) continue;
    if (abortCode(peer.shutdownMessage, abortCodes) !== undefined) tally.lastAbort = { at, message: peer.shutdownMessage, factory: peer.factory };
  }
  for (const m of standing.occupants) {
    const tally = all.get(m.machinetype);
    if (tally !== undefined) countOwn(tally, m.hs06, m.startedAt, observed.now);
  }
  for (const { machinetype, at, message } of standing.aborts) {
    const tally = all.get(machinetype);
    if (tally !== undefined && (tally.lastAbort === undefined || at > tally.lastAbort.at)) tally.lastAbort = { at, message, factory: own };
  }
  return all;
}

/** One more own machine, existing or just decided. `startedAt` undefined: it is being created. */
export function countOwn(tally: Tally, hs06: number, startedAt: Instant | undefined, now: Instant): void {
  tally.hs06 += hs06;
  tally.machines += 1;
  const until = startedAt === undefined ? undefined : later(startedAt, tally.type.fizzle);
  if (until !== undefined && now >= until) return;
  tally.fresh += 1;
  tally.ownFresh += 1;
  if (until === undefined) return;
  tally.ownFreshUntil = instant(Math.max(tally.ownFreshUntil ?? until, until));
  tally.ownProvedFrom = instant(Math.min(tally.ownProvedFrom ?? until, until));
}

/** Lets remembered usage move the shares (docs/shares.md). */
export function creditShares(all: ReadonlyMap<string, Tally>, { space, usage: own, host }: Observed, { maxCredit }: ShareMemory): void {
  const usage = new Map(own);
  for (const { factory, machinetype, usageHs06Hours: hours } of space) {
    if (hours !== undefined && factory !== host.factory) usage.set(machinetype, (usage.get(machinetype) ?? 0) + Math.max(0, hours));
  }
  const tenants = [...all.values()].map(({ type }) => ({ name: type.name, share: type.targetShare, usage: usage.get(type.name) ?? 0 }));
  for (const [name, share] of effectiveShares(tenants, maxCredit)) {
    const tally = all.get(name);
    if (tally !== undefined) tally.share = share;
  }
}

export interface Score {
  readonly score: number;
  readonly groupScore: number;
}

/**
 * Scores of all machinetypes with a share (spec/factory.md §8.3): Σ HS06 / share. The score of a group is Σ HS06 / Σ share of its
 * members, or, as Vac 3.1 computes it, the sum of their scores. Members in back-off weigh on their group; those without a share do not.
 */
export function scores(all: ReadonlyMap<string, Tally>, groupShare: Settings['groupShare']): Map<string, Score> {
  const groups = new Map<string, { hs06: number; share: number; sum: number }>();
  for (const { type, share, hs06 } of all.values()) {
    if (share <= 0) continue;
    const group = groups.get(type.machinegroup) ?? { hs06: 0, share: 0, sum: 0 };
    group.hs06 += hs06;
    group.share += share;
    group.sum += hs06 / share;
    groups.set(type.machinegroup, group);
  }
  const result = new Map<string, Score>();
  for (const { type, share, hs06 } of all.values()) {
    const group = groups.get(type.machinegroup);
    if (share <= 0 || group === undefined) continue;
    result.set(type.name, { score: hs06 / share, groupScore: groupShare === 'sum' ? group.hs06 / group.share : group.sum });
  }
  return result;
}

/** Sums in another order differ in the last bits; such scores are equal. */
const rounded = (score: number): number => Number(score.toPrecision(12));

export interface Ranked extends Score {
  readonly tally: Tally;
}

/** Most starved first: by group score, score, and the draw of this turn. */
export function ranked(eligible: Iterable<Tally>, of: ReadonlyMap<string, Score>, draw: ReadonlyMap<string, number>): Ranked[] {
  const keyed: { tally: Tally; score: number; groupScore: number; draw: number }[] = [];
  for (const tally of eligible) {
    const score = of.get(tally.type.name);
    if (score !== undefined) keyed.push({ tally, score: rounded(score.score), groupScore: rounded(score.groupScore), draw: draw.get(tally.type.name) ?? 0 });
  }
  return keyed.sort((a, b) => a.groupScore - b.groupScore || a.score - b.score || a.draw - b.draw);
}
