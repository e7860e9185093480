import type { Flavor } from './cloud/offer.ts';
import type { MachineModel } from './machinetype.ts';
import type { Instant, MachineId, Seconds } from './units.ts';

/**
 * Facts fixed when the intent to create a machine is recorded, enough to create it, to judge it and to account for it
 * after its machinetype has left the configuration (design §4.1, spec/factory.md §17).
 */
export interface MachineFacts {
  readonly id: MachineId;
  /** `wn01-07.example.com`: host label, slot, domain (spec/factory.md §5), reused by later machines of the slot; at a cloud `vacua-MACHINETYPE-RANDOM`. */
  readonly name: string;
  readonly slot: number;
  readonly machinetype: string;
  readonly machinegroup: string;
  readonly model: MachineModel;
  readonly accountingFqan?: string;
  readonly processors: number;
  /** MiB. */
  readonly memoryMb: number;
  /** Per processor; absent when the site has not configured it. */
  readonly hs06PerProcessor?: number;
  readonly fizzle: Seconds;
  readonly machinesDirDays: number;
  readonly createdAt: Instant;
  /** End of its lifetime; may be moved earlier by a global shutdown time (spec/factory.md §10.3). */
  readonly shutdownTime: Instant;
  /** Set when a global shutdown time has shortened it, which is announced to the machine. */
  readonly drainAnnounced?: boolean;
  /** Of the machinetype: publish the end of the lifetime as `shutdowntime` too (spec/machine-job-features.md §4.1). */
  readonly announceLifetimeAsShutdown?: boolean;
  /** Of the machinetype: name of the file in joboutputs whose last change is the heartbeat. Absent: none is expected. */
  readonly heartbeatFile?: string;
  /** Of the machinetype: greatest age of that file; 0: only its existence is checked. */
  readonly heartbeat?: Seconds;
  /** Bytes of the empty disk that the machine may fill; absent: none, or not known. */
  readonly scratchBytes?: number;
  /** A person keeps it for debugging: neither heartbeat nor wallclock ends it, and it counts as running. */
  readonly held?: boolean;
  /** At a cloud: its size, as the cloud offered it; absent: it was taken over. */
  readonly flavor?: Flavor;
  /** At a cloud: `root_image` that it was made from. */
  readonly image?: string;
  /** The cloud's own id of it, since it was first seen there. */
  readonly providerId?: string;
  /** Availability zone. */
  readonly zone?: string;
  /** Address in the cloud's network, for people. */
  readonly address?: string;
}

/** What a machine wrote through its guest service, judged only at its end or for its heartbeat. */
export interface GuestReport {
  /** First line, printable, at most 200 characters, with the time it was last written. */
  readonly message?: { readonly text: string; readonly at: Instant };
  /** Last change of its heartbeat file. */
  readonly heartbeatFileAt?: Instant;
  /** First request to the guest service: the boot is over. */
  readonly contactAt?: Instant;
}

/** Why this factory or a person ends a machine. Kept apart from what the machine itself said (spec/machine-job-features.md §6.2). */
export const killReasons = [
  'wallclock',
  'heartbeat-missing',
  'heartbeat-old',
  'paused',
  'creation-failed',
  'shutdown-time',
  'person',
  /** At a cloud: still not running after `starting_limit_seconds`. */
  'not-started',
  /** At a cloud: in a state that nobody understands for as long. */
  'failed',
] as const;
export type KillReason = (typeof killReasons)[number];

/** How the provider saw it end. `failed`: by a fault of the provider, as that says itself. */
export const endCauses = ['power-off', 'reset', 'panic', 'vanished', 'killed', 'never-started', 'failed', 'unknown'] as const;
export type EndCause = (typeof endCauses)[number];

export interface Outcome {
  /** 100–999; absent: none given and not a fizzle. */
  readonly code?: number;
  /** Printable text, with the code in front where there is one. */
  readonly message?: string;
  readonly cause: EndCause;
  readonly killReason?: KillReason;
  /** True: do not simply start another one (spec/factory.md §9). */
  readonly abort: boolean;
  /** The moment that back-off counts from: when the message was written, or the last heartbeat. Absent: no abort time known. */
  readonly at?: Instant;
}

/** A machine record. Each state carries exactly the facts that exist in it. */
export type Machine = MachineFacts &
  GuestReport &
  (
    | { readonly state: 'creating' }
    | { readonly state: 'running'; readonly startedAt: Instant; readonly heartbeatAt: Instant; readonly cpuSeconds: Seconds; readonly cpuPercent?: number }
    | ({ readonly state: 'ending'; readonly killReason: KillReason; readonly endingSince: Instant } & Partial<Ran>)
    | ({ readonly state: 'finished'; readonly finishedAt: Instant; readonly outcome: Outcome } & Partial<Ran>)
  );
export type MachineState = Machine['state'];

/** Known of a machine that the provider has accepted. `heartbeatAt`: last time the factory itself saw it running. */
export interface Ran {
  readonly startedAt: Instant;
  readonly heartbeatAt: Instant;
  readonly cpuSeconds: Seconds;
}

/** Written once for every machine that started, keyed by its id (spec/accounting.md). */
export interface UsageRecord {
  readonly id: MachineId;
  readonly name: string;
  readonly space: string;
  readonly factory: string;
  readonly site: string;
  readonly machinetype: string;
  readonly accountingFqan?: string;
  readonly processors: number;
  readonly memoryMb: number;
  readonly hs06PerProcessor?: number;
  readonly startedAt: Instant;
  /** Last heartbeat. */
  readonly endedAt: Instant;
  /** Last heartbeat minus start, not multiplied by processors. */
  readonly wall: Seconds;
  readonly cpu: Seconds;
  readonly outcome: Outcome;
  readonly cloud?: UsageAtCloud;
}

/** What accounting of clouds asks for besides (spec/accounting.md §5). */
export interface UsageAtCloud {
  /** What the site makes of it (spec/accounting.md §5.2). Absent: as jobs. */
  readonly accounting?: 'job' | 'cloud' | 'none';
  /** `openstack`, `ec2`, `command`. */
  readonly api: string;
  /** The cloud's own id of the machine; absent: it was never seen there. */
  readonly providerId?: string;
  readonly flavor?: string;
  /** Of the flavor; 10^9 bytes. */
  readonly diskGb?: number;
  /** MiB, of the flavor. */
  readonly memoryMb?: number;
  readonly image?: string;
  readonly zone?: string;
}

export const isLive = (m: Machine): boolean => m.state !== 'finished';
/** HS06 of the whole machine; 1.0 per processor where the site has not configured it (spec/vacquery.md §6.3). */
export const hs06Of = (m: Pick<MachineFacts, 'hs06PerProcessor' | 'processors'>): number => (m.hs06PerProcessor ?? 1) * m.processors;
