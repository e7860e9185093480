import type { Seconds } from './units.ts';

/** How a machine is booted (spec/factory.md §11.4). `cernvm4` is an alias of `cernvm3`; `kernel` is direct kernel + initrd, ours. */
export const machineModels = ['cernvm3', 'cernvm4', 'vm-raw', 'kernel', 'docker', 'singularity'] as const;
export type MachineModel = (typeof machineModels)[number];

export type PipeFile = 'rootImage' | 'initrd' | 'userData';

/**
 * A recipe for machines, complete: every default applied, pipes and files merged (spec/factory.md §3.3, §4).
 * File names in `rootImage`, `initrd`, `userData`, `userDataFiles` are URLs, absolute paths, or paths relative to `filesDir`.
 */
export interface Machinetype {
  /** a-z, 0-9, hyphen. */
  readonly name: string;
  /** 0 or less: never created. */
  readonly targetShare: number;
  readonly machinegroup: string;
  readonly accountingFqan?: string;
  readonly model: MachineModel;
  readonly rootImage?: string;
  /** Lower-case hexadecimal SHA-256 of the root image; a download that differs is refused. */
  readonly rootImageSha256?: string;
  /** Model `kernel` only. */
  readonly initrd?: string;
  readonly initrdSha256?: string;
  /** Model `kernel` only; appended to what the provider needs. */
  readonly kernelArguments: string;
  /** Regular expression source, unanchored, matched with the signer's DN in slash form. */
  readonly imageSigningDn?: string;
  readonly rootDevice: string;
  readonly scratchDevice: string;
  readonly userData?: string;
  /** XXX of `user_data_option_XXX` → text; those of `[settings]` merged in. */
  readonly userDataOptions: ReadonlyMap<string, string>;
  /** XXX of `user_data_file_XXX` → file. */
  readonly userDataFiles: ReadonlyMap<string, string>;
  readonly userDataProxy: boolean;
  readonly legacyProxy: boolean;
  readonly containerCommand: string;
  readonly cvmfsRepositories: readonly string[];
  readonly tmpBinds: readonly string[];
  /** 10^9 bytes per processor for the root disk; absent: the model's own default. */
  readonly diskGbPerProcessor?: number;
  /** 10^9 bytes per processor of an additional empty disk; absent: none. */
  readonly scratchGbPerProcessor?: number;
  readonly minProcessors: number;
  readonly maxProcessors: number;
  readonly maxWallclock: Seconds;
  readonly minWallclock: Seconds;
  readonly backoff: Seconds;
  /** Greatest pause when each abort of the same cause in a row doubles it; absent: the pause is always `backoff`. */
  readonly backoffMax?: Seconds;
  readonly fizzle: Seconds;
  readonly heartbeatFile?: string;
  /** 0: only the existence of the file is checked. */
  readonly heartbeat: Seconds;
  /** 0 or less: kept for ever. */
  readonly machinesDirDays: number;
  /** Publish the end of the lifetime as `shutdowntime` too (spec/machine-job-features.md §4.1). */
  readonly announceLifetimeAsShutdown: boolean;
  /**
   * Host of the URL of the pipe that it came from where that is an address or `localhost`, else an empty text; and which of its URLs were written by the pipe and not
   * by the site's own files: for those the daemon must not be led to itself (docs/images.md). Absent: all are the site's own.
   */
  readonly pipe?: { readonly host: string; readonly names: readonly PipeFile[] };
  /** Of a space at a cloud (spec/cloud.md §1.4). */
  readonly cloud?: CloudMachinetype;
  /** Name of the execution environment that its machines are; further ones may name it too (`[environment NAME]`). */
  readonly environments?: readonly string[];
  /** Present: machines are started for waiting jobs, not for a share alone (policy `demand`). */
  readonly demand?: DemandPolicy;
  /** Private key (PKCS8 PEM) with which tokens for its tenant's queue are signed; file relative to `filesDir`. Absent: none are made. */
  readonly queueTokenKey?: string;
  /** Tenant named in those tokens. */
  readonly tenant?: string;
  /** Directory for relative file names (`…/machinetypes/PREFIX/files`); `x509cert.pem` and `x509key.pem` lie one level above. */
  readonly filesDir: string;
  /** Where it was defined: `vac.conf:12` or the URL of a pipe. For messages only. */
  readonly origin: string;
}

/** `maxProcessors` of a machinetype of a cloud that sets no upper bound. */
export const unlimitedProcessors = 1_000_000;

export interface CloudMachinetype {
  /** In order of preference; empty: any of the provider's that suits. */
  readonly flavorNames: readonly string[];
  /** Most processors of all its machines in the space. */
  readonly processorsLimit?: number;
  /** Most processors of its machines that are starting. */
  readonly maxStartingProcessors?: number;
  /** Subject of the client certificate that may write job outputs instead of the machine's own token, in slash form. */
  readonly httpsX509dn?: string;
  /** MiB per processor that a flavor must have. */
  readonly mbPerProcessor?: number;
  /** Absent: unknown, and not told to machines. */
  readonly hs06PerProcessor?: number;
  /** File with the OpenSSH public key for root; absent: that of the settings, if it exists. */
  readonly rootPublicKey?: string;
  /** Machinetype whose live machines serve as HTTP caches, with its port (spec/cloud.md §6.3). */
  readonly cvmfsProxy?: { readonly machinetype: string; readonly port: number };
}

/** Where the number of waiting jobs is asked for (src/queue/agent-protocol.md, Demand). */
export interface DemandPolicy {
  readonly url: string;
  /** At most so many machines at a time; absent: as many as fit. */
  readonly maxMachines?: number;
}
