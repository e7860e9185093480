import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isFileName } from '../core/jdl/jdl.ts';
import { QueueError } from '../queue/client/error.ts';

/** Saves an output file in one step, and resolves with its path. What a queue says of names and sizes is not taken for granted. */
export async function download(bytes: AsyncIterable<Uint8Array>, directory: string, name: string, size: number): Promise<string> {
  if (!isFileName(name)) throw new QueueError('bad_answer', `the queue names an output file ${JSON.stringify(name.slice(0, 140))}, which is not possible`);
  const path = join(directory, name);
  const made = join(directory, `.${randomBytes(8).toString('hex')}`);
  let received = 0;
  const counted = async function* (): AsyncIterable<Uint8Array> {
    for await (const chunk of bytes) {
      received += chunk.length;
      yield chunk;
    }
  };
  try {
    await pipeline(Readable.from(counted()), createWriteStream(made, { flags: 'wx' }));
    if (received !== size) throw new QueueError('no_answer', `${name} broke off after ${received} of ${size} bytes`);
    await rename(made, path);
  } finally {
    await rm(made, { force: true });
  }
  return path;
}
