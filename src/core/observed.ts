import type { CloudFacts } from './cloud/facts.ts';
import type { EndCause, Machine } from './machine.ts';
import type { Instant, MachineId, Seconds } from './units.ts';

/** Everything a factory knows at the beginning of a turn. A silence or a failure is a fact in here, never an exception. */
export interface Observed {
  readonly now: Instant;
  readonly host: HostFacts;
  /** All own records that are not yet forgotten, finished ones included. */
  readonly machines: readonly Machine[];
  readonly listing: Listing;
  /** Creations and removals that this process is performing right now. */
  readonly inFlight: ReadonlySet<MachineId>;
  readonly space: readonly PeerStatus[];
  /** Factories that were asked and did not answer. */
  readonly silent: readonly string[];
  /** Per machinetype: what must be there before a machine can be made. A machinetype without an entry is ready. */
  readonly preparations: ReadonlyMap<string, Preparation>;
  /** Per machinetype: creations that failed in a row on this host. */
  readonly creationFailures: ReadonlyMap<string, CreationFailures>;
  /** Since when guest service, disk and loop have been working without a break; no machine is blamed for silence before (spec/factory.md §10.1). */
  readonly guestServiceSince?: Instant;
  /** Times at which creations were begun, younger than one minute, oldest first. */
  readonly recentStarts: readonly Instant[];
  /** Per machinetype with policy `demand`: the jobs of its queue. Absent: it has not been asked yet. */
  readonly demand?: ReadonlyMap<string, Demand>;
  /** Remembered usage of this factory per machinetype, in HS06 hours as of `now`; absent: none is kept (docs/shares.md). */
  readonly usage?: ReadonlyMap<string, number>;
  /** Of a space at a cloud. */
  readonly cloud?: CloudFacts;
}

export interface HostFacts {
  /** Lower-case fully qualified. */
  readonly factory: string;
  /** Logical processors of the host = number of slots (spec/factory.md §5). */
  readonly processors: number;
  /** Greatest of the 1, 5 and 15 minute load averages. */
  readonly load: number;
  /** Bytes free on the file system of the state directory; absent: unknown. */
  readonly freeDiskBytes?: number;
  /** The journal could not be written at the last attempt: nothing may be begun. */
  readonly journalFault?: string;
}

/** What a provider has, as of `at`. Only a complete listing may conclude that a machine is gone (design §4.4). */
export type Listing =
  | { readonly state: 'complete' | 'partial'; readonly at: Instant; readonly sightings: readonly Sighting[]; readonly foreignProcessors: number }
  | { readonly state: 'unknown'; readonly since: Instant; readonly why: string };

/** `starting`, `failed` and `deleting` are known of clouds alone (spec/cloud.md §4.2). */
export type Power = 'starting' | 'running' | 'paused' | 'off' | 'failed' | 'deleting' | 'unknown';

export interface Sighting {
  /** The id that we gave it; sightings without our mark are not reported one by one. */
  readonly id: MachineId;
  readonly power: Power;
  /** With power `off`: how it ended, as far as the provider saw. */
  readonly cause?: EndCause;
  /** When the provider accepted it, if it remembers; on the wall clock as it stands now, which may have stepped since. */
  readonly startedAt?: Instant;
  readonly cpuSeconds?: Seconds;
  /** Enough of the order to describe an unrecorded machine again, when the provider carries it along. */
  readonly order?: unknown;
  /** What its tags say, where the provider carries them: enough to describe an unrecorded machine again. Tags can be edited by people: hostile. */
  readonly marks?: Marks;
  /** Why the provider says that it failed. */
  readonly failure?: string;
  /** With `failure`: what ran out, where something did: the project's own allowance, or room at the provider for anyone. */
  readonly lack?: 'quota' | 'capacity';
  /** The cloud's own id of it, for people and accounting. */
  readonly providerId?: string;
  /** Availability zone that it is in. */
  readonly zone?: string;
  /** Address in the cloud's network, for people. */
  readonly address?: string;
}

/** Travels with a machine in a cloud (spec/cloud.md §7.2, project rule). */
export interface Marks {
  readonly manager: string;
  readonly machinetype: string;
  readonly name: string;
  readonly processors: number;
  readonly createdAt: Instant;
  readonly shutdownTime: Instant;
}

/** One `machinetype_status` of another factory, times already on our clock (spec/vacquery.md §6.3). */
export interface PeerStatus {
  readonly factory: string;
  readonly machinetype: string;
  readonly runningHs06: number;
  readonly runningMachines: number;
  readonly runningProcessors: number;
  readonly numBeforeFizzle: number;
  readonly shutdownMessage?: string;
  readonly shutdownAt?: Instant;
  /** Remembered usage in HS06 hours, when that factory keeps one (docs/shares.md). */
  readonly usageHs06Hours?: number;
}

export type Preparation = { readonly ready: true } | { readonly ready: false; readonly why: string };

/** Jobs that only machines of one machinetype are started for, as its queue counted them. `unknownSince`: the first time in a row that it could not be asked. */
export type Demand = { readonly waiting: number; readonly running: number; readonly at: Instant } | { readonly unknownSince: Instant; readonly why: string };

export interface CreationFailures {
  readonly count: number;
  readonly lastAt: Instant;
  readonly why: string;
  /** Whose fault the last one was, where the provider said so. */
  readonly fault?: 'host' | 'provider' | 'tenant';
  /** What ran out. */
  readonly lack?: 'quota' | 'capacity';
  /** The provider asked not to be asked again before. */
  readonly retryAt?: Instant;
}
