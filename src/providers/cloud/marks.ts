import { createHash } from 'node:crypto';
import type { Marks } from '../../core/observed.ts';
import { instant, type Instant, type MachineId, machineId, unixSeconds } from '../../core/units.ts';
import { isPrintable } from './one-line.ts';

/** What we write on a machine so that it can be told from others, and described without its record. */
export interface MarkFacts extends Marks {
  readonly id: MachineId;
  readonly space: string;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Metadata of a machine. Names that a person can read; `vacua_id` and `vacua_space` make it ours. */
export const markMetadata = (m: MarkFacts): Readonly<Record<string, string>> => ({
  vacua_id: m.id,
  vacua_space: m.space,
  vacua_manager: m.manager,
  vacua_machinetype: m.machinetype,
  vacua_name: m.name,
  vacua_processors: String(m.processors),
  vacua_created: String(unixSeconds(m.createdAt)),
  vacua_shutdown: String(unixSeconds(m.shutdownTime)),
});

/** The same identity as a tag, which a cloud can search for: at most 60 characters without comma and slash, and a space's name may be longer. */
export const markTag = (space: string, id: string): string => `${tagStart(space)}${id}`;
/** How the tags of a space begin. */
export const tagStart = (space: string): string => `vacua:${createHash('sha256').update(space).digest('hex').slice(0, 8)}:`;

export interface Labels {
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Absent: this cloud shows none. */
  readonly tags?: readonly string[];
}

/** `agreed`: every label that we set is there and they say the same; only such a machine is ever a copy of another. */
export interface Identity {
  readonly id: MachineId;
  readonly agreed: boolean;
}

/**
 * Whose machine it is. Labels can be edited by anyone in the project, names are chosen by anyone: a name alone is nothing, one label that
 * is left is enough, and where two contradict each other the tag counts, because it is what we search for. undefined: not ours.
 */
export function identityOf(space: string, labels: Labels): Identity | undefined {
  const start = tagStart(space);
  const tagged = (labels.tags ?? []).filter((t) => t.startsWith(start) && uuid.test(t.slice(start.length))).map((t) => t.slice(start.length));
  const noted = labels.metadata['vacua_space'] === space ? labels.metadata['vacua_id'] : undefined;
  const meta = typeof noted === 'string' && uuid.test(noted) ? noted : undefined;
  const [tag] = tagged.length > 1 && meta !== undefined && tagged.includes(meta) ? [meta] : tagged;
  const id = tag ?? meta;
  if (id === undefined) return undefined;
  const agreed = meta === id && (labels.tags === undefined || (tagged.length === 1 && tag === id)) && labels.metadata['vacua_name'] === labels.name;
  return { id: machineId(id), agreed };
}

const text = (value: unknown, most = 255): string | undefined =>
  typeof value === 'string' && value !== '' && value.length <= most && isPrintable(value) ? value : undefined;

const count = (value: unknown, most: number): number | undefined =>
  typeof value === 'string' && /^\d{1,12}$/.test(value) && Number(value) <= most ? Number(value) : undefined;

/** The rest of the labels; undefined where any of them is missing or makes no sense. */
export function readMarks(metadata: Readonly<Record<string, unknown>>): Marks | undefined {
  const manager = text(metadata['vacua_manager']);
  const machinetype = text(metadata['vacua_machinetype']);
  const name = text(metadata['vacua_name']);
  const processors = count(metadata['vacua_processors'], 1_000_000);
  const createdAt = time(metadata['vacua_created']);
  const shutdownTime = time(metadata['vacua_shutdown']);
  if (manager === undefined || machinetype === undefined || name === undefined || createdAt === undefined || shutdownTime === undefined) return undefined;
  return processors === undefined || processors === 0 ? undefined : { manager, machinetype, name, processors, createdAt, shutdownTime };
}

const time = (value: unknown): Instant | undefined => {
  const at = count(value, 253_402_300_799);
  return at === undefined ? undefined : instant(at * 1000);
};
