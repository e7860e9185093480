import type { Machine } from '../machine.ts';
import type { Observed, PeerStatus } from '../observed.ts';
import { fizzlePrefix, messageNumber } from '../outcome.ts';
import { elapsed, type Instant, instant, later, type Seconds, seconds } from '../units.ts';

/** Ends before that say nothing of the host as it is now. */
const memory = seconds(86_400);
/** Failures in a row that make a host suspicious: of different machinetypes, or of one. */
const manyTypes = 2;
const manyMachines = 3;
/** Failures of other factories so long before count as the same trouble, in seconds. */
const sameTime = 600;
/** Machines that vanish within so many seconds have vanished together. */
const together = 60;
const firstPause = 600;
const longestPause = 4 * 3600;

export interface BlackHole {
  readonly failures: number;
  readonly machinetypes: readonly string[];
  readonly since: Instant;
  /** Of the last failure. */
  readonly message: string;
  readonly state:
    | { readonly kind: 'closed'; readonly until: Instant }
    /** One machine may be started to try the host. */
    | { readonly kind: 'open' }
    /** It has been, and has not outlived `fizzle_seconds` yet. */
    | { readonly kind: 'trying' };
}

interface End {
  readonly machinetype: string;
  readonly createdAt: Instant;
  readonly at: Instant;
  readonly failed: boolean;
  readonly vanished: boolean;
  readonly message: string;
}

/** Moments at which the answer changes by time alone are told to `changes`. */
export type Changes = (at: Instant) => void;

/**
 * Whether machines of every tenant fail on this host while others have none of that trouble (design §5). Failures are ends for the
 * site's fault (5xx), fizzles, and machines without any heartbeat; 3xx says that the host works, 4xx, 6xx and 7xx say nothing of it.
 * Two machinetypes that failed last, or three machines in a row, close the host; then one machine is tried after each pause, which
 * doubles with every try; a machine that ends well or outlives `fizzle_seconds` opens it again.
 */
export function blackHole(observed: Observed, changes: Changes): BlackHole | undefined {
  const { machines, now } = observed;
  if (!machines.some((m) => m.state === 'finished' && now - m.finishedAt <= memory * 1000 && isFailure(m) === true)) return undefined;
  const ends = singleVanishings(machines.flatMap((m) => endOf(m, now) ?? []).sort((a, b) => a.at - b.at));
  for (const m of machines) if (m.state === 'running') changes(later(m.startedAt, m.fizzle));
  if (ends[0] !== undefined) changes(instant(later(ends[0].at, memory) + 1));
  const good = ends.findLastIndex((end) => !end.failed);
  const row = ends.slice(good + 1);
  const [first, last] = [row[0], row.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const types = new Set(row.map((end) => end.machinetype));
  // A tenant whose machines are only elsewhere in the row ended well the last time.
  if (ends.some((end) => !types.has(end.machinetype)) || (types.size < manyTypes && row.length < manyMachines)) return undefined;
  if (failsElsewhere(observed, types, later(first.at, -sameTime))) return undefined;
  const about = { failures: row.length, machinetypes: [...types].sort(), since: first.at, message: last.message };
  const until = later(last.at, pauseAfter(row));
  if (machines.some((m) => m.state !== 'finished' && m.createdAt >= last.at)) return { ...about, state: { kind: 'trying' } };
  if (now >= until) return { ...about, state: { kind: 'open' } };
  changes(until);
  return { ...about, state: { kind: 'closed', until } };
}

/** What a machine of the last day says of the host; undefined: nothing. */
function endOf(m: Machine, now: Instant): End | undefined {
  const about = { machinetype: m.machinetype, createdAt: m.createdAt, vanished: false, message: '' };
  if (m.state === 'running') {
    const proved = later(m.startedAt, m.fizzle);
    return now >= proved && elapsed(proved, now) <= memory ? { ...about, at: proved, failed: false } : undefined;
  }
  if (m.state !== 'finished' || elapsed(m.finishedAt, now) > memory) return undefined;
  const failed = isFailure(m);
  return failed === undefined
    ? undefined
    : { ...about, at: m.finishedAt, failed, vanished: failed && m.outcome.cause === 'vanished', message: m.outcome.message ?? '' };
}

/** All machines vanish when a host is booted or loses its power, which is one failure: of those that vanished together the last one is kept. */
function singleVanishings(ends: readonly End[]): readonly End[] {
  const vanished = ends.filter((end) => end.vanished);
  const next = new Map(vanished.map((end, i) => [end, vanished[i + 1]]));
  return ends.filter((end) => (next.get(end)?.at ?? Number.POSITIVE_INFINITY) - end.at > together * 1000);
}

function isFailure(m: Machine & { readonly state: 'finished' }): boolean | undefined {
  const { outcome, startedAt, heartbeatAt } = m;
  if (startedAt === undefined) return undefined;
  const { code, message = '' } = outcome;
  if (outcome.abort && message.startsWith(fizzlePrefix)) return true;
  if (outcome.killReason === 'heartbeat-missing' && code === 700) return true;
  if (code !== undefined) return code >= 500 && code < 600 ? true : code < 400 ? false : undefined;
  return elapsed(startedAt, heartbeatAt ?? startedAt) >= m.fizzle ? false : undefined;
}

/** Machines that ran at the same time are one try. */
function pauseAfter(row: readonly End[]): Seconds {
  let tries = 0;
  let end = instant(Number.NEGATIVE_INFINITY);
  for (const { createdAt, at } of row) {
    if (createdAt < end) continue;
    tries += 1;
    end = at;
  }
  return seconds(Math.min(longestPause, firstPause * 2 ** (tries - 1)));
}

const isFailing = ({ shutdownMessage, shutdownAt }: PeerStatus, since: Instant): boolean => {
  if (shutdownMessage === undefined || shutdownAt === undefined || shutdownAt < since) return false;
  const number = messageNumber(shutdownMessage) ?? 0;
  return shutdownMessage.startsWith(fizzlePrefix) || (number >= 500 && number < 600);
};

/** Whether at least half of the other factories with these machinetypes have the same trouble since: then it is not this host. */
function failsElsewhere({ space, host }: Observed, types: ReadonlySet<string>, since: Instant): boolean {
  const heard = new Set<string>();
  const failing = new Set<string>();
  for (const status of space) {
    if (status.factory === host.factory || !types.has(status.machinetype)) continue;
    heard.add(status.factory);
    if (isFailing(status, since)) failing.add(status.factory);
  }
  return failing.size > 0 && failing.size * 2 >= heard.size;
}
