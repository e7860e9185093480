import type { Action } from './decision.ts';
import type { Machine, Ran, UsageRecord } from './machine.ts';
import { type Instant, instant, seconds } from './units.ts';

/** What an action writes into the journal before anything happens in the world; `undefined`: nothing (design §2). */
export type RecordChange =
  | { readonly kind: 'put'; readonly machine: Machine }
  | { readonly kind: 'finish'; readonly machine: Machine; readonly usage?: UsageRecord };

/** `machine` is the present record with what the guest has said. Creations are made by newMachine, records of machines taken over by takenMachine, and removals of records come last. */
export function changeFor(action: Action, machine: Machine, now: Instant): RecordChange | undefined {
  switch (action.kind) {
    case 'adopt':
      return {
        kind: 'put',
        machine: {
          ...machine,
          ...(action.shutdownTime !== undefined && { shutdownTime: action.shutdownTime }),
          state: 'running',
          startedAt: action.startedAt,
          heartbeatAt: now,
          cpuSeconds: seconds(0),
        },
      };
    case 'end': {
      const message = action.message !== undefined && machine.message === undefined ? { message: { text: action.message, at: now } } : {};
      return { kind: 'put', machine: { ...withoutState(machine), ...message, state: 'ending', killReason: action.why, endingSince: now } };
    }
    case 'finish': {
      const finished: Machine = { ...withoutState(machine), state: 'finished', finishedAt: now, outcome: action.outcome };
      return { kind: 'finish', machine: finished, ...(action.usage !== undefined && { usage: action.usage }) };
    }
    case 'shorten':
      return { kind: 'put', machine: { ...machine, shutdownTime: instant(action.shutdownTime), drainAnnounced: true } };
    case 'create':
    case 'take':
    case 'destroy':
    case 'forget':
      return undefined;
  }
}

/** The facts that outlive a state. */
function withoutState(machine: Machine): Omit<Machine, 'state'> & Partial<Ran> {
  const { state: _state, killReason: _reason, endingSince: _since, cpuPercent: _percent, ...kept } = machine as Machine & Record<string, unknown>;
  return kept as Omit<Machine, 'state'> & Partial<Ran>;
}
