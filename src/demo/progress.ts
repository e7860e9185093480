import { assertNever, elapsed, type Instant } from '../core/units.ts';
import type { Listener } from '../factory/events.ts';
import { clock } from './view.ts';

/** Plain progress for logs and pipes: one line per event, with the time since the start. */
export function progress(startedAt: Instant, now: () => Instant, write: (line: string) => void): Listener {
  const say = (text: string): void => write(`${clock(elapsed(startedAt, now()))}  ${text}`);
  const label = (machine: { readonly name: string; readonly machinetype: string }): string => `${machine.name.split('.')[0]} (${machine.machinetype})`;
  const backingOff = new Set<string>();
  return {
    opened: ({ provider, notes }) => {
      say(`factory open, machines by ${provider}`);
      for (const note of notes) say(note);
    },
    configured: ({ machinetypes, problems }) => {
      say(`configuration in force: ${machinetypes} machinetypes`);
      for (const p of problems) say(`${p.severity}: ${p.file}:${p.line}:${p.column}: ${p.text}`);
    },
    decided: ({ reasons }) => {
      for (const { machinetype, verdict } of reasons.machinetypes) {
        if (verdict.why !== 'backing_off') backingOff.delete(machinetype);
        else if (!backingOff.has(machinetype)) {
          backingOff.add(machinetype);
          say(`${machinetype} backs off after "${verdict.message}"`);
        }
      }
    },
    performed: ({ action, machine, took }) => {
      if (machine === undefined) return;
      switch (action.kind) {
        case 'create':
          return say(`${label(machine)} started in ${Math.round(took * 1000)} ms`);
        case 'end':
          return say(`${label(machine)} is asked to end: ${action.why}`);
        case 'adopt':
        case 'take':
        case 'destroy':
        case 'finish':
        case 'shorten':
        case 'forget':
          return;
        default:
          return assertNever(action);
      }
    },
    failed: ({ action, error }) => say(`${action.kind} failed: ${error instanceof Error ? error.message : String(error)}`),
    finished: ({ machine, outcome }) => say(`${label(machine)} ended: ${outcome.message ?? outcome.killReason ?? outcome.cause}`),
    clockStepped: ({ by }) => say(`the clock was moved by ${by} s`),
  };
}
