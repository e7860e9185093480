import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A file with a secret that must not be used as it is; the message is for people. */
export class SecretFileFault extends Error {
  override readonly name = 'SecretFileFault';
}

const mostBytes = 1024 ** 2;

/** Text of a file that nobody but its owner can read or change. Undefined: it does not exist. Throws SecretFileFault otherwise. */
export function readPrivate(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new SecretFileFault(`${path} cannot be read (${code}); valid: a file of the user who runs this, mode 0600`, { cause });
  }
  try {
    const { mode, size } = fstatSync(fd);
    if ((mode & 0o077) !== 0) {
      throw new SecretFileFault(
        `${path} has mode ${(mode & 0o777).toString(8).padStart(4, '0')}, so that others can read or change it; run: chmod 0600 ${path}`,
      );
    }
    if (size > mostBytes) throw new SecretFileFault(`${path} has ${size} bytes; valid: at most ${mostBytes}`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Writes a new file in one step, mode 0600 unless another is given. False: it existed already and is as it was. */
export function createFile(path: string, text: string, mode = 0o600): boolean {
  const made = write(path, text, mode);
  try {
    linkSync(made, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    unlinkSync(made);
  }
}

/** Puts a file in the place of another in one step. */
export const replaceFile = (path: string, text: string, mode = 0o600): void => renameSync(write(path, text, mode), path);

function write(path: string, text: string, mode: number): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const made = join(dirname(path), `.${randomBytes(8).toString('hex')}`);
  const fd = openSync(made, 'wx', mode);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return made;
}
