import type { PeerStatus } from '../observed.ts';
import { abortCode } from '../outcome.ts';
import { elapsed, type Instant, instant, later, type Seconds } from '../units.ts';
import type { Status } from '../vacquery/decode.ts';
import { machinetypesPerFactory } from '../vacquery/limits.ts';
import type { FactoryReport } from './report.ts';
import type { Endpoint, MachinetypeFacts, SpaceView } from './types.ts';

/** Aborts of a silent factory are kept this long; no back-off lasts longer. */
const abortMemorySeconds = 86_400;

export interface Heard {
  readonly at: Instant;
  readonly facts: MachinetypeFacts;
  readonly status: PeerStatus;
}

/** What is remembered of one other factory. */
export interface Peer {
  readonly name: string;
  /** When it is asked next; undefined while it is being asked. */
  dueAt: Instant | undefined;
  endpoint: Endpoint | undefined;
  /** Beginning of the first question to it. */
  askedSince: Instant | undefined;
  askedAt: Instant | undefined;
  heardAt: Instant | undefined;
  /** Rounds in a row without any answer. */
  failures: number;
  version: string;
  types: Map<string, Heard>;
  rounds: number;
  silentRounds: number;
  rejected: number;
  /** Why something that came in its name was last not believed. */
  rejection: string | undefined;
  /** Of the last reply whose seal was verified: only what is newer may be pushed. */
  session: string | undefined;
  sequence: number;
}

export const newPeer = (name: string): Peer => ({
  name,
  dueAt: undefined,
  endpoint: undefined,
  askedSince: undefined,
  askedAt: undefined,
  heardAt: undefined,
  failures: 0,
  version: '',
  types: new Map(),
  rounds: 0,
  silentRounds: 0,
  rejected: 0,
  rejection: undefined,
  session: undefined,
  sequence: 0,
});

/** Statuses older than this do not count: three rounds, at least five minutes. */
export const ageLimit = (refresh: Seconds): number => Math.max(300, 3 * refresh);

export function hear(peer: Peer, status: Status & { readonly kind: 'machinetypes' }, now: Instant): void {
  peer.heardAt = now;
  peer.version = status.version;
  const { facts } = status;
  if (!peer.types.has(facts.machinetype) && peer.types.size >= machinetypesPerFactory) return;
  peer.types.set(facts.machinetype, {
    at: now,
    facts,
    status: {
      factory: peer.name,
      machinetype: facts.machinetype,
      runningHs06: facts.runningHs06,
      runningMachines: facts.runningMachines,
      runningProcessors: facts.runningProcessors,
      numBeforeFizzle: facts.numBeforeFizzle,
      ...(facts.shutdownMessage === undefined ? {} : { shutdownMessage: facts.shutdownMessage }),
      ...(facts.shutdownAt === undefined ? {} : { shutdownAt: facts.shutdownAt }),
      ...(facts.usage === undefined ? {} : { usageHs06Hours: facts.usage }),
    },
  });
}

/** Machinetypes that a complete answer did not name are gone. */
export function keepOnly(peer: Peer, types: ReadonlySet<string>): void {
  for (const name of peer.types.keys()) if (!types.has(name)) peer.types.delete(name);
}

/**
 * What counts now. Of a factory that has been silent for longer than the limit its machines count no more, as they may be gone; an
 * abort that it has told stays an abort.
 */
export function viewOf(peers: Iterable<Peer>, limit: number, now: Instant): SpaceView {
  const oldest = later(now, -limit);
  const forgotten = later(now, -abortMemorySeconds);
  const statuses: PeerStatus[] = [];
  const silent: { factory: string; since: Instant }[] = [];
  for (const peer of peers) {
    for (const [name, { at, status }] of peer.types) {
      if (at >= oldest) statuses.push(status);
      else if (status.shutdownAt !== undefined && status.shutdownAt >= forgotten && abortCode(status.shutdownMessage ?? '') !== undefined)
        statuses.push({ ...status, runningHs06: 0, runningMachines: 0, runningProcessors: 0, numBeforeFizzle: 0 });
      else if (at < forgotten) peer.types.delete(name);
    }
    const since = silentSince(peer, oldest);
    if (since !== undefined) silent.push({ factory: peer.name, since });
  }
  return { peers: statuses, silent };
}

/** Asked in vain, and not heard of since before `oldest`, or never. */
export function silentSince(peer: Peer, oldest: Instant): Instant | undefined {
  if (peer.heardAt === undefined) return peer.silentRounds > 0 ? peer.askedSince : undefined;
  return peer.heardAt < oldest ? peer.heardAt : undefined;
}

/** Pause before a factory is asked again that has not answered so many rounds in a row: doubled each time, at most ten minutes. */
export const pauseAfter = (failures: number, refresh: Seconds): number => Math.max(refresh, Math.min(600, refresh * 2 ** Math.min(20, failures - 1)));

export const ageOf = (peer: Peer, now: Instant): Seconds | undefined => (peer.heardAt === undefined ? undefined : elapsed(peer.heardAt, now));

/** The wall clock was set: everything stays as old as it is. */
export function shiftPeer(peer: Peer, milliseconds: number): void {
  const moved = (at: Instant | undefined): Instant | undefined => (at === undefined ? undefined : instant(at + milliseconds));
  peer.askedSince = moved(peer.askedSince);
  peer.askedAt = moved(peer.askedAt);
  peer.heardAt = moved(peer.heardAt);
  peer.types = new Map(
    [...peer.types].map(([name, { at, facts, status }]) => {
      const ended = moved(status.shutdownAt);
      const time = ended === undefined ? {} : { shutdownAt: ended };
      return [name, { at: instant(at + milliseconds), facts: { ...facts, ...time }, status: { ...status, ...time } }];
    }),
  );
}

/** One factory for people. `oldest`: facts from before do not count. */
export function peerReport(peer: Peer, oldest: Instant): FactoryReport {
  const since = silentSince(peer, oldest);
  return {
    factory: peer.name,
    ...(peer.endpoint && { address: peer.endpoint.host }),
    ...(peer.heardAt !== undefined && { heardAt: peer.heardAt }),
    ...(since !== undefined && { silentSince: since }),
    ...(peer.failures > 0 && peer.dueAt !== undefined && { nextTry: peer.dueAt }),
    ...(peer.rejection !== undefined && { why: peer.rejection }),
    ...(peer.version !== '' && { version: peer.version }),
    asked: peer.rounds,
    unanswered: peer.silentRounds,
    rejected: peer.rejected,
    machinetypes: [...peer.types.values()].map(({ status }) => status),
  };
}
