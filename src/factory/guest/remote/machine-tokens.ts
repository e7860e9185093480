import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { MachineId } from '../../../core/units.ts';

const keyBytes = 32;

/**
 * One unguessable token for each machine, of 192 bits, worked out from its id and a key in the state directory: it is the same after a restart,
 * and nothing has to be stored. That it dies with its machine is the affair of whoever asks here.
 */
export class MachineTokens {
  readonly #key: Buffer;

  /** `path`: the key, 0600; made when it is not there. Throws when it cannot be read, or is not a key. */
  constructor(path: string) {
    this.#key = readKey(path);
  }

  token(id: MachineId): string {
    return createHmac('sha256', this.#key).update(id).digest('base64url').slice(0, 32);
  }

  /** Takes the same time for every answer. */
  isToken(id: MachineId, token: string): boolean {
    const mine = Buffer.from(this.token(id));
    const theirs = Buffer.from(token.padEnd(mine.length).slice(0, mine.length));
    return timingSafeEqual(mine, theirs) && token.length === mine.length;
  }
}

function readKey(path: string): Buffer {
  const read = (): Buffer => {
    const key = readFileSync(path);
    if (key.length !== keyBytes)
      throw new Error(`${path} is not a key of ${keyBytes} bytes; remove it, and machines that run now lose their way to their outputs`);
    return key;
  };
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Whole or not at all, and never over one that another process has just made.
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, randomBytes(keyBytes), { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  return read();
}
