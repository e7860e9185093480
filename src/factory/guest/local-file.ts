import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, rename, rm } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';

/**
 * Reads a file named in the configuration: absolute, or below `directory` and nowhere else, be it by `..` or by links
 * (spec/factory.md §3.3). Rejects with a message for people. `secret`: also when others than its owner may read or change it.
 */
export async function readLocalFile(name: string, directory: string, maxBytes: number, use: 'plain' | 'secret' = 'plain'): Promise<Uint8Array> {
  const wanted = isAbsolute(name) ? name : join(directory, name);
  try {
    const path = await realpath(wanted);
    if (!isAbsolute(name) && !path.startsWith((await realpath(directory)) + sep)) throw new Error(`lies outside ${directory}, where relative names belong`);
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new Error('is not a regular file');
      if (use === 'secret' && (stat.mode & 0o077) !== 0) {
        throw new Error(`has mode ${(stat.mode & 0o777).toString(8).padStart(4, '0')}, so others can read or change it; run: chmod 0600 ${wanted}`);
      }
      if (stat.size > maxBytes) throw new Error(`has ${stat.size} bytes; at most ${maxBytes} are valid`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`${wanted}: ${(error as Error).message}`, { cause: error });
  }
}

/** Writes a file that is there whole and durable, or not at all; readable by the daemon alone. Also when others write it now. */
export async function writePrivateFile(path: string, content: Uint8Array): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    const file = await open(part, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw error;
  }
}
