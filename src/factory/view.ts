import type { Lease } from '../core/cloud/facts.ts';
import type { Decision, Rule } from '../core/decision.ts';
import type { Machine, UsageRecord } from '../core/machine.ts';
import type { Observed } from '../core/observed.ts';
import type { Configuration } from '../core/settings.ts';
import type { CensusOptions, FactoryAnswer } from '../core/space/census.ts';
import type { SpaceReport } from '../core/space/report.ts';
import type { AskedKind } from '../core/vacquery/query.ts';
import type { Instant, MachineId } from '../core/units.ts';
import type { PipeState, Problem } from './parts.ts';

/**
 * A running factory as the control API sees it: snapshots in memory for every read, three commands.
 * Implemented by the daemon (factory.ts); the control API and tests use nothing else of it.
 */
export interface FactoryView {
  status(): FactoryStatus;
  /** All records that are not forgotten, by slot, then by creation. */
  machines(): readonly Machine[];
  usage(): readonly UsageRecord[];
  /** The facts and the outcome of the last turn; undefined before the first. */
  lastTurn(): { readonly observed: Observed; readonly decision: Decision } | undefined;
  configuration(): { readonly configuration: Configuration | undefined; readonly problems: readonly Problem[]; readonly pipes: readonly PipeState[] };
  /** What this factory knows of its space now. */
  space(): SpaceReport;
  /** Asks once, for a person, all factories of the space or those named; this one answers too. Who does not answer in time is `silent`. */
  ask(kind: AskedKind, options: CensusOptions): Promise<readonly FactoryAnswer[]>;
  /** Serial console; undefined: unknown machine, or its provider has none. */
  console(id: MachineId): Promise<Uint8Array | undefined>;
  /** A person's decisions. Durable: they survive a restart of the daemon. */
  drain(on: boolean): Promise<void>;
  hold(id: MachineId, on: boolean): Promise<boolean>;
  destroy(id: MachineId): Promise<boolean>;
}

export interface FactoryStatus {
  readonly version: string;
  readonly pid: number;
  readonly factory: string;
  readonly space: string;
  readonly provider: string;
  readonly notes: readonly string[];
  readonly rule: Rule;
  readonly stateDir: string;
  readonly startedAt: Instant;
  readonly lastTurnAt?: Instant;
  readonly draining: boolean;
  readonly slots: number;
  readonly totalProcessors: number;
  readonly usedProcessors: number;
  readonly load: number;
  readonly freeDiskBytes?: number;
  readonly journalFault?: string;
  /** Of a space at a cloud, whose machines have no slots. */
  readonly cloud?: CloudStatus;
}

/** What keeps a space at a cloud from being served. */
export interface SpaceTrouble {
  readonly why: string;
  /** When it is opened again by itself; absent: it is open, and asked for its list again in the next turn. */
  readonly nextTry?: Instant;
}

export interface CloudStatus {
  readonly api: string;
  readonly manager: string;
  /** Absent: the provider has been opened, and gave its last list. */
  readonly trouble?: SpaceTrouble;
  /** It is no longer in the configuration, and ends with its last machine. */
  readonly leaving?: true;
  /** Present where managers share a directory. */
  readonly lease?: Lease;
}
