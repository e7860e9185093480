import type { Seconds } from '../units.ts';

/** `[space NAME]` beyond what every factory has (spec/cloud.md §1.2, §1.3). Secrets are read when they are used, never kept in here. */
export interface CloudSettings {
  readonly api: OpenStackApi | Ec2Api | CommandApi;
  /** Own limit of processors; absent: the provider's quota. */
  readonly processorsLimit?: number;
  /** Own limit of machines; absent: the provider's quota. */
  readonly machinesLimit?: number;
  /** Flavors allowed for all machinetypes of the space, in order of preference; empty: all. */
  readonly flavorNames: readonly string[];
  /** > 0: boot from a new volume of this size per processor. */
  readonly volumeGbPerProcessor: number;
  /** Part of the limit that may be requested in one turn, rounded up (spec/cloud.md §3, step 2); absent: no such limit. */
  readonly rampPercent?: number;
  /** A machine that has not been seen running by then has failed to start. */
  readonly startingLimit: Seconds;
  /** Name of this manager in the tags of its machines. */
  readonly manager: string;
  /** Directory shared by all managers of the space: their lease is in there. Absent: this is the only one. */
  readonly sharedDir?: string;
  /** Silence of the manager that holds the lease after which another takes over. */
  readonly takeover: Seconds;
  /** Machines with our mark of this space, without a record, of no live manager. */
  readonly orphans: 'adopt' | 'delete';
  readonly guest: RemoteGuestSettings;
  readonly accounting: 'job' | 'cloud' | 'none';
}

/** Where machines far away reach this manager (spec/cloud.md §6.1). All spaces of a daemon share one server. */
export interface RemoteGuestSettings {
  /** `https://HOST:PORT` as machines see it, no slash at the end; `http://…` only where the site has written so. */
  readonly url: string;
  /** Address and port that the daemon listens on. */
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM files; absent: plain HTTP, on a loopback address behind a proxy of the site unless `url` itself is `http://…`. */
  readonly certificate?: { readonly certFile: string; readonly keyFile: string };
  /** CA bundle for client certificates and for none else; absent: `ca_dir` of [settings]. */
  readonly clientCaFile?: string;
}

/** A text in the configuration (base64 or plain), in a file, in an environment variable; never printed. */
export type Secret =
  | { readonly from: 'text'; readonly text: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'environment'; readonly variable: string };

/** Projects and domains are names, or `id:` and an id. */
export interface OpenStackApi {
  readonly kind: 'openstack';
  /** Identity v3 URL, no slash at the end. */
  readonly authUrl: string;
  readonly login:
    | {
        readonly method: 'password';
        readonly username: string;
        readonly userDomain: string;
        readonly password: Secret;
        readonly project: string;
        readonly projectDomain: string;
      }
    | { readonly method: 'application-credential'; readonly id: string; readonly secret: Secret }
    | { readonly method: 'token'; readonly token: Secret; readonly project: string; readonly projectDomain: string };
  readonly region?: string;
  readonly interface: 'public' | 'internal' | 'admin';
  readonly caFile?: string;
  readonly zones: readonly string[];
  readonly securityGroups: readonly string[];
  /** Names or ids. */
  readonly networks: readonly string[];
  readonly configDrive: boolean;
  /** Network from which a floating address is taken; absent: none. */
  readonly floatingNetwork?: string;
}

export interface Ec2Api {
  readonly kind: 'ec2';
  /** Absent: the region's own. */
  readonly endpoint?: string;
  readonly region: string;
  readonly accessKey: Secret;
  readonly secretKey: Secret;
  readonly sessionToken?: Secret;
  /** Name of the service in signatures; absent: `ec2`. */
  readonly signingService?: string;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly launchTemplate?: string;
  readonly spot: boolean;
}

export interface CommandApi {
  readonly kind: 'command';
  /** Absolute path, then its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Names of environment variables that it is given besides PATH and HOME. */
  readonly passEnvironment: readonly string[];
}
