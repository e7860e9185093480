import { z } from 'zod';
import { type Instant, instant, type MachineId, machineId, type Seconds, seconds } from '../../core/units.ts';

/**
 * How values of the core look in JSON: an `Instant` is an ISO 8601 string in UTC with milliseconds, a duration is a number of
 * seconds, a map is an object, a set is an array, and a number that is not finite is null. What is absent is left out.
 */

const first = Date.parse('0001-01-01T00:00:00.000Z');
const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** Every instant has a text, also one that a stepped clock or a peer has made absurd: it is moved to the year 1 or 9999. */
export const timeText = (at: Instant): string => new Date(Number.isNaN(at) ? first : Math.min(Math.max(at, first), last)).toISOString();

export const time = z.codec(
  z.iso.datetime(),
  z.custom<Instant>((n) => typeof n === 'number'),
  { decode: (text) => instant(Date.parse(text)), encode: timeText },
);
export const duration = z.codec(
  z.number().nullable().describe('seconds; null: without end'),
  z.custom<Seconds>((n) => typeof n === 'number'),
  { decode: (n) => seconds(n ?? Number.POSITIVE_INFINITY), encode: (n) => (Number.isFinite(n) ? n : null) },
);
/** A figure that may be infinite, for instance the score of a machinetype without a share. */
export const figure = z.codec(
  z.number().nullable().describe('null: infinite'),
  z.custom<number>((n) => typeof n === 'number'),
  { decode: (n) => n ?? Number.POSITIVE_INFINITY, encode: (n) => (Number.isFinite(n) ? n : null) },
);
export const id = z.codec(
  z.uuid(),
  z.custom<MachineId>((s) => typeof s === 'string'),
  { decode: (s) => machineId(s), encode: (s) => s },
);
/** A map with text keys, as an object. */
export const mapOf = <T extends z.ZodType>(value: T) =>
  z.codec(
    z.record(z.string(), value),
    z.custom<ReadonlyMap<string, z.output<T>>>((m) => m instanceof Map),
    {
      decode: (o) => new Map(Object.entries(o)) as ReadonlyMap<string, z.output<T>>,
      encode: (m) => Object.fromEntries(m) as Record<string, z.output<T>>,
    },
  );
/** The same by machine. */
export const mapById = <T extends z.ZodType>(value: T) =>
  z.codec(
    z.record(z.uuid(), value),
    z.custom<ReadonlyMap<MachineId, z.output<T>>>((m) => m instanceof Map),
    {
      decode: (o) => new Map(Object.entries(o).map(([key, one]) => [machineId(key), one])) as ReadonlyMap<MachineId, z.output<T>>,
      encode: (m) => Object.fromEntries(m) as Record<string, z.output<T>>,
    },
  );

type DeepReadonly<T> = T extends (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | string | number
    ? T
    : T extends object
      ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
      : T;

/** The JSON of a value. Throws when the value is not what its type says, which is a bug. */
export const encode = <S extends z.ZodType>(schema: S, value: DeepReadonly<z.output<S>>): z.input<S> => z.encode(schema, value as z.output<S>);
