declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Milliseconds since the Unix epoch, on the factory's own wall clock. */
export type Instant = Brand<number, 'Instant'>;
/** A duration. May be fractional, and negative where a docstring says so. */
export type Seconds = Brand<number, 'Seconds'>;
/** Identity of a machine: a lower-case RFC 4122 UUID (version 4), drawn by us before the provider is asked. */
export type MachineId = Brand<string, 'MachineId'>;

export const seconds = (n: number): Seconds => n as Seconds;
export const instant = (milliseconds: number): Instant => milliseconds as Instant;
export const machineId = (uuid: string): MachineId => uuid as MachineId;

export const later = (at: Instant, by: Seconds | number): Instant => instant(at + by * 1000);
/** Negative when `to` lies before `from`. */
export const elapsed = (from: Instant, to: Instant): Seconds => seconds((to - from) / 1000);
export const unixSeconds = (at: Instant): number => Math.floor(at / 1000);
export const earliest = (...times: readonly Instant[]): Instant => instant(Math.min(...times));
export const latest = (...times: readonly Instant[]): Instant => instant(Math.max(...times));

export function assertNever(x: never): never {
  throw new TypeError(`unhandled case: ${JSON.stringify(x)}`);
}
