import type { FileHandle } from 'node:fs/promises';
import { ImageError } from './image-error.ts';

/** Hashing one chunk must not hold up the event loop: about half a millisecond. */
const chunkBytes = 256 * 1024;

/** Reads exactly `length` bytes. Throws when the file is shorter. */
export async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let got = 0; got < length; ) {
    const { bytesRead } = await file.read(bytes, got, length - got, position + got);
    if (bytesRead === 0) throw new ImageError(`it ends at byte ${position + got} while it is read`);
    got += bytesRead;
  }
  return bytes;
}

/** Hands `length` bytes from `position` on to `use` in pieces; each is valid only during the call. */
export async function eachChunk(file: FileHandle, position: number, length: number, use: (chunk: Uint8Array) => void, signal?: AbortSignal): Promise<void> {
  const buffer = new Uint8Array(Math.min(chunkBytes, Math.max(length, 1)));
  for (let done = 0; done < length; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - done), position + done);
    if (bytesRead === 0) throw new ImageError(`it ends at byte ${position + done} while it is read`);
    use(buffer.subarray(0, bytesRead));
    done += bytesRead;
  }
}
