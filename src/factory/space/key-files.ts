import { createHash, createHmac } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import type { SpaceKey } from '../../core/vacquery/seal.ts';

const mostBytes = 4096;
const leastBytes = 16;

class KeyFault extends Error {
  override readonly name = 'KeyFault';
}

/** Content of a key file without white space around it. Throws KeyFault when it is not fit to be a secret. */
function readKey(path: string): Buffer {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new KeyFault(`${path} cannot be read (${(cause as NodeJS.ErrnoException).code}); valid: a file with the key of the space, mode 0600`, { cause });
  }
  try {
    const { mode, size } = fstatSync(fd);
    if ((mode & 0o077) !== 0) {
      throw new KeyFault(`${path} has mode ${(mode & 0o777).toString(8).padStart(4, '0')}, so others can read or change the key; run: chmod 0600 ${path}`);
    }
    if (size > mostBytes) throw new KeyFault(`${path} has ${size} bytes; valid: ${leastBytes} to ${mostBytes}`);
    const key = Buffer.from(readFileSync(fd).toString('latin1').trim(), 'latin1');
    const make = `make one with: openssl rand -hex 32 > ${path}`;
    if (key.length === 0) throw new KeyFault(`${path} is empty; ${make}`);
    if (key.length < leastBytes) throw new KeyFault(`${path} holds only ${key.length} characters; valid: ${leastBytes} or more; ${make}`);
    return key;
  } finally {
    closeSync(fd);
  }
}

/** What is wrong with a key file; undefined: nothing. */
export function keyFileFault(path: string): string | undefined {
  try {
    readKey(path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The keys in these files, in the same order. Throws with a message for people when one of them must not be used. */
export function loadKeys(paths: readonly string[]): readonly SpaceKey[] {
  return paths.map((path) => {
    const key = readKey(path);
    return {
      fingerprint: createHash('sha256').update(key).digest('hex').slice(0, 8),
      mac: (bytes) => createHmac('sha256', key).update(bytes).digest('hex').slice(0, 32),
    };
  });
}
