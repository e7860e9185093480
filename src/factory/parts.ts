import type { Lease } from '../core/cloud/facts.ts';
import type { Problem } from '../core/config/problem.ts';
import type { FeaturePlaces } from '../core/guest/features.ts';
import type { Machine, GuestReport } from '../core/machine.ts';
import type { Machinetype } from '../core/machinetype.ts';
import type { Demand, Observed, Preparation } from '../core/observed.ts';
import type { Configuration, Settings } from '../core/settings.ts';
import type { CensusOptions, FactoryAnswer } from '../core/space/census.ts';
import type { SpaceReport } from '../core/space/report.ts';
import type { OwnStatus, SpaceView } from '../core/space/types.ts';
import type { Instant, MachineId, Seconds } from '../core/units.ts';
import type { AskedKind } from '../core/vacquery/query.ts';

/**
 * The parts around the loop, as the loop sees them. Each is one file or folder beside this one; construction does no I/O,
 * `close` releases what was taken. None of them throws for what guests, servers or files may do: failures are facts.
 */

/** Metadata, user data, Machine/Job Features and joboutputs for every live machine (spec/factory.md §12–14). */
export interface GuestService {
  /** Begins to answer for a machine on the sockets in its directory; replaces what an earlier process left. Idempotent. */
  attach(machine: Machine): Promise<void>;
  /** Stops answering and forgets its report; files stay until the machine is forgotten. Idempotent. */
  detach(id: MachineId): Promise<void>;
  /** What the machine has written so far, also after a restart of the daemon. */
  report(id: MachineId): GuestReport;
  /** The record has changed (a nearer shutdown time): answers follow. */
  update(machine: Machine): void;
  /** The wall clock has stepped: remembered times move with it. */
  shift(by: Seconds): void;
  /** Since when storing and answering have worked without a break; undefined: they do not now. */
  readonly since: Instant | undefined;
  /** URLs that are given to a machine far away by its cloud's metadata (spec/cloud.md §7.5); known before `attach`. Absent: machines find it by its address. */
  placesFor?(machine: Machine): FeaturePlaces;
  close(): Promise<void>;
}

/** Local copies of root images, made outside the creation path (spec/factory.md §15). */
export interface Images {
  /** Starts, continues or refreshes what these machinetypes need, and forgets what nobody needs. Returns at once. */
  want(machinetypes: readonly Machinetype[], settings: Settings): void;
  preparation(machinetype: Machinetype): Preparation;
  /** Verified local files for one machine. Rejects when they are not ready. */
  files(machinetype: Machinetype): Promise<{ readonly rootImage: string; readonly initrd?: string }>;
  /** Calls back when a preparation has changed. */
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

/** Vacuum pipes and configuration files, read outside the loop (spec/factory.md §3–4). */
export interface ConfigurationSource {
  /** Last good configuration and all present problems. `undefined`: there has never been a good one. */
  current(): { readonly configuration: Configuration | undefined; readonly problems: readonly Problem[]; readonly pipes: readonly PipeState[] };
  /** Looks at files and pipes again; resolves when that has been done once. */
  refresh(signal: AbortSignal): Promise<void>;
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

/** This factory's part in its space (spec/vacquery.md). Never throws for what other hosts do. */
export interface SpacePart {
  /** What counts of the others now. */
  view(now: Instant): SpaceView;
  /** The facts of a turn, for the others. */
  publish(observed: Observed, configuration: Configuration): void;
  /** The wall clock has stepped: remembered times move with it. */
  shift(by: Seconds): void;
  /** Resolves when every factory has been heard or has been silent for a round, but after that time at the latest. */
  settled(within: Seconds): Promise<void>;
  report(): SpaceReport;
  /** Asks once; who does not answer in time is `silent`. */
  ask(kind: AskedKind, options: CensusOptions): Promise<readonly FactoryAnswer[]>;
  /** What it last told the others; undefined before the first turn. */
  own(): OwnStatus | undefined;
  close(): Promise<void>;
}

/** This manager among those of a space at a cloud that share a directory (spec/cloud.md §5.4). Never throws for what others do. */
export interface ManagersPart {
  /** As last read: whether the lease is held here, and which managers have given a sign of life within `takeover`, this one included. */
  facts(now: Instant): { readonly lease: Lease; readonly alive: ReadonlySet<string> };
  /** Looks again, right before a creation. Rejects, with a text for people, when the lease is not held here any more. */
  confirm(signal: AbortSignal): Promise<void>;
  /** The wall clock has stepped: remembered times move with it. */
  shift(by: Seconds): void;
  close(): Promise<void>;
}

/** What tenants' queues say of waiting jobs, asked outside the loop (src/queue/agent-protocol.md, Demand). */
export interface DemandPart {
  /** Begins to ask for the machinetypes with policy `demand`, and stops for others. Returns at once. */
  want(configuration: Configuration): void;
  /** Per machinetype; undefined: none has that policy. */
  demand(configuration: Configuration): ReadonlyMap<string, Demand> | undefined;
  close(): Promise<void>;
}

export type { Problem };

export interface PipeState {
  /** Of the space at a cloud that it belongs to; absent: of the host. */
  readonly space?: string;
  readonly prefix: string;
  readonly url: string;
  readonly fetchedAt?: Instant;
  /** Why the last attempt failed; the last good copy stays in use. */
  readonly failure?: string;
  readonly machinetypes: number;
}

/** Everything a machine is told, made durable in its directory before it is created (spec/factory.md §12). */
export interface Contextualiser {
  /** Writes `user_data` (0600) and the public key. Rejects with a message for people when the template cannot be had. */
  prepare(machine: Machine, machinetype: Machinetype, settings: Settings, signal: AbortSignal): Promise<void>;
}
