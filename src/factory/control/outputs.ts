import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { isOutputName } from '../../core/guest/job-outputs.ts';
import { instant } from '../../core/units.ts';
import type { Output } from './answers.ts';

const { O_RDONLY, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;
const absent = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR']);
const isAbsent = (error: unknown): boolean => absent.has((error as NodeJS.ErrnoException).code ?? '');

/** Regular files with a proper name (spec/factory.md §14.2), by name; anything else in the directory is not an output. No symbolic link is followed, neither for the directory nor for a file. */
export async function listOutputs(directory: string): Promise<readonly Output[]> {
  await using dir = await openDirectory(directory);
  if (dir === undefined) return [];
  const found: Output[] = [];
  for (const name of (await readdir(`/proc/self/fd/${dir.fd}`)).filter(isOutputName).sort()) {
    await using file = await openRegular(dir, name);
    if (file === undefined) continue;
    const facts = await file.stat();
    found.push({ name, size: facts.size, modifiedAt: instant(facts.mtimeMs) });
  }
  return found;
}

/** An open output, or undefined when there is none of that name. The caller closes it. */
export async function openOutput(directory: string, name: string): Promise<FileHandle | undefined> {
  if (!isOutputName(name)) return undefined;
  await using dir = await openDirectory(directory);
  return dir === undefined ? undefined : await openRegular(dir, name);
}

async function openDirectory(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** O_NONBLOCK: a named pipe in the place of a file must not hold the daemon. */
async function openRegular(dir: FileHandle, name: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(`/proc/self/fd/${dir.fd}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  return undefined;
}
