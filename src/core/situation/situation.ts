import { z } from 'zod';
import { decide } from '../decide/decide.ts';
import type { Rule } from '../decision.ts';
import { explain } from '../explain.ts';
import { type DecisionForm, decisionForm } from './decision-form.ts';
import { situationToObserved } from './observed.ts';
import { readSituation, SituationError } from './schema.ts';

export { decisionForm, type DecisionForm } from './decision-form.ts';
export { situationToObserved, type Situated } from './observed.ts';
export { readSituation, type Situation, SituationError } from './schema.ts';
export { observedToSituation } from './snapshot.ts';

/** Equal draws for all: ties go by the order of the configuration, so that a replay gives the same answer. */
const noChance = (): number => 0;

/**
 * Decides one situation (spec/decisions.md §1) with the function that the daemon calls. Throws `SituationError` when it is not of
 * the documented form; a configuration that Vac would refuse is a decision: `configuration_refused`.
 */
export function decideSituation(json: unknown, rule: Rule, random: () => number = noChance): DecisionForm {
  const situation = readSituation(json);
  const { observed, configuration, refusals } = situationToObserved(situation, rule);
  if (refusals.length > 0) {
    return {
      action: 'none',
      reason: 'configuration_refused',
      destroyed_slots: [],
      reasons: refusals.map((text) => `nothing is done: the configuration is refused: ${text}`),
    };
  }
  const decision = decide(observed, configuration, random, rule);
  const clock = typeof situation.at === 'string';
  return decisionForm(decision, observed, explain(decision, observed, configuration, undefined, { clock }));
}

/** One entry of the answer to a file. A case that is not of the documented form has `problems` instead of a decision. */
export type DecidedCase = { readonly id: string | null } & ({ readonly decided: DecisionForm } | { readonly problems: readonly string[] });

const Cases = z.looseObject({ cases: z.array(z.unknown()) });
const Identified = z.looseObject({ id: z.string() });

/** Whether a document is a file with `cases` and not one situation. */
export const hasCases = (json: unknown): boolean => typeof json === 'object' && json !== null && 'cases' in json;

/** Decides every case of a file `{cases: […]}`, in the same order. Throws `SituationError` when it is no such file. */
export function decideFile(json: unknown, rule: Rule, random: () => number = noChance): { readonly cases: readonly DecidedCase[] } {
  const file = Cases.safeParse(json);
  if (!file.success) throw new SituationError(['cases: must be a list of situations']);
  const cases = file.data.cases.map((one, index): DecidedCase => {
    const id = Identified.safeParse(one).data?.id ?? null;
    try {
      return { id, decided: decideSituation(one, rule, random) };
    } catch (error) {
      if (!(error instanceof SituationError)) throw error;
      return { id, problems: error.problems.map((text) => `cases[${index}].${text}`) };
    }
  });
  return { cases };
}
