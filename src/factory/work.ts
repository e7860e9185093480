import { changeFor } from '../core/changes.ts';
import { takenMachine } from '../core/cloud/taken.ts';
import type { Action } from '../core/decision.ts';
import type { Machine } from '../core/machine.ts';
import { newMachine } from '../core/new-machine.ts';
import type { Observed } from '../core/observed.ts';
import type { Configuration } from '../core/settings.ts';
import type { Change } from './journal.ts';
import type { LoopParts } from './loop-parts.ts';

/** One action with what has to be durable before it is carried out. */
export interface Work {
  readonly action: Action;
  readonly machine: Machine | undefined;
  readonly changes: readonly Change[];
}

/** The record that an action makes or changes. An action without a machine has nothing to be done. */
export function workFor(action: Action, configuration: Configuration, observed: Observed, parts: Pick<LoopParts, 'journal' | 'newId'>): Work {
  const { now, listing } = observed;
  if (action.kind === 'create') {
    const machinetype = configuration.machinetypes.get(action.machinetype);
    if (!machinetype) return { action, machine: undefined, changes: [] };
    const machine = newMachine(parts.newId(), action, machinetype, configuration.settings, now);
    return { action, machine, changes: [{ kind: 'put', machine }] };
  }
  if (action.kind === 'take') {
    const { id, marks } = action;
    const seen = listing.state === 'unknown' ? undefined : listing.sightings.find((s) => s.id === id);
    const machine = takenMachine(id, marks, seen, configuration.machinetypes.get(marks.machinetype), configuration.settings, now);
    return { action, machine, changes: [{ kind: 'put', machine }] };
  }
  const present = parts.journal.machine(action.id);
  const change = present && changeFor(action, present, now);
  return { action, machine: change?.machine ?? present, changes: change ? [change] : [] };
}
