import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FactoryAnswer } from '../core/space/census.ts';
import type { FactoryFacts } from '../core/space/types.ts';
import { elapsed, type Instant, instant, unixSeconds } from '../core/units.ts';
import { readStatus } from '../core/vacquery/decode.ts';
import { openFactory } from '../core/vacquery/encode.ts';
import { at, parseObject } from '../core/vacquery/json.ts';
import { replyBytes } from '../core/vacquery/limits.ts';
import { closeMessage } from '../core/vacquery/prepared.ts';
import { isName } from '../core/vacquery/text.ts';

/** The census of a space (spec/factory.md §18). */
export const censusEverySeconds = 3600;
/** A factory that has answered since is a member of the space. */
export const memberSeconds = 86_400;
const keepSeconds = 2 * memberSeconds;
/** What is being written has a name that no factory can have. */
const unfinished = '.new-';
/** Longer names would not fit into a file name with that in front. */
const longestName = 240;

export interface CensusEntry {
  readonly factory: string;
  /** When its answer came. */
  readonly seenAt: Instant;
  readonly version: string;
  readonly facts: FactoryFacts;
  readonly member: boolean;
}

/** Whether a name may become a file name: that of a host, and no hidden file, no path. */
const isFileName = (factory: string): boolean => isName(factory) && factory.length <= longestName && !factory.includes('..');

/** Keeps the last answer of every factory as a file in `directory`, and in memory. */
export class CensusFiles {
  readonly #directory: string;
  readonly #space: () => string;
  #entries = new Map<string, CensusEntry>();

  constructor(directory: string, space: () => string) {
    this.#directory = directory;
    this.#space = space;
  }

  /** Reads what an earlier process has kept. Files that are no answers are left for `store` to remove. */
  async load(now: Instant): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    const found = await Promise.all(names.filter(isFileName).map((name) => readEntry(this.#directory, name, now)));
    this.#entries = new Map(found.filter((e) => e !== undefined).map((e) => [e.factory, e]));
  }

  /** Those that answered within two days, by name. */
  entries(now: Instant): readonly CensusEntry[] {
    const kept = [...this.#entries.values()].filter((e) => elapsed(e.seenAt, now) < keepSeconds);
    return kept.map((e) => ({ ...e, member: elapsed(e.seenAt, now) < memberSeconds })).toSorted((a, b) => (a.factory < b.factory ? -1 : 1));
  }

  /** Newest answer of anybody; undefined: there has been no census. */
  get latest(): Instant | undefined {
    const times = [...this.#entries.values()].map((e) => e.seenAt);
    return times.length === 0 ? undefined : times.reduce((a, b) => (a > b ? a : b));
  }

  /** Stores the answers of one census and removes what is too old. Rejects when the directory cannot be written. */
  async store(answers: readonly FactoryAnswer[], now: Instant): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 });
    for (const { factory, factoryFacts: facts, version } of answers) {
      if (facts === undefined || !isFileName(factory)) continue;
      this.#entries.set(factory, { factory, seenAt: now, version, facts, member: true });
      const from = { space: this.#space(), site: facts.site, factory, version: version.replace(/ vacd-responder$/, ''), component: 'vacd-responder' } as const;
      await writeWhole(this.#directory, factory, closeMessage(openFactory(facts, from), '0', unixSeconds(now)));
    }
    for (const [name, { seenAt }] of this.#entries) if (elapsed(seenAt, now) >= keepSeconds) this.#entries.delete(name);
    for (const name of await readdir(this.#directory)) if (!this.#entries.has(name)) await rm(join(this.#directory, name), { recursive: true, force: true });
  }

  /** The wall clock was set: every answer stays as old as it is. Files follow with the next census. */
  shift(milliseconds: number): void {
    for (const [name, entry] of this.#entries) this.#entries.set(name, { ...entry, seenAt: instant(entry.seenAt + milliseconds) });
  }
}

/** When these factories were last seen, from files that a daemon keeps or kept here. Those without a file are absent. */
export async function seenIn(directory: string, factories: readonly string[]): Promise<ReadonlyMap<string, Instant>> {
  const now = instant(Date.now());
  const found = await Promise.all(factories.filter(isFileName).map((name) => readEntry(directory, name, now)));
  return new Map(found.filter((e) => e !== undefined).map((e) => [e.factory, e.seenAt]));
}

async function readEntry(directory: string, name: string, now: Instant): Promise<CensusEntry | undefined> {
  const bytes = await readFile(join(directory, name)).catch(() => undefined); // a directory, or gone meanwhile: no answer
  const object = bytes === undefined || bytes.length > replyBytes ? undefined : parseObject(bytes);
  const sent = object === undefined ? undefined : at(object, 'time_sent');
  if (object === undefined || typeof sent !== 'number') return undefined;
  // Written with our own time, so that its times need no correction.
  const seenAt = instant(Math.min(sent * 1000, now));
  const status = readStatus('factories', object, seenAt);
  if ('wrong' in status || status.kind !== 'factories' || status.factory !== name) return undefined;
  return { factory: name, seenAt, version: status.version, facts: status.facts, member: elapsed(seenAt, now) < memberSeconds };
}

/** Readers see the old file or the new one. */
async function writeWhole(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const made = join(directory, unfinished + name);
  await writeFile(made, bytes, { mode: 0o644 });
  await rename(made, join(directory, name));
}
