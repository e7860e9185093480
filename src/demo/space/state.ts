import type { TenantName } from './site.ts';

/** Something that must hold, and whether it did. */
export interface Check {
  readonly name: string;
  readonly held: boolean;
  /** Figures, or what was wrong. */
  readonly detail: string;
}

/** Everything that the live view shows. */
export interface SpaceState {
  /** Since the beginning, in seconds. */
  readonly elapsed: number;
  /** What happens now. */
  readonly act: string;
  readonly rows: readonly FactoryRow[];
  readonly tenants: readonly { readonly name: TenantName; readonly running: number; readonly target: number }[];
  readonly messages: readonly string[];
  readonly checks: readonly Check[];
}

export interface FactoryRow {
  readonly id: string;
  readonly provider: string;
  /** `works`, or what is the matter with it. */
  readonly mood: string;
  readonly slots: number;
  readonly running: ReadonlyMap<TenantName, number>;
  /** Other factories that answer it. */
  readonly hears: number;
  readonly deaf: readonly string[];
}
