import { type Instant, instant, type Seconds, seconds } from '../units.ts';
import { at, type JsonObject } from './json.ts';
import { isName } from './text.ts';

/** Why a message is not believed; names the key. Caught by `readStatus` alone. */
export class BadField extends Error {
  override readonly name = 'BadField';
}

/**
 * Reads the fields of one status message, strict about types: a wrong one makes the message invalid, null is the same as absent
 * (spec/vacquery.md §2, §7.2). A number beyond what can be true is cut to what can, and noted in `lies`.
 */
export class FieldReader {
  readonly lies: string[] = [];
  readonly #object: JsonObject;
  readonly #receivedAt: Instant;
  /** What must be added to the sender's times to have ours. */
  readonly #offset: number;

  constructor(object: JsonObject, receivedAt: Instant) {
    this.#object = object;
    this.#receivedAt = receivedAt;
    const sent = at(object, 'time_sent');
    this.#offset = typeof sent === 'number' && Number.isFinite(sent) ? receivedAt - sent * 1000 : 0;
  }

  /** The first of the names that has a value. */
  #value(names: readonly string[]): { readonly name: string; readonly value: unknown } | undefined {
    for (const name of names) {
      const value = at(this.#object, name);
      if (value !== undefined && value !== null) return { name, value };
    }
    return undefined;
  }

  number(most: number, ...names: readonly [string, ...string[]]): number | undefined {
    const found = this.#value(names);
    if (found === undefined) return undefined;
    if (typeof found.value !== 'number' || !Number.isFinite(found.value)) throw new BadField(`${found.name} is not a number`);
    if (found.value >= 0 && found.value <= most) return found.value;
    this.lies.push(found.name);
    return Math.min(most, Math.max(0, found.value));
  }

  required(most: number, ...names: readonly [string, ...string[]]): number {
    const value = this.number(most, ...names);
    if (value === undefined) throw new BadField(`${names[0]} is missing`);
    return value;
  }

  /** Fractions such as 8.0 are whole; 8.5 is not (spec/vacquery.md §2). */
  whole(most: number, ...names: readonly [string, ...string[]]): number {
    const value = this.required(most, ...names);
    if (!Number.isInteger(value)) throw new BadField(`${names[0]} is not a whole number`);
    return value;
  }

  text(...names: readonly [string, ...string[]]): string | undefined {
    const found = this.#value(names);
    if (found === undefined) return undefined;
    if (typeof found.value !== 'string') throw new BadField(`${found.name} is not a string`);
    return found.value;
  }

  name(key: string): string {
    const value = this.optionalName(key);
    if (value === undefined) throw new BadField(`${key} is missing`);
    return value;
  }

  optionalName(key: string): string | undefined {
    const value = this.text(key);
    if (value === undefined || isName(value)) return value;
    throw new BadField(`${key} is not a name`);
  }

  /** A past moment on our clock: as long before receipt as the sender says it was before sending, however its clock is set. */
  past(key: string): Instant | undefined {
    const value = this.#value([key])?.value;
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value)) throw new BadField(`${key} is not a number`);
    const ours = value * 1000 + this.#offset;
    if (ours > this.#receivedAt) this.lies.push(key);
    // Nothing that happened before 1970 is of interest, and far numbers would lose digits.
    return instant(Math.min(this.#receivedAt, Math.max(0, Math.round(ours))));
  }

  seconds(key: string, otherwise: number): Seconds {
    return seconds(this.number(1e10, key) ?? otherwise);
  }
}
