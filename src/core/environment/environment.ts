import type { Seconds } from '../units.ts';

/** Values of `State` in GLUE 2 (spec/environments.md §4.4). */
export const environmentStates = [
  'installable',
  'installationfailed',
  'installedbroken',
  'installednotverified',
  'installedverified',
  'installingautomatically',
  'installingmanually',
  'notinstallable',
  'pendingremoval',
  'removing',
] as const;
export type EnvironmentState = (typeof environmentStates)[number];

/** `[environment NAME]`: an execution environment that this site can make (spec/environments.md §1). */
export interface Environment {
  readonly name: string;
  /** Further tags that it satisfies; `VM-<name>` and `AppName-AppVersion` come besides (see `tagsOf`). */
  readonly tags: readonly string[];
  readonly appName: string;
  /** Empty: none. */
  readonly appVersion: string;
  /** Machinetypes whose machines are this environment. Empty: it is `native`, or the configuration knows no machinetypes, as that of a queue. */
  readonly machinetypes: readonly string[];
  /** Name and version may be empty: unknown. */
  readonly os: { readonly family: string; readonly name: string; readonly version: string };
  /** `amd64`, `arm64`, … */
  readonly platform: string;
  /** Of one machine. */
  readonly processors: Range;
  readonly memoryMb: Range;
  readonly diskGb: Range;
  /** Order of preference, cheapest first. */
  readonly cost: number;
  /** Machines at a time; `unlimited`: as many as fit. */
  readonly maxInstances: number;
  readonly maxWall: Seconds;
  /** FQAN patterns; empty: everyone. */
  readonly vos: readonly string[];
  /** The plain node without a virtual machine. */
  readonly native: boolean;
  /** Administrator's word; absent: follows from what its machines did. */
  readonly state?: EnvironmentState;
}

/** No limit, and a number that nobody knows, both as published: all nines (spec/environments.md §4.6). */
export const unlimited = 999_999_999;

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What is published about an environment now, beside its definition. */
export interface EnvironmentCounts {
  readonly runningJobs: number;
  readonly waitingJobs: number;
  /** Machines that run or start. */
  readonly instances: number;
  readonly state: EnvironmentState;
}

/** All tags of an environment: `VM-<name>`, its own, and `AppName-AppVersion`, without a hyphen when there is no version (spec/environments.md §4.6). */
export const tagsOf = (e: Pick<Environment, 'name' | 'tags' | 'appName' | 'appVersion'>): readonly string[] => [
  ...new Set([`VM-${e.name}`, ...e.tags, e.appVersion === '' ? e.appName : `${e.appName}-${e.appVersion}`]),
];
