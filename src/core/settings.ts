import type { CloudSettings } from './cloud/settings.ts';
import type { Environment } from './environment/environment.ts';
import type { Machinetype } from './machinetype.ts';
import type { Instant, Seconds } from './units.ts';

/** `[settings]` with every default applied (spec/factory.md §3.2); the second half is ours and documented in docs/configuration.md. */
export interface Settings {
  readonly space: string;
  /** Lower-case names; empty: no polling. */
  readonly factories: readonly string[];
  readonly description?: string;
  readonly gocdbSitename?: string;
  readonly gocdbCertFile?: string;
  readonly gocdbKeyFile?: string;
  /** Processors that may be given to machines. Absent: all of the host's. */
  readonly totalProcessors?: number;
  /** 1: no superslots and no multi-processor machines. */
  readonly processorsPerSuperslot: number;
  /** MiB. */
  readonly mbPerProcessor: number;
  /** Absent: 1.0 internally, HS06 not told to machines. */
  readonly hs06PerProcessor?: number;
  readonly overloadPerProcessor: number;
  readonly volumeGroup?: string;
  readonly diskGbPerProcessor?: number;
  readonly udpTimeout: Seconds;
  /** Latest end of all machines. */
  readonly shutdownTime?: Instant;
  readonly draining: boolean;
  readonly rootPublicKey: string;
  readonly singularityUser?: string;
  readonly fixNetworking: boolean;
  readonly forwardDev?: string;
  readonly versionLogger: number;
  readonly vacmonHostports: readonly string[];
  readonly machinefeaturesOptions: ReadonlyMap<string, string>;
  readonly userDataOptions: ReadonlyMap<string, string>;
  readonly userDataFiles: ReadonlyMap<string, string>;

  /** Lower-case fully qualified name of this factory. Default: the host name. */
  readonly factoryName: string;
  readonly provider: ProviderKind;
  readonly stateDir: string;
  /** Longest pause between two turns. Events (an end, a new file) cause a turn at once. */
  readonly cycle: Seconds;
  /** Greatest number of creations begun in any one minute. Lower protects image servers and task queues; higher fills sooner. */
  readonly startRatePerMinute: number;
  /** Machines that may be booting at the same time. Too many slow each other's boot (spec/hypervisor.md §5). */
  readonly bootConcurrency: number;
  /** A shutdown time is never set nearer than this for a machine that runs (spec/machine-job-features.md §4). */
  readonly grace: Seconds;
  /** How the share of a machinegroup is counted (design §5): `sum` of its members' shares, or as Vac 3.1 does. */
  readonly groupShare: 'sum' | 'vac31';
  /** Codes of shutdown messages that make a machinetype back off; absent: 300–999, as Vac 3.1 has it (design §5). */
  readonly abortCodes?: readonly CodeRange[];
  /** Absent: shares without memory (docs/shares.md). */
  readonly shareMemory?: ShareMemory;
  /** Least free bytes on the file system of the state directory for a creation (spec/factory.md §7 step 9). */
  readonly minFreeDiskBytes: number;
  readonly joboutputsMaxBytes: number;
  readonly joboutputsMaxFiles: number;
  readonly consoleMaxBytes: number;
  /** Services near the host that machines reach at 169.254.169.253:`port`, for instance the site's squid. */
  readonly hostServices: readonly HostService[];
  /** Whether machines may open connections to the world outside the host. */
  readonly outbound: boolean;
  /** Use the last good copy of a user data template when its server cannot be reached (spec/factory.md §12.1). */
  readonly userDataFallback: boolean;
  /** Publish Machine/Job Features under their names from before 2016 too (spec/machine-job-features.md §3.3). */
  readonly oldFeatureNames: boolean;
  /** `auto`: KVM when a probe boot succeeds, otherwise emulation. */
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  /** `auto`: a namespace per machine when user namespaces allow it, otherwise `restricted` (spec/hypervisor.md §2). */
  readonly network: 'auto' | 'namespace' | 'restricted';
  /** Directory of CA certificates trusted besides the system's, when it exists. */
  readonly caDir: string;

  /** UDP port of all factories of the space (spec/vacquery.md §1). */
  readonly vacqueryPort: number;
  /** IPv4 address that this factory answers on. Absent: all. */
  readonly vacqueryAddress?: string;
  /** Time between two questions to each other factory. */
  readonly spaceRefresh: Seconds;
  /** Key of the space, first the one that signs (docs/space.md). Empty: as Vac, nothing is signed. */
  readonly spaceKeyFiles: readonly string[];
  /** Names and addresses of factories that need not sign. */
  readonly acceptUnsignedFrom: readonly string[];
  /** IPv4 networks whose hosts get full answers although they are no factories. */
  readonly acceptQueriesFrom: readonly Ipv4Network[];
  /** Tell starts and ends of machines to the others at once; needs a key. */
  readonly push: boolean;
  /** Other factories are found by announcements to this group. */
  readonly discovery?: { readonly group: string; readonly port: number };
  /** Present for a space at a cloud (`[space NAME]`); the rest of these settings then holds for that space alone. */
  readonly cloud?: CloudSettings;
}

/** Both ends belong to it. */
export interface CodeRange {
  readonly from: number;
  readonly to: number;
}

/** How past usage moves shares (docs/shares.md). */
export interface ShareMemory {
  /** After this time usage counts half. */
  readonly halfLife: Seconds;
  /** Greatest part by which a share is raised or lowered, above 0 and below 1. */
  readonly maxCredit: number;
}

/** Make machines on the factory's own host. */
export const hostProviderKinds = ['qemu', 'sim'] as const;
export const providerKinds = [...hostProviderKinds, 'openstack', 'ec2', 'command'] as const;
export type ProviderKind = (typeof providerKinds)[number];

/** The first `bits` of `address` count; both as numbers. */
export interface Ipv4Network {
  readonly address: number;
  readonly bits: number;
}

/** `port` as seen by the machine; `host`:`target` as seen by the daemon. */
export interface HostService {
  readonly port: number;
  readonly host: string;
  readonly targetPort: number;
}

/** `[vacuum_pipe PREFIX]` (spec/factory.md §3.4). */
export interface VacuumPipe {
  readonly prefix: string;
  readonly url: string;
  readonly targetShare: number;
}

/** One whole configuration in force. What is broken is absent here and named in the problems that came with it. */
export interface Configuration {
  readonly settings: Settings;
  readonly machinetypes: ReadonlyMap<string, Machinetype>;
  readonly pipes: readonly VacuumPipe[];
  /** Execution environments, in the order of the files. Absent: none. */
  readonly environments?: readonly Environment[];
  /** SHA-256 over all inputs, hexadecimal: equal digests, equal configuration. */
  readonly digest: string;
  /** Only of the site's whole configuration: each space at a cloud, as a configuration of its own with a state directory of its own. */
  readonly spaces?: ReadonlyMap<string, Configuration>;
  /** False: the files have spaces alone, and this host makes no machines of its own. Absent: it does. */
  readonly host?: false;
}
