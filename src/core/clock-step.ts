import type { Machine } from './machine.ts';
import { elapsed, type Instant, later, type Seconds, seconds } from './units.ts';

/** One reading of both clocks. `uptime` never steps and is comparable while `bootId` is the same. */
export interface ClockReading {
  readonly wall: Instant;
  readonly uptime: Seconds;
  readonly bootId: string;
}

/** Differences up to this are drift and slow reads, not a step. */
export const clockTolerance = seconds(5);

/**
 * By how much the wall clock was set forward between two readings; negative: back; 0: not, or unknown because the host
 * was booted in between (spec/factory.md §2: clock steps must be survived).
 */
export function clockStep(before: ClockReading, after: ClockReading): Seconds {
  if (before.bootId !== after.bootId) return seconds(0);
  const by = elapsed(before.wall, after.wall) - (after.uptime - before.uptime);
  return Math.abs(by) > clockTolerance ? seconds(by) : seconds(0);
}

/** The same machine with every instant moved, so that all durations up to now, and its remaining lifetime, stay what they were. */
export function shiftMachine(machine: Machine, by: Seconds): Machine {
  const facts = {
    createdAt: later(machine.createdAt, by),
    shutdownTime: later(machine.shutdownTime, by),
    ...(machine.message === undefined ? {} : { message: { text: machine.message.text, at: later(machine.message.at, by) } }),
    ...(machine.heartbeatFileAt === undefined ? {} : { heartbeatFileAt: later(machine.heartbeatFileAt, by) }),
    ...(machine.contactAt === undefined ? {} : { contactAt: later(machine.contactAt, by) }),
  };
  if (machine.state === 'creating') return { ...machine, ...facts };
  if (machine.state === 'running') return { ...machine, ...facts, startedAt: later(machine.startedAt, by), heartbeatAt: later(machine.heartbeatAt, by) };
  const ran = {
    ...(machine.startedAt === undefined ? {} : { startedAt: later(machine.startedAt, by) }),
    ...(machine.heartbeatAt === undefined ? {} : { heartbeatAt: later(machine.heartbeatAt, by) }),
  };
  if (machine.state === 'ending') return { ...machine, ...facts, ...ran, endingSince: later(machine.endingSince, by) };
  const { outcome } = machine;
  return {
    ...machine,
    ...facts,
    ...ran,
    finishedAt: later(machine.finishedAt, by),
    outcome: { ...outcome, ...(outcome.at === undefined ? {} : { at: later(outcome.at, by) }) },
  };
}
