import type { Flavor } from './cloud/offer.ts';
import type { KillReason, Machine, Outcome, UsageRecord } from './machine.ts';
import type { Marks } from './observed.ts';
import type { Instant, MachineId, Seconds } from './units.ts';

/** What to do now, and why. The only thing that reaches the journal and the provider. */
export interface Decision {
  readonly at: Instant;
  readonly actions: readonly Action[];
  readonly reasons: Reasons;
  /** Next moment at which the same facts would give another decision. */
  readonly wakeAt: Instant;
}

export type Action =
  /** A new machine: the shell draws the id, records the intent, then asks the provider. */
  | ({ readonly kind: 'create' } & Placement)
  /** The provider has accepted it, or a restarted daemon meets it again. */
  | {
      readonly kind: 'adopt';
      readonly id: MachineId;
      readonly startedAt: Instant;
      /** At a cloud the lifetime counts from the start (spec/cloud.md §5.3 rule 3). */
      readonly shutdownTime?: Instant;
    }
  /** A machine at a cloud with our mark and without a record gets one. */
  | { readonly kind: 'take'; readonly id: MachineId; readonly marks: Marks }
  /** Ask the guest to shut down; from `endingSince` + grace of the provider on, `destroy` follows. */
  | { readonly kind: 'end'; readonly id: MachineId; readonly why: KillReason; readonly message?: string }
  /** Remove it from the provider, by force. Idempotent. */
  | { readonly kind: 'destroy'; readonly id: MachineId; readonly why: KillReason | 'finished' | 'no-record' }
  /** The one transition that ends a machine: outcome, usage record and notification in one transaction. */
  | {
      readonly kind: 'finish';
      readonly id: MachineId;
      readonly outcome: Outcome;
      readonly usage?: UsageRecord;
      /** The cloud accepted it and could not make it: counts as a failed creation of its machinetype. */
      readonly failure?: { readonly text: string; readonly lack?: 'quota' | 'capacity' };
    }
  | { readonly kind: 'shorten'; readonly id: MachineId; readonly shutdownTime: Instant }
  /** Saved outputs have expired (spec/factory.md §16). */
  | { readonly kind: 'forget'; readonly id: MachineId };
export type ActionKind = Action['kind'];

export interface Placement {
  readonly machinetype: string;
  readonly slot: number;
  readonly processors: number;
  readonly shutdownTime: Instant;
  readonly superslot: 'existing' | 'new';
  /** At a cloud. */
  readonly flavor?: Flavor;
}

/** Why nothing at all, or nothing more, was started in this turn. */
export type Veto =
  | { readonly why: 'configuration_refused'; readonly text: string }
  | { readonly why: 'journal'; readonly text: string }
  | { readonly why: 'provider_unknown'; readonly since: Instant; readonly text: string }
  | { readonly why: 'load'; readonly load: number; readonly limit: number }
  | { readonly why: 'shutdown_time_passed'; readonly shutdownTime: Instant }
  | { readonly why: 'draining' }
  | { readonly why: 'disk'; readonly freeBytes: number; readonly neededBytes: number }
  /** `limit`: at a cloud, what sets the total. */
  | { readonly why: 'no_free_processors'; readonly used: number; readonly total: number; readonly limit?: LimitedBy }
  | { readonly why: 'no_free_machines'; readonly used: number; readonly total: number; readonly limit: LimitedBy }
  /** Part of the processors of a cloud that may be asked for in one cycle. */
  | { readonly why: 'ramp'; readonly requested: number; readonly limit: number; readonly until: Instant }
  /** The cloud's list of machines has been cut, so that nothing can be counted. */
  | { readonly why: 'list_incomplete' }
  /** The cloud has not said which flavors it has. */
  | { readonly why: 'offer_unknown' }
  | { readonly why: 'not_lease_holder'; readonly holder?: string; readonly text: string }
  /** Creations fail at this cloud for a cause that all machinetypes meet. `until`: when one is tried; absent: one is being tried. */
  | { readonly why: 'space_failing'; readonly count: number; readonly text: string; readonly until?: Instant }
  | { readonly why: 'none_eligible' }
  | { readonly why: 'none_suitable' }
  | { readonly why: 'start_rate'; readonly perMinute: number; readonly until: Instant }
  | { readonly why: 'boot_concurrency'; readonly booting: number; readonly limit: number }
  /** Machines of every tenant fail here. `until`: when one is tried; absent: the one that is tried now has to show it. */
  | {
      readonly why: 'black_hole';
      readonly failures: number;
      readonly machinetypes: readonly string[];
      readonly since: Instant;
      readonly message: string;
      readonly until?: Instant;
    };

/** A limit in the configuration, or the project's allowance at the cloud. */
export type LimitedBy = 'configured' | 'quota';

/** One machinetype in one turn, with the numbers used. The log, `vacua why` and metrics are made from it. */
export type Verdict =
  | { readonly why: 'started'; readonly count: number }
  | { readonly why: 'no_share' }
  | { readonly why: 'not_ready'; readonly text: string }
  /** `until` absent: at a cloud, one is being tried. */
  | { readonly why: 'creation_failing'; readonly count: number; readonly until?: Instant; readonly text: string; readonly lack?: 'quota' | 'capacity' }
  /** At a cloud: no flavor suits. */
  | { readonly why: 'no_flavor'; readonly text: string }
  /** At a cloud: `processors_limit` of the machinetype. */
  | { readonly why: 'own_limit'; readonly used: number; readonly needs: number; readonly limit: number }
  | { readonly why: 'starting_limit'; readonly starting: number; readonly limit: number }
  /** Policy `demand`: the space has a machine for each job that waits or runs, or as many as `maxMachines` allows. */
  | { readonly why: 'no_demand'; readonly waiting: number; readonly running: number; readonly machines: number; readonly maxMachines?: number }
  /** Policy `demand`: its queue does not say how many jobs wait. `since`: absent: it has not been asked yet. */
  | { readonly why: 'demand_unknown'; readonly since?: Instant; readonly text: string }
  | { readonly why: 'shutdown_time_near'; readonly needs: Seconds; readonly left: Seconds }
  | {
      readonly why: 'backing_off';
      readonly until: Instant;
      readonly lastAbort: Instant;
      readonly message: string;
      readonly factory: string;
      /** With `backoff_doubling`: how many times in a row the same cause was met, from 2 on, and the pause that follows. */
      readonly inARow?: number;
      readonly pause?: Seconds;
    }
  | {
      readonly why: 'scout_out';
      readonly until: Instant;
      readonly lastAbort: Instant;
      readonly message: string;
      readonly factory: string;
      readonly fresh: number;
    }
  /** Others are to try first: of `of` factories this one is the `rank`th, from 1, and `width` are reached now. `until`: when this one may be. */
  | {
      readonly why: 'not_elected';
      readonly until: Instant;
      readonly lastAbort: Instant;
      readonly message: string;
      readonly factory: string;
      readonly rank: number;
      readonly of: number;
      readonly width: number;
      readonly fresh: number;
    }
  | { readonly why: 'does_not_fit'; readonly minProcessors: number; readonly free: number; readonly reserved: number }
  | { readonly why: 'after_others'; readonly first: string }
  | { readonly why: 'eligible' };

export interface MachinetypeReason {
  readonly machinetype: string;
  readonly verdict: Verdict;
  readonly targetShare: number;
  /** What remembered usage makes of it, when that is something else (docs/shares.md). */
  readonly effectiveShare?: number;
  /** Of all starting and running machines in the space, this factory's included. */
  readonly hs06: number;
  readonly machines: number;
  readonly score: number;
  readonly groupScore: number;
  /** Machines in the space that start or are younger than `fizzle_seconds`. */
  readonly fresh: number;
}

export interface Reasons {
  readonly veto?: Veto;
  readonly usedProcessors: number;
  readonly totalProcessors: number;
  readonly machinetypes: readonly MachinetypeReason[];
  /** At a cloud: machines that are still there after several removals. */
  readonly stuck?: readonly StuckRemoval[];
  /** Eligible machinetypes before the first start of the turn, most starved first; equals stand together. */
  readonly order: readonly { readonly machinetypes: readonly string[]; readonly groupScore: number; readonly score: number }[];
}

export interface StuckRemoval {
  readonly id: MachineId;
  readonly name?: string;
  readonly tries: number;
  readonly since: Instant;
  readonly nextAt: Instant;
}

/** Which rule decides. `vac31` repeats the choices of Vac 3.1, one start per turn (spec/decisions.md). */
export type Rule = 'vacua' | 'vac31';

export const startedRecord = (m: Machine): m is Machine & { startedAt: Instant; heartbeatAt: Instant } => 'startedAt' in m && m.startedAt !== undefined;
