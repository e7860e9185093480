import type { Rule } from '../../core/decision.ts';
import type { Configuration } from '../../core/settings.ts';
import type { Instant, Seconds } from '../../core/units.ts';

/** One whole scenario, every default applied (docs/simulator.md). Instants are on the true clock, which hosts may disagree with. */
export interface Scenario {
  readonly title: string;
  readonly start: Instant;
  readonly duration: Seconds;
  readonly seed: number;
  readonly reportInterval: Seconds;
  readonly network: Network;
  readonly rule: Rule;
  readonly groups: readonly HostGroup[];
  readonly hosts: readonly Host[];
  readonly work: ReadonlyMap<string, Work>;
  readonly faults: readonly Fault[];
}

export interface Network {
  readonly kind: NetworkKind;
  readonly delay: Seconds;
  /** Part of the datagrams that is lost, from 0 to 1. */
  readonly loss: number;
}
/** `members`: every datagram with the real codec; `shared`: one sum of all statuses, messages only counted; `auto`: members in small spaces. */
export const networkKinds = ['auto', 'members', 'shared'] as const;
export type NetworkKind = (typeof networkKinds)[number];

export interface HostGroup {
  readonly name: string;
  readonly count: number;
  readonly processors: number;
  /** From the order to the guest's first request. */
  readonly boot: Seconds;
  /** Part of the boot time by which single boots differ, 0 to 1. */
  readonly bootSpread: number;
  readonly joins: Instant;
  /** The hosts of the group join one after another within this time. */
  readonly joinsWithin: Seconds;
  /** When the hosts are taken away; absent: never. */
  readonly leaves?: Instant;
  /** How long before that they are told, as a global shutdown time. */
  readonly notice: Seconds;
  /** As each factory of the group reads it. */
  readonly configuration: Configuration;
}

export interface Host {
  readonly name: string;
  readonly group: HostGroup;
  /** Place in its group, from 0. */
  readonly index: number;
}

export type Length =
  | { readonly kind: 'fixed'; readonly seconds: number }
  | { readonly kind: 'uniform'; readonly least: number; readonly most: number }
  | { readonly kind: 'exponential'; readonly mean: number }
  /** `median` in seconds; `sigma` of the logarithm. */
  | { readonly kind: 'lognormal'; readonly median: number; readonly sigma: number };

/** Jobs per second from this second of the day on, until the next step. */
export interface RateStep {
  readonly from: number;
  readonly perSecond: number;
}

/** What waits in the task queue of one machinetype. */
export interface Work {
  readonly machinetype: string;
  /** Jobs at the start; `endless`: there is always another one. */
  readonly waiting: number | 'endless';
  /** Sorted; empty: nothing arrives. */
  readonly rate: readonly RateStep[];
  readonly batch: number;
  readonly jobLength: Length;
  /** How long an agent waits for a job before it ends with 300. */
  readonly idle: Seconds;
  /** 0: as many as fit. */
  readonly jobsPerMachine: number;
  /** Part of the machines that fail right after their boot, 0 to 1. */
  readonly fails: number;
  readonly failure: string;
}

export const faultKinds = ['crash', 'daemon', 'reboot', 'partition', 'clock', 'loss', 'black_hole'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  readonly name: string;
  readonly kind: FaultKind;
  /** Indices into `hosts`. */
  readonly hosts: readonly number[];
  readonly at: Instant;
  /** Absent: until the end. */
  readonly lasts?: Seconds;
  /** Pause between the first `together` hosts, the next ones, and so on. */
  readonly stagger: Seconds;
  readonly together: number;
  /** Kind `reboot`: how long before it the hosts are told. */
  readonly notice: Seconds;
  /** Kind `clock`: by how much the clocks are set forward; negative: back. */
  readonly skew: Seconds;
  /** Kind `loss`, 0 to 1. */
  readonly loss: number;
  /** Kind `black_hole`: machines end this long after their boot; without a message when it is absent. */
  readonly after: Seconds;
  readonly message?: string;
}
