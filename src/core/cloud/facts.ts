import type { CreationFailures } from '../observed.ts';
import type { Instant, MachineId } from '../units.ts';
import type { CloudOffer } from './offer.ts';

/** What a manager of a space at a cloud knows beside the list of its machines. */
export interface CloudFacts {
  /** As the provider told it last; absent: it never has. */
  readonly offer?: CloudOffer;
  readonly lease: Lease;
  /** Managers that gave a sign of life within `takeover`, this one included; absent: nothing can be known of others, because no directory is shared. */
  readonly aliveManagers?: ReadonlySet<string>;
  /** Of recorded machines: from how many complete lists in a row each was absent; without an entry: none. */
  readonly missing: ReadonlyMap<MachineId, number>;
  /** Of recorded machines that are paused or in a state that nobody understands: since when this process has seen them so. */
  readonly stalled: ReadonlyMap<MachineId, Instant>;
  /** Removals that have been tried and whose machine is still listed. */
  readonly removals: ReadonlyMap<MachineId, Removal>;
  /** Creations of any machinetype that failed in a row, for a cause that all of them will meet. */
  readonly failing?: CreationFailures;
}

/** Only the manager that holds the lease of a space creates and takes over machines (spec/cloud.md §5.4). */
export type Lease = { readonly held: true } | { readonly held: false; readonly holder?: string; readonly text: string };

export interface Removal {
  readonly tries: number;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
}

/** A machine is gone after so many complete lists in a row without it (design §4.4). */
export const listsWithoutIt = 2;

/** Where nothing has been observed. */
export const noCloudFacts: CloudFacts = { lease: { held: true }, missing: new Map(), stalled: new Map(), removals: new Map() };

/** Pause in seconds after a removal that did not make the machine go: 30, doubled with each, at most 3600 (spec/cloud.md §5.3, project rule). */
export const removalPause = (tries: number): number => Math.min(3600, 30 * 2 ** (Math.max(1, tries) - 1));

/** A machine that is still there after so many removals is reported. */
export const stuckAfterTries = 3;
