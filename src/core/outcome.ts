import type { EndCause, KillReason, Outcome } from './machine.ts';
import type { CodeRange } from './settings.ts';
import { elapsed, type Instant, type Seconds } from './units.ts';

/** From this code on a message says "do not simply start another one" (spec/factory.md §9.1). No upper limit. */
export const firstAbortCode = 300;

/**
 * Number at the beginning of a shutdown message: its first three characters as an integer, blanks around it and a sign
 * allowed, as Vac reads it (spec/decisions.md §2.2). `299 x` → 299, ` 30` → 30, `+30` → 30, `3` → 3; `abc`, `1e3`, `` → undefined.
 */
export function messageNumber(message: string): number | undefined {
  const head = message.slice(0, 3);
  return /^\s*[+-]?[0-9]+\s*$/.test(head) ? Number.parseInt(head.trim(), 10) : undefined;
}

/** The code when the message makes its machinetype back off, whoever sent it; otherwise undefined. `codes`: those that the site counts. */
export function abortCode(message: string, codes?: readonly CodeRange[]): number | undefined {
  const number = messageNumber(message);
  if (number === undefined || number < firstAbortCode) return undefined;
  return codes === undefined || codes.some(({ from, to }) => number >= from && number <= to) ? number : undefined;
}

/** What is published of a machine's own message: its first line, trimmed; undefined when nothing is left (spec/vacquery.md §6.3). */
export function publishedMessage(text: string | undefined): string | undefined {
  const line = text?.trimStart() === '' ? '' : text?.split('\n', 1)[0]?.trim();
  return line === '' ? undefined : line;
}

/** Text that the factory writes for a machine that it ends, only if the machine left none (spec/factory.md §9.1). */
export const killMessages: { readonly [K in KillReason]?: string } = {
  'heartbeat-missing': '700 Heartbeat file not created',
  'heartbeat-old': '700 Heartbeat file not updated',
};

/** The same at a cloud (spec/cloud.md §5.2). Of these only what a machine or its cloud did wrong makes the machinetype back off. */
export const cloudKillMessages: { readonly [K in KillReason]?: string } = {
  'not-started': '700 Failed to start',
  wallclock: '700 Exceeded max_wallclock_seconds',
  'heartbeat-missing': '700 Heartbeat file not updated',
  'heartbeat-old': '700 Heartbeat file not updated',
  'shutdown-time': '700 Passed shutdowntime',
};

/** Ends that say nothing about the machinetype, however short the run was. */
const blameless: ReadonlySet<KillReason> = new Set(['wallclock', 'shutdown-time', 'person']);

export interface Ending {
  /** What the machine wrote, if anything. */
  readonly message?: { readonly text: string; readonly at: Instant } | undefined;
  readonly cause: EndCause;
  readonly killReason?: KillReason | undefined;
  /** When this factory began to end it. */
  readonly killedAt?: Instant | undefined;
  /** Absent: never started. */
  readonly startedAt?: Instant | undefined;
  readonly heartbeatAt?: Instant | undefined;
  readonly fizzle: Seconds;
}

/**
 * The outcome of a machine (spec/factory.md §9.1). Its own number decides, also when this factory ended it afterwards;
 * then the text of a heartbeat kill; then, without a number, a run shorter than `fizzle` is an abort 300 at the last
 * heartbeat, unless its lifetime, a shutdown time or a person ended it.
 */
export function outcomeOf(end: Ending): Outcome {
  const { cause } = end;
  const kill = end.killReason === undefined ? {} : { killReason: end.killReason };
  const text = publishedMessage(end.message?.text);
  const said = text === undefined || end.message === undefined ? {} : { message: text, at: end.message.at };
  const number = text === undefined ? undefined : messageNumber(text);
  if (number !== undefined) {
    const code = number >= 100 && number <= 999 ? { code: number } : {};
    // What the factory itself wrote when the time of a machine was up is no verdict of the machine.
    const ours = end.killReason !== undefined && blameless.has(end.killReason) && text === cloudKillMessages[end.killReason];
    return { ...code, ...said, cause, ...kill, abort: number >= firstAbortCode && !ours };
  }
  const written = end.killReason === undefined ? undefined : killMessages[end.killReason];
  if (text === undefined && written !== undefined) {
    return { code: 700, message: written, cause, ...kill, abort: true, ...(end.killedAt === undefined ? {} : { at: end.killedAt }) };
  }
  const ran = end.startedAt === undefined || end.heartbeatAt === undefined ? undefined : elapsed(end.startedAt, end.heartbeatAt);
  const excused = end.killReason !== undefined && blameless.has(end.killReason);
  if (ran !== undefined && end.heartbeatAt !== undefined && ran < end.fizzle && !excused) {
    return { code: 300, message: fizzleMessage(ran), cause, ...kill, abort: true, at: end.heartbeatAt };
  }
  return { ...said, cause, ...kill, abort: false };
}

/** A factory says this for a machine that ended too soon and said nothing (spec/vacquery.md §6.3). */
export const fizzlePrefix = '300 Fizzle after ';
const fizzleMessage = (ran: Seconds): string => `${fizzlePrefix}${Math.max(0, Math.floor(ran))} seconds`;
