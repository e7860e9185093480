import type { CloudOffer } from '../core/cloud/offer.ts';
import type { Sighting } from '../core/observed.ts';
import type { Machinetype, MachineModel } from '../core/machinetype.ts';
import type { HostService } from '../core/settings.ts';
import type { Instant, MachineId, Seconds } from '../core/units.ts';

/**
 * What turns orders into machines. Small on purpose: every provider passes the same contract test (provider-contract.ts).
 * All calls are idempotent by machine id, take a signal as deadline, and may be lost half-way: the next turn looks again.
 */
export interface Provider {
  readonly kind: string;
  readonly can: Capabilities;
  /** Once, before anything else: probes, shared resources. Says in `notes` what a person should know (for instance: no KVM). */
  open(signal: AbortSignal): Promise<{ readonly notes: readonly string[] }>;
  /** Everything that carries our mark. Never throws for a single odd machine: its power is then `unknown`. */
  list(signal: AbortSignal): Promise<ProviderList>;
  /** Resolves when the provider has accepted the machine, also when it already had. The machine outlives this process. */
  create(order: MachineOrder, signal: AbortSignal): Promise<void>;
  /** Asks the guest to end by itself; resolves at once, whether or not it obeys or exists. */
  shutdown(id: MachineId, signal: AbortSignal): Promise<void>;
  /** Resolves when the machine and all that belonged to it are gone, also when they already were. */
  destroy(id: MachineId, signal: AbortSignal): Promise<void>;
  /** Calls `onChange` when a machine may have changed, so that a turn need not wait for the cycle. Hints only: may be lost. */
  watch?(onChange: (id: MachineId) => void): void;
  /**
   * For a person, before anything starts: whether credentials, images, flavors, networks, keys and quota are there for these machinetypes.
   * Yields each finding as soon as it is known, changes nothing, needs no `open`, and never throws for what it finds: what cannot be reached is `unknown`.
   */
  verify?(machinetypes: readonly Machinetype[], signal: AbortSignal): AsyncIterable<Finding>;
  /** Serial console so far, newest part when it was cut; present when `can.console`. */
  console?(id: MachineId): Promise<Uint8Array>;
  /** Releases what this process holds; machines run on. */
  close(): Promise<void>;
}

/** One thing that `vacua check --online` has looked at. */
export interface Finding {
  /** A few words: `image debian-12`, `quota`. */
  readonly what: string;
  readonly state: 'ok' | 'wrong' | 'unknown';
  /** What was found, or what is wrong and what would be valid; one line, without secrets. */
  readonly text: string;
}

export interface Capabilities {
  readonly console: boolean;
  readonly models: readonly MachineModel[];
  /** Machines are on other hosts: the guest service answers over HTTPS, and two complete lists are needed to believe that one is gone. */
  readonly remote?: true;
}

export interface ProviderList {
  /** False: some machines may be missing from it. */
  readonly complete: boolean;
  readonly sightings: readonly Sighting[];
  /** Processors of machines that are not ours but use the same quota. */
  readonly foreignProcessors: number;
  /** Cloud providers: what the project allows and offers, as of now or of the last few minutes. Absent: not known. */
  readonly offer?: CloudOffer;
}

/** All that a provider needs to make one machine. Paths are absolute. */
export interface MachineOrder {
  readonly id: MachineId;
  readonly name: string;
  readonly slot: number;
  readonly machinetype: string;
  readonly model: MachineModel;
  readonly processors: number;
  /** MiB. */
  readonly memoryMb: number;
  /** Private directory of the machine, exists, 0700; everything of the provider goes to `provider/` in it. */
  readonly directory: string;
  /** Image files, already in the cache and verified. */
  readonly rootImage: string;
  readonly initrd?: string;
  readonly kernelArguments: string;
  readonly rootDevice: string;
  readonly scratchDevice: string;
  /** Bytes; absent: as large as the image, or the provider's default for an empty disk. */
  readonly rootDiskBytes?: number;
  readonly scratchDiskBytes?: number;
  readonly consoleMaxBytes: number;
  /**
   * Unix sockets in `directory` on which the daemon answers for this machine, and no other: `guest` for HTTP port 80 of
   * 169.254.169.253 and 169.254.169.254; `svc-PORT` for each host service at 169.254.169.253:PORT.
   */
  readonly guestSocket: string;
  readonly hostServices: readonly HostService[];
  readonly outbound: boolean;
  /** Present for providers whose machines are far away (`can.remote`); `rootImage` is then empty where the image is a named one. */
  readonly remote?: RemoteOrder;
}

/** What goes to a cloud with the machine, because nothing of ours is near it (spec/cloud.md §7). */
export interface RemoteOrder {
  /** After substitution, as the machine is to read it; the provider encodes it and refuses what is too large. */
  readonly userData: Uint8Array;
  /** Keys of spec/cloud.md §7.5, given to the machine by the cloud's own metadata. */
  readonly metadata: ReadonlyMap<string, string>;
  /** One of the provider's flavors (`CloudOffer.flavors`), chosen by the decision. */
  readonly flavor: string;
  readonly image: CloudImage;
  /** OpenSSH public key for root. */
  readonly rootPublicKey?: string;
  /** Boot from a new volume of this size, removed with the machine; absent: from the flavor's disk. */
  readonly volumeGb?: number;
  /** When the machine must be gone: travels as a tag, for whoever finds it without its record. */
  readonly shutdownTime: Instant;
  readonly createdAt: Instant;
}

/** An image that the cloud has already, or a file of the image cache that it is to be given, once for each content. */
export type CloudImage =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string /** URL or path that the site configured. */; readonly source: string };

/** Name of the socket for a host service, relative to the machine's directory. */
export const serviceSocket = (port: number): string => `svc-${port}.sock`;
export const guestSocketName = 'guest.sock';

/** Whose fault it is: this host's or its configuration, the provider's, or the tenant's order. */
export type Fault = 'host' | 'provider' | 'tenant';

export interface FaultAbout {
  readonly fault: Fault;
  readonly cause?: unknown;
  /** What ran out, where something did: the project's own allowance, or room at the provider for anyone. */
  readonly lack?: 'quota' | 'capacity';
  /** All machinetypes of the space will meet it, not just the one that did. */
  readonly whole?: boolean;
  /** The provider asked not to be asked again before. */
  readonly retryAfter?: Seconds;
}

/** A provider failed in a way that has a cause and an owner (style §13). */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code: Uppercase<string>;
  readonly fault: Fault;
  readonly lack?: 'quota' | 'capacity';
  readonly whole: boolean;
  readonly retryAfter?: Seconds;
  constructor(code: Uppercase<string>, message: string, about: FaultAbout) {
    super(message, { cause: about.cause });
    this.code = code;
    this.fault = about.fault;
    this.whole = about.whole ?? false;
    if (about.lack !== undefined) this.lack = about.lack;
    if (about.retryAfter !== undefined) this.retryAfter = about.retryAfter;
  }
}
