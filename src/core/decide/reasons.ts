import type { MachinetypeReason, Reasons, Verdict } from '../decision.ts';
import type { Ranked, Score, Tally } from './shares.ts';
import type { Starts } from './starts.ts';

/** The numbers of one machinetype as the turn begins. */
export function openingReason({ type, share, hs06, machines, fresh }: Tally, score: Score | undefined): Omit<MachinetypeReason, 'verdict'> {
  const effective = share === type.targetShare ? {} : { effectiveShare: share };
  return {
    machinetype: type.name,
    targetShare: type.targetShare,
    ...effective,
    hs06,
    machines,
    score: score?.score ?? 0,
    groupScore: score?.groupScore ?? 0,
    fresh,
  };
}

/** The verdict on a machinetype that was eligible when the turn began. */
export function settledVerdict(name: string, minProcessors: number, { placements, stop, lack }: Starts): Verdict {
  const count = placements.filter((p) => p.machinetype === name).length;
  if (count > 0) return { why: 'started', count };
  if (stop?.why === 'none_suitable') return { why: 'does_not_fit', minProcessors, ...lack };
  const [chosen] = placements;
  return chosen === undefined ? { why: 'eligible' } : { why: 'after_others', first: chosen.machinetype };
}

/** Groups neighbours with equal scores: among these, chance decides. */
export function equalsTogether(order: readonly Ranked[]): Reasons['order'] {
  const sets: { machinetypes: string[]; groupScore: number; score: number }[] = [];
  for (const { tally, groupScore, score } of order) {
    const last = sets.at(-1);
    if (last !== undefined && last.groupScore === groupScore && last.score === score) last.machinetypes.push(tally.type.name);
    else sets.push({ machinetypes: [tally.type.name], groupScore, score });
  }
  for (const set of sets) set.machinetypes.sort();
  return sets;
}
