import { type IniValue, placeIn } from './ini.ts';
import type { Disables, ProblemList } from './problem.ts';
import { didYouMean } from './suggest.ts';

/** What came of reading the text of a value. `at`: offset of what is wrong in it. */
export type Reading<T> = { readonly value: T; readonly note?: string } | { readonly wrong: string; readonly at?: number };

/** How the text of one kind of value is read. */
export interface Type<T> {
  /** What would be valid, for messages and documentation. */
  readonly valid: string;
  readonly read: (text: string) => Reading<T>;
}

/** One row of an option table: the reader, the messages and docs/configuration.md are all made from it. */
export interface Option<T> extends Type<T> {
  /** Default, as documentation. */
  readonly otherwise: string;
  /** What it does. */
  readonly about: string;
  /** Old names still honoured. They win over the present name, except those in `overridden` (spec/factory.md §3.2). */
  readonly old?: readonly string[];
  readonly overridden?: readonly string[];
  /** Whether a vacuum pipe may set it, and what its text must look like there (spec/factory.md §4). */
  readonly pipe?: PipeRule;
  /** A value that cannot be read is ignored with a warning and disables nothing. */
  readonly lenient?: true;
}

export interface PipeRule {
  readonly pattern: RegExp;
  /** What the pattern allows, in words. */
  readonly allows: string;
  /** A value that does not match disables the machinetype, because going on without it would be less safe. */
  readonly failClosed?: true;
}

/** Rows by option name. */
// oxlint-disable-next-line typescript/no-explicit-any -- rows of different value types stand in one table
export type Table = Readonly<Record<string, Option<any>>>;
export type Values<T extends Table> = { readonly [K in keyof T]: T[K] extends Option<infer V> ? V | undefined : never };

export const option = <T>(
  type: Type<T>,
  otherwise: string,
  about: string,
  more: Pick<Option<T>, 'old' | 'overridden' | 'pipe' | 'lenient'> = {},
): Option<T> => ({
  ...type,
  otherwise,
  about,
  ...more,
});

/** All names that a section with this table may hold, old ones included. */
export const namesOf = (table: Table): string[] => Object.entries(table).flatMap(([name, row]) => [name, ...(row.old ?? []), ...(row.overridden ?? [])]);

export interface Reader {
  readonly options: ReadonlyMap<string, IniValue>;
  readonly problems: ProblemList;
  readonly disables: Disables;
  readonly section: string;
}

/** The value that counts for an option, under its present or an old name. Old names warn. */
export function given(
  name: string,
  row: Option<unknown>,
  { options, problems, section }: Reader,
): { readonly name: string; readonly value: IniValue } | undefined {
  const order = [...(row.old ?? []), name, ...(row.overridden ?? [])].filter((candidate) => options.has(candidate));
  const [first] = order;
  if (first === undefined) return undefined;
  for (const other of order) {
    const at = options.get(other);
    if (!at) continue;
    if (other !== first) problems.warn(at.name, other, `${first} is also given and counts instead`, section);
    else if (other !== name) problems.warn(at.name, other, `old name of ${name}`, section);
  }
  const value = options.get(first);
  return value && { name: value.writtenAs ?? first, value };
}

/** The options of one section under their present names only, so that sections can be laid over each other. Other names are left out. */
export function canonical(table: Table, reader: Reader): Map<string, IniValue> {
  const options = new Map<string, IniValue>();
  for (const [name, row] of Object.entries(table)) {
    const found = given(name, row, reader);
    if (found) options.set(name, found.name === name ? found.value : { ...found.value, writtenAs: found.name });
  }
  return options;
}

/** Reads every option of a table; what cannot be read is reported and absent. */
export function readOptions<T extends Table>(table: T, reader: Reader): Values<T> {
  const values: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(table)) {
    const found = given(name, row, reader);
    if (!found) continue;
    const reading = row.read(found.value.text);
    if ('wrong' in reading) {
      const at = reading.at === undefined ? found.value.place : placeIn(found.value, reading.at);
      const text = `${reading.wrong}; valid: ${row.valid}`;
      if (row.lenient) reader.problems.warn(at, found.name, `${text}; ignored`, reader.section);
      else reader.problems.error(at, found.name, text, reader.disables, reader.section);
    } else {
      if (reading.note !== undefined) reader.problems.warn(found.value.place, found.name, reading.note, reader.section);
      values[name] = reading.value;
    }
  }
  return values as Values<T>;
}

/** Options whose names end in a name of the site's own choice: `user_data_option_XXX` → XXX → value. */
export function readFamily(prefix: string, type: Type<string>, { options, problems, disables, section }: Reader): Map<string, IniValue> {
  const family = new Map<string, IniValue>();
  for (const [name, value] of options) {
    if (!name.startsWith(prefix)) continue;
    const own = name.slice(prefix.length);
    if (!/^[a-z0-9_]+$/.test(own)) {
      problems.error(
        value.name,
        name,
        `${own === '' ? 'no name follows' : 'the name'} after ${prefix}; valid: letters a-z, digits and underscores`,
        disables,
        section,
      );
      continue;
    }
    const reading = type.read(value.text);
    if ('wrong' in reading) problems.error(value.place, name, `${reading.wrong}; valid: ${type.valid}`, disables, section);
    else family.set(own, value);
  }
  return family;
}

/** Warns about each option that no table knows, with the nearest one that it might have been meant to be. */
export function warnUnknown(
  options: ReadonlyMap<string, IniValue>,
  known: readonly string[],
  families: readonly string[],
  problems: ProblemList,
  section: string,
): void {
  const names = new Set(known);
  for (const [name, value] of options) {
    if (names.has(name) || families.some((prefix) => name.startsWith(prefix))) continue;
    const guess = didYouMean(name, names);
    const hint = guess === '' ? 'docs/configuration.md lists the options' : guess.slice(2);
    problems.warn(value.name, name.slice(0, 60), `not an option of [${section}] and ignored; ${hint}`, section);
  }
}

/** Warns about options that Vac once had, which have no effect any more. */
export function warnIgnored(options: ReadonlyMap<string, IniValue>, ignored: Readonly<Record<string, string>>, problems: ProblemList, section: string): void {
  for (const [name, why] of Object.entries(ignored)) {
    const value = options.get(name);
    if (value) problems.warn(value.name, name, `has no effect: ${why}`, section);
  }
}
