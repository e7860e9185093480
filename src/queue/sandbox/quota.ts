import { readdir, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readTarget, type SandboxPlaces } from './places.ts';

/** A file that a job keeps. */
export interface StoredFile {
  readonly name: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** Files of one directory of links, by name. */
export async function filesIn(directory: string): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = [];
  for (const name of (await names(directory)).sort()) {
    if (name.startsWith('.')) continue; // being put in place
    const target = await readlink(join(directory, name)).catch(ifGone);
    const content = target === undefined ? undefined : readTarget(target);
    if (content !== undefined) files.push({ name, ...content });
  }
  return files;
}

/** Bytes of the logs of a job. */
export async function logBytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await names(directory)) if (name.startsWith('log.')) bytes += (await stat(join(directory, name)).catch(ifGone))?.size ?? 0;
  return bytes;
}

/** What all jobs of an owner keep, in bytes: each file counts for every job that has it, although it is stored once. */
export async function bytesOfOwner(places: SandboxPlaces, hash: string): Promise<number> {
  let bytes = 0;
  for (const id of await names(places.owner(hash))) {
    const directory = join(places.owner(hash), id);
    for (const kind of ['input', 'output']) for (const { size } of await filesIn(join(directory, kind))) bytes += size;
    bytes += await logBytesIn(directory);
  }
  return bytes;
}

/** Names in a directory; none when it does not exist. */
export const names = async (directory: string): Promise<string[]> => (await readdir(directory).catch(ifGone)) ?? [];

function ifGone(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'EINVAL' || code === 'ENOTDIR') return undefined;
  throw error;
}
