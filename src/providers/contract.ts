import type { Sighting } from '../core/observed.ts';
import type { MachineModel } from '../core/machinetype.ts';
import type { HostService } from '../core/settings.ts';
import type { MachineId } from '../core/units.ts';

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
  /** Serial console so far, newest part when it was cut; present when `can.console`. */
  console?(id: MachineId): Promise<Uint8Array>;
  /** Releases what this process holds; machines run on. */
  close(): Promise<void>;
}

export interface Capabilities {
  readonly console: boolean;
  readonly models: readonly MachineModel[];
}

export interface ProviderList {
  /** False: some machines may be missing from it. */
  readonly complete: boolean;
  readonly sightings: readonly Sighting[];
  /** Processors of machines that are not ours but use the same quota. */
  readonly foreignProcessors: number;
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
}

/** Name of the socket for a host service, relative to the machine's directory. */
export const serviceSocket = (port: number): string => `svc-${port}.sock`;
export const guestSocketName = 'guest.sock';

/** A provider failed in a way that has a cause and an owner (style §13). */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly code: Uppercase<string>;
  readonly fault: 'host' | 'provider' | 'tenant';
  constructor(code: Uppercase<string>, message: string, about: { readonly fault: 'host' | 'provider' | 'tenant'; readonly cause?: unknown }) {
    super(message, { cause: about.cause });
    this.code = code;
    this.fault = about.fault;
  }
}
