import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { headBytes } from '../../core/image/format.ts';
import { isIso } from '../../core/image/iso9660.ts';
import { isQcow2 } from '../../core/image/qcow2.ts';
import { ProviderError } from '../contract.ts';

export type DiskFormat = 'qcow2' | 'iso' | 'raw';

/** A file as it was when it was read. */
export interface ImageFile {
  readonly path: string;
  readonly bytes: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly format: DiskFormat;
}

const unreadable = (path: string, cause: unknown): ProviderError =>
  new ProviderError('IMAGE_FILE_UNREADABLE', `${path}: the image cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, {
    fault: 'host',
    cause,
  });

/** Digests of files, each taken once for as long as size, times and inode stay. */
export class ImageFiles {
  readonly #digests = new Map<string, { readonly version: string; readonly file: Promise<ImageFile> }>();

  async get(path: string): Promise<ImageFile> {
    const s = await stat(path).catch((error: unknown) => Promise.reject(unreadable(path, error)));
    const version = `${s.dev}:${s.ino}:${s.size}:${s.mtimeMs}:${s.ctimeMs}`;
    const kept = this.#digests.get(path);
    if (kept?.version === version) return kept.file;
    const file = read(path);
    this.#digests.set(path, { version, file });
    file.catch(() => this.#digests.delete(path));
    return file;
  }
}

async function read(path: string): Promise<ImageFile> {
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    await using handle = await open(path);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    const head = buffer.subarray(0, bytesRead);
    return { path, bytes, sha256: hash.digest('hex'), format: isQcow2(head) ? 'qcow2' : isIso(head) ? 'iso' : 'raw' };
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The content for an upload, and its SHA-256 and SHA-512 of what really went out, known when the stream has ended. */
export function uploadStream(path: string): { readonly stream: Transform; readonly digests: () => { readonly sha256: string; readonly sha512: string } } {
  const [small, large] = [createHash('sha256'), createHash('sha512')];
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      small.update(chunk);
      large.update(chunk);
      done(null, chunk);
    },
  });
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  file.on('error', (error) => stream.destroy(unreadable(path, error)));
  stream.on('close', () => file.destroy());
  file.pipe(stream);
  return { stream, digests: () => ({ sha256: small.digest('hex'), sha512: large.digest('hex') }) };
}
