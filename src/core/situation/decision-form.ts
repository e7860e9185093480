import type { Decision } from '../decision.ts';
import type { Observed } from '../observed.ts';
import { elapsed } from '../units.ts';

/** A decision as spec/decisions.md §1 writes it. */
export interface DecisionForm {
  readonly action: 'create' | 'none';
  readonly machinetype?: string;
  readonly processors?: number;
  readonly superslot?: 'existing' | 'new';
  readonly slot?: number;
  readonly ends_in?: number;
  readonly reason?: string;
  readonly eligible_order?: readonly { readonly machinetypes: readonly string[]; readonly group_score: number; readonly score: number }[];
  readonly destroyed_slots: readonly number[];
  readonly messages_written?: Readonly<Record<string, string>>;
  readonly ends_in_changed?: Readonly<Record<string, number>>;
  readonly reasons: readonly string[];
}

/** Vetoes that stand before other factories are asked: no order is known then (spec/factory.md §8.1). */
const beforeAsking: ReadonlySet<string> = new Set(['journal', 'provider_unknown', 'load', 'shutdown_time_passed', 'draining', 'disk', 'no_free_processors']);

/** The first creation of a decision, or why there is none, and what is done to machines in the same turn. */
export function decisionForm(decision: Decision, observed: Observed, reasons: readonly string[]): DecisionForm {
  const { veto, order } = decision.reasons;
  const create = decision.actions.find((a) => a.kind === 'create');
  const chosen =
    create === undefined
      ? { action: 'none' as const, ...(veto === undefined ? {} : { reason: veto.why }) }
      : {
          action: 'create' as const,
          machinetype: create.machinetype,
          processors: create.processors,
          superslot: create.superslot,
          slot: create.slot,
          ends_in: Math.round(elapsed(decision.at, create.shutdownTime)),
        };
  const known = create !== undefined || veto === undefined || !beforeAsking.has(veto.why);
  return {
    ...chosen,
    ...(known
      ? { eligible_order: order.map((s) => ({ machinetypes: s.machinetypes, group_score: hundredths(s.groupScore), score: hundredths(s.score) })) }
      : {}),
    ...machineChanges(decision, observed),
    reasons,
  };
}

function machineChanges(decision: Decision, observed: Observed): Pick<DecisionForm, 'destroyed_slots' | 'messages_written' | 'ends_in_changed'> {
  const slots = new Map(observed.machines.map((m) => [m.id, m.slot]));
  const destroyed = new Set<number>();
  const messages: Record<string, string> = {};
  const ends: Record<string, number> = {};
  for (const action of decision.actions) {
    const slot = action.kind === 'create' ? undefined : slots.get(action.id);
    if (slot === undefined) continue;
    if (action.kind === 'end' || (action.kind === 'destroy' && action.why !== 'finished' && action.why !== 'no-record')) destroyed.add(slot);
    if (action.kind === 'end' && action.message !== undefined) messages[slot] = action.message;
    if (action.kind === 'shorten') ends[slot] = Math.round(elapsed(decision.at, action.shutdownTime));
  }
  return {
    destroyed_slots: [...destroyed].sort((a, b) => a - b),
    ...(Object.keys(messages).length === 0 ? {} : { messages_written: messages }),
    ...(Object.keys(ends).length === 0 ? {} : { ends_in_changed: ends }),
  };
}

const hundredths = (score: number): number => Math.round(score * 100) / 100;
