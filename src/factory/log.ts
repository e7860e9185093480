import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { Action, Decision } from '../core/decision.ts';
import type { Machine } from '../core/machine.ts';
import { unlimitedProcessors } from '../core/machinetype.ts';
import type { Instant } from '../core/units.ts';
import { timeText } from './control/codec.ts';
import type { EventBus } from './events.ts';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];
/** Anything that takes whole lines and never throws: a `LogFile`, or a wrapper of standard output. */
export interface LogDestination {
  write(line: string): void;
}

/**
 * Writes what happens in a daemon as lines of JSON: `level`, `time` (ISO, UTC), fields, `msg`. Messages are fixed strings, values
 * are fields, and no field is taken from user data or from the configuration. A decision is logged at level `info` when it
 * acts or when its reasons are no longer those of the last one, so that an idle factory writes nothing.
 * `base`: fields of every line. Returns the logger, for parts that have no event, and what ends the subscription.
 */
export function logTo(
  bus: EventBus,
  destination: LogDestination,
  level: LogLevel = 'info',
  base: Readonly<Record<string, string>> | null = null,
): { readonly log: Logger; stop(): void } {
  const log = pino({ level, base, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, destination);
  let lastGist = '';
  const stop = bus.subscribe({
    opened: (fact) => log.info(fact, 'factory opened'),
    configured: ({ digest, machinetypes, problems }) => {
      log.info({ digest, machinetypes, problems: problems.length }, 'configuration read');
      for (const { severity, ...problem } of problems) log.warn({ severity, ...problem, text: withoutCredentials(problem.text) }, 'configuration problem');
    },
    decided: (decision) => {
      const gist = gistOf(decision);
      const news = decision.actions.length > 0 || gist !== lastGist;
      lastGist = gist;
      log[news ? 'info' : 'debug'](
        {
          ...(decision.actions.length === 0 ? {} : { actions: decision.actions.map(actionFields) }),
          ...reasonFields(decision),
          wakeAt: timeText(decision.wakeAt),
        },
        'decided',
      );
    },
    recorded: ({ action, machine }) => log.debug({ ...actionFields(action), ...machineFields(machine) }, 'recorded'),
    performed: ({ action, machine, took }) => log.info({ ...actionFields(action), ...machineFields(machine), took }, 'performed'),
    failed: ({ action, machine, error }) => log.warn({ ...actionFields(action), ...machineFields(machine), ...errorFields(error) }, 'action failed'),
    finished: ({ machine, outcome }) => log.info({ ...machineFields(machine), ...withTimes(outcome), ...lifeFields(machine) }, 'machine finished'),
    peer: (fact) => log[fact.verdict === 'rejected' ? 'warn' : 'info'](fact, peerTexts[fact.verdict]),
    clockStepped: ({ by }) => log.warn({ by }, 'wall clock stepped'),
    journalFault: ({ error }) => log.error(errorFields(error), 'journal cannot be written'),
    closed: (fact) => log.info(fact, 'factory closed'),
  });
  return { log, stop };
}

const peerTexts = { answered: 'factory answers', silent: 'factory is silent', rejected: 'message not believed' } as const;

const machineFields = (m: Machine | undefined): object => (m === undefined ? {} : { machine: m.name, id: m.id, machinetype: m.machinetype });

const lifeFields = (m: Machine): object =>
  m.state === 'finished' && m.startedAt !== undefined && m.heartbeatAt !== undefined
    ? { wall: (m.heartbeatAt - m.startedAt) / 1000, cpu: m.cpuSeconds, processors: m.processors }
    : {};

function actionFields(action: Action): object {
  switch (action.kind) {
    case 'create':
      return {
        action: action.kind,
        machinetype: action.machinetype,
        slot: action.slot,
        processors: action.processors,
        shutdownTime: timeText(action.shutdownTime),
      };
    case 'end':
    case 'destroy':
      return { action: action.kind, id: action.id, why: action.why };
    case 'shorten':
      return { action: action.kind, id: action.id, shutdownTime: timeText(action.shutdownTime) };
    default:
      return { action: action.kind, id: action.id };
  }
}

const reasonFields = ({ reasons }: Decision): object => ({
  ...(reasons.veto === undefined ? {} : { veto: withTimes(reasons.veto) }),
  used: reasons.usedProcessors,
  ...(reasons.totalProcessors < unlimitedProcessors && { total: reasons.totalProcessors }),
  machinetypes: reasons.machinetypes.map(({ machinetype, verdict, score }) => ({ machinetype, ...withTimes(verdict), score })),
});

const instants = new Set(['at', 'since', 'until', 'lastAbort', 'shutdownTime']);
/** The fields with every `Instant` as text. */
const withTimes = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, instants.has(key) ? timeText(value as Instant) : value]));

/** What must change for a decision without actions to be worth a line: the kinds of its reasons, not their numbers. */
const gistOf = ({ reasons }: Decision): string =>
  JSON.stringify([reasons.veto?.why, reasons.usedProcessors, reasons.machinetypes.map((m) => [m.machinetype, m.verdict.why])]);

/** The chain of causes as one text, with the code of the outermost error that has one. Stacks are for level `debug` and a debugger. */
function errorFields(error: unknown): { readonly error: string; readonly code?: string } {
  const texts: string[] = [];
  let code: string | undefined;
  for (let e = error; e !== undefined && e !== null && texts.length < 5; e = e instanceof Error ? e.cause : undefined) {
    texts.push(e instanceof Error ? e.message : String(e));
    const own = (e as { code?: unknown }).code;
    if (code === undefined && typeof own === 'string') code = own;
  }
  return { error: withoutCredentials(texts.join(': ')), ...(code === undefined ? {} : { code }) };
}

/** Errors quote URLs, and URLs may carry a user and a password. */
const withoutCredentials = (text: string): string => text.replaceAll(/\/\/[^/\s@"']+@/g, '//***@');
