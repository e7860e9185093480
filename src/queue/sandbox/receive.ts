import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Refusal } from '../refusal.ts';
import type { SandboxPlaces } from './places.ts';

/** Bytes of a request. */
export interface Incoming {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** As announced; absent: not known before the end. */
  readonly length?: number;
}

export interface Received {
  readonly sha256: string;
  readonly size: number;
  /** Puts it among the content; durable when it resolves. */
  keep(): Promise<void>;
  /** Removes what has not been kept. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Streams a body to disk. `allow` is called before each piece with its size and throws to refuse it. What is refused or breaks off
 * leaves nothing behind; of what a crash leaves, the sweep takes care.
 */
export async function receive(places: SandboxPlaces, { bytes, length }: Incoming, allow: (more: number) => void): Promise<Received> {
  await mkdir(places.incoming, { recursive: true, mode: 0o700 });
  const path = join(places.incoming, randomBytes(16).toString('hex'));
  const hash = createHash('sha256');
  let size = 0;
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of bytes) {
        allow(chunk.length);
        size += chunk.length;
        hash.update(chunk);
        await file.write(chunk);
      }
      if (length !== undefined && size !== length) throw new Refusal('bad_request', `the body broke off after ${size} of ${length} bytes`);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw storageRefusal(error);
  }
  const sha256 = hash.digest('hex');
  return {
    sha256,
    size,
    async keep() {
      const content = places.contentOf(sha256);
      await mkdir(dirname(content), { recursive: true, mode: 0o700 });
      // The same bytes may be there already; the new copy replaces them, so that its age protects it from a sweep that goes on now.
      await rename(path, content);
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true });
    },
  };
}

const codes: Readonly<Record<string, () => Refusal>> = {
  ENOSPC: () => new Refusal('disk_full', 'the disk of the queue is full', { retryAfter: 60 }),
  EDQUOT: () => new Refusal('disk_full', 'the disk quota of the queue is used up', { retryAfter: 60 }),
  EMFILE: () => new Refusal('unavailable', 'too many files are open', { retryAfter: 5 }),
  ENFILE: () => new Refusal('unavailable', 'too many files are open', { retryAfter: 5 }),
  EROFS: () => new Refusal('disk_full', 'the disk of the queue cannot be written', { retryAfter: 60 }),
};

/** What to answer for an error of the file system; other errors are returned as they are. */
export const storageRefusal = (error: unknown): unknown => codes[(error as NodeJS.ErrnoException).code ?? '']?.() ?? error;
