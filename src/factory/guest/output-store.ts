import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OutputLedger, type OutputLimits } from '../../core/guest/job-outputs.ts';
import { cleanShutdownMessage, shutdownMessageBytes } from '../../core/guest/shutdown-message.ts';
import type { GuestReport } from '../../core/machine.ts';
import { type Instant, instant } from '../../core/units.ts';

/** What became of a file that a machine sent. `failed`: ours is the fault; nothing of an older file is lost in any case. */
export type Stored =
  | { readonly done: true }
  | { readonly done: false; readonly why: 'bytes' | 'files' | 'transfers' | 'cut-short' }
  | { readonly done: false; readonly why: 'disk-full' | 'failed'; readonly error: unknown };

export interface OutputPlaces {
  readonly outputs: string;
  readonly incoming: string;
}

/** The calls by which outputs reach the disk, so that a test can make any of them fail. */
export const outputFiles = { open, rename, rm };
export type OutputFiles = typeof outputFiles;

/** The file by which a machine says why it ends (spec/factory.md §9.1). */
export const shutdownMessageFile = 'shutdown_message';

/** Job outputs of one machine: a flat directory within limits, in which a file appears whole or not at all (spec/factory.md §14.2). */
export class OutputStore {
  readonly #places: OutputPlaces;
  readonly #files: OutputFiles;
  readonly #ledger: OutputLedger;
  #serial = 0;

  private constructor(places: OutputPlaces, files: OutputFiles, ledger: OutputLedger) {
    this.#places = places;
    this.#files = files;
    this.#ledger = ledger;
  }

  /** Takes up what is there already; halves of files from an earlier process are thrown away. */
  static async open(places: OutputPlaces, files: OutputFiles = outputFiles): Promise<OutputStore> {
    await rm(places.incoming, { recursive: true, force: true });
    await mkdir(places.incoming, { recursive: true, mode: 0o700 });
    await mkdir(places.outputs, { recursive: true, mode: 0o700 });
    const sizes = new Map<string, number>();
    for (const name of await readdir(places.outputs)) {
      const stat = await statOf(join(places.outputs, name));
      if (stat !== undefined) sizes.set(name, stat.size);
    }
    return new OutputStore(places, files, new OutputLedger(sizes));
  }

  /** Stores exactly `size` bytes as `name`, replacing an older file in one step. Never rejects. */
  async put(name: string, size: number, body: AsyncIterable<Uint8Array>, limits: OutputLimits): Promise<Stored> {
    const reservation = this.#ledger.reserve(name, size, limits);
    if ('refused' in reservation) return { done: false, why: reservation.refused };
    const part = join(this.#places.incoming, String((this.#serial += 1)));
    try {
      const received = await this.#receive(part, body);
      if (received !== size) throw new CutShort();
      await this.#files.rename(part, join(this.#places.outputs, name));
      this.#ledger.commit(reservation.transfer);
      return { done: true };
    } catch (error) {
      await this.#files.rm(part, { force: true }).catch(() => undefined);
      this.#ledger.release(reservation.transfer);
      if (error instanceof CutShort) return { done: false, why: 'cut-short' };
      const code = (error as NodeJS.ErrnoException).code;
      return { done: false, why: code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'failed', error };
    }
  }

  async #receive(part: string, body: AsyncIterable<Uint8Array>): Promise<number> {
    const file = await this.#files.open(part, 'wx', 0o600);
    try {
      let received = 0;
      for await (const chunk of endingCutShort(body)) {
        await file.writeFile(chunk);
        received += chunk.byteLength;
      }
      // Some file systems tell of a full disk only now.
      await file.datasync();
      return received;
    } finally {
      await file.close();
    }
  }

  /** The shutdown message as cleaned, with the last change of its file; undefined: there is none, or nothing in it. */
  async message(): Promise<GuestReport['message']> {
    const head = await readHead(join(this.#places.outputs, shutdownMessageFile));
    const text = head && cleanShutdownMessage(head.bytes);
    return head === undefined || text === undefined ? undefined : { text, at: instant(head.stat.mtimeMs) };
  }

  /** Last change of a file; undefined: it is not there. */
  async changedAt(name: string): Promise<Instant | undefined> {
    const stat = await statOf(join(this.#places.outputs, name));
    return stat && instant(stat.mtimeMs);
  }
}

class CutShort extends Error {}

/** Tells a sender who went away from a disk that failed. */
async function* endingCutShort(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    throw new CutShort();
  }
}

/** Regular files only: a machine that shares the directory could place links in it. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    const stat = await lstat(path);
    return stat.isFile() ? stat : undefined;
  } catch {
    return undefined;
  }
}

async function readHead(path: string): Promise<{ bytes: Uint8Array; stat: Stats } | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return undefined;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(shutdownMessageBytes), 0, shutdownMessageBytes, 0);
      return { bytes: buffer.subarray(0, bytesRead), stat };
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}
