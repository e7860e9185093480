import type { Environment } from '../../core/environment/environment.ts';
import type { Seconds } from '../../core/units.ts';

/** `[queue]`, every default applied. Sizes in bytes. */
export interface QueueSettings {
  readonly listen: { readonly host: string; readonly port: number };
  /** Path or URL; a URL may hold a password and is never printed. */
  readonly store: string;
  readonly queueDir: string;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly lease: Seconds;
  readonly killAfter: Seconds;
  readonly defaults: { readonly wall: Seconds; readonly memoryMb: number };
  readonly logBytes: number;
  readonly outputBytes: number;
  readonly limits: SandboxLimits;
  readonly keep: Seconds;
  readonly oidc?: OidcSettings;
  readonly administrators: readonly string[];
  readonly localTokens: boolean;
  readonly bannedMachines: ReadonlySet<string>;
  readonly bannedSites: ReadonlySet<string>;
  /** Absent: the name of the host. */
  readonly site?: string;
  readonly shareName: string;
  readonly advertise: 'each' | 'union';
}

export interface SandboxLimits {
  readonly fileBytes: number;
  readonly jobBytes: number;
  readonly ownerBytes: number;
}

export interface OidcSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: { readonly url: string } | { readonly file: string };
  readonly tenantClaim: string;
  readonly clockTolerance: Seconds;
}

/** `[tenant NAME]`. */
export interface Tenant {
  readonly name: string;
  /** PEM files. */
  readonly keyFiles: readonly string[];
  readonly groups: ReadonlySet<string>;
  readonly users: ReadonlySet<string>;
  readonly shareMachines: boolean;
}

export interface QueueConfiguration {
  readonly settings: QueueSettings;
  readonly tenants: ReadonlyMap<string, Tenant>;
  readonly environments: readonly Environment[];
}
