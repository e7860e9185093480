import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxLimits } from '../config/settings.ts';
import { Refusal } from '../refusal.ts';
import { type FileKind, fileName, ownerHash, readTarget, type SandboxJob, type SandboxPlaces, sandboxPlaces } from './places.ts';
import { bytesOfOwner, filesIn, logBytesIn, type StoredFile } from './quota.ts';
import { type Incoming, receive, storageRefusal } from './receive.ts';

export interface OpenFile {
  /** Bytes. */
  readonly size: number;
  /** Closes itself at its end, or when it is cancelled. */
  readonly stream: ReadableStream;
}

interface Owner {
  /** Bytes that its jobs keep, files that are being received included; the walk that finds them once is shared by all who wait. */
  bytes: Promise<number>;
  more: number;
}

/**
 * Input and output files and logs of jobs, stored by content below one directory. Several servers may share the directory; each
 * counts what it receives itself at once and what others did at its next sweep. Throws Refusal for what a person can do something about.
 */
export class Sandbox {
  readonly places: SandboxPlaces;
  readonly limits: SandboxLimits;
  readonly #owners = new Map<string, Owner>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(root: string, limits: SandboxLimits) {
    this.places = sandboxPlaces(root);
    this.limits = limits;
  }

  /**
   * Stores a file of a job, in place of one of the same name. `most`: bytes that all files of this kind of the job may have.
   * `still`: asked after the last byte, whether it is to count at all. Rejects early when the announced length does not fit.
   */
  async put(
    job: SandboxJob,
    kind: FileKind,
    name: string,
    body: Incoming,
    most: number,
    still: () => Promise<void> = async () => undefined,
  ): Promise<StoredFile> {
    fileName(name);
    let { replaced, ofJob } = await this.#present(job, kind, name);
    const owner = this.#owner(ownerHash(job));
    const kept = await owner.bytes;
    let size = 0;
    const allow = (more: number): void => {
      if (size + more > this.limits.fileBytes) throw new Refusal('too_large', `${name} is greater than ${this.limits.fileBytes} bytes, the most of one file`);
      if (ofJob + size + more > most) throw new Refusal('over_quota', `with ${name} the ${kind} files of this job are more than ${most} bytes`);
      if (kept + owner.more + more - replaced > this.limits.ownerBytes) {
        throw new Refusal('over_quota', `with ${name} your jobs would keep more than ${this.limits.ownerBytes} bytes; wipe some that have ended`);
      }
    };
    if (body.length !== undefined) allow(body.length);
    try {
      await using received = await receive(this.places, body, (more) => {
        allow(more);
        size += more;
        owner.more += more;
      });
      await this.#inTurn(job, async () => {
        await still();
        // Others may have come or gone while this one was received.
        ({ replaced, ofJob } = await this.#present(job, kind, name));
        allow(0);
        await received.keep();
        await this.#link(job, kind, name, received);
        owner.more -= replaced;
      });
      return { name, sha256: received.sha256, size: received.size };
    } catch (error) {
      owner.more -= size;
      throw storageRefusal(error);
    }
  }

  /** Gives `to` the input files of `from` under the same names, as far as they are named; no byte is copied. Both must be of one owner. */
  async copyInputs(from: SandboxJob, to: SandboxJob, names: readonly string[], most: number): Promise<void> {
    if (ownerHash(from) !== ownerHash(to)) throw new TypeError('files are copied within one owner alone');
    const files = (await this.list(from, 'input')).filter(({ name }) => names.includes(name));
    const bytes = bytesOf(files);
    const owner = this.#owner(ownerHash(to));
    if (bytes > most) throw new Refusal('over_quota', `the input files are more than ${most} bytes`);
    await this.#inTurn(to, async () => {
      const replaced = bytesOf((await this.list(to, 'input')).filter(({ name }) => files.some((file) => file.name === name)));
      if ((await owner.bytes) + owner.more + bytes - replaced > this.limits.ownerBytes) {
        throw new Refusal('over_quota', `your jobs would keep more than ${this.limits.ownerBytes} bytes; wipe some that have ended`);
      }
      for (const file of files) await this.#link(to, 'input', file.name, file);
      owner.more += bytes - replaced;
    });
  }

  /** Files of a job, by name. */
  list(job: SandboxJob, kind: FileKind): Promise<readonly StoredFile[]> {
    return filesIn(this.places.files(job, kind));
  }

  /** Undefined: there is no such file. */
  async open(job: SandboxJob, kind: FileKind, name: string): Promise<OpenFile | undefined> {
    const target = await readlink(this.places.file(job, kind, name)).catch(absent);
    const content = target === undefined ? undefined : readTarget(target);
    return content === undefined ? undefined : opened(this.places.contentOf(content.sha256));
  }

  /** Resolves when the file is gone, also when it was never there. */
  remove(job: SandboxJob, kind: FileKind, name: string): Promise<void> {
    const path = this.places.file(job, kind, name);
    return this.#inTurn(job, async () => {
      const target = await readlink(path).catch(absent);
      await rm(path, { force: true });
      this.#release(job, target === undefined ? 0 : (readTarget(target)?.size ?? 0));
    });
  }

  /** Removes the files that an earlier run has stored. */
  clearOutputs(job: SandboxJob): Promise<void> {
    return this.#inTurn(job, async () => {
      const bytes = bytesOf(await this.list(job, 'output'));
      await rm(this.places.files(job, 'output'), { recursive: true, force: true });
      this.#release(job, bytes);
    });
  }

  /** Removes everything of a job. */
  wipe(job: SandboxJob): Promise<void> {
    return this.#inTurn(job, async () => {
      const bytes = bytesOf([...(await this.list(job, 'input')), ...(await this.list(job, 'output'))]) + (await logBytesIn(this.places.job(job)));
      await rm(this.places.job(job), { recursive: true, force: true });
      this.#release(job, bytes);
    });
  }

  /**
   * Adds to the log of a run, at most up to `most` bytes in all. `offset` is where the bytes begin: what is there already is left out,
   * so that a repeated request changes nothing, and after a gap nothing is stored. Resolves with the length of the log.
   */
  appendLog(job: SandboxJob, run: number, offset: number, bytes: Uint8Array, most: number): Promise<number> {
    return this.#inTurn(job, () => this.#append(job, this.places.log(job, run), offset, bytes, most));
  }

  /** What changes the files of a job is done one after the other, so that what is counted is what is there. */
  #inTurn<T>(job: SandboxJob, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(job.id) ?? Promise.resolve()).then(work);
    const settled = turn.catch(() => undefined).finally(() => this.#turns.get(job.id) === settled && this.#turns.delete(job.id));
    this.#turns.set(job.id, settled);
    return turn;
  }

  /** Bytes of the file of that name, and of the others of the job. */
  async #present(job: SandboxJob, kind: FileKind, name: string): Promise<{ readonly replaced: number; readonly ofJob: number }> {
    const files = await this.list(job, kind);
    const replaced = files.find((file) => file.name === name)?.size ?? 0;
    return { replaced, ofJob: bytesOf(files) - replaced };
  }

  async #append(job: SandboxJob, path: string, offset: number, bytes: Uint8Array, most: number): Promise<number> {
    try {
      await mkdir(this.places.job(job), { recursive: true, mode: 0o700 });
      await using file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
      const { size } = await file.stat();
      if (size >= most) throw new Refusal('too_large', `the log has its full length of ${most} bytes`);
      if (offset > size) return size;
      const fresh = bytes.subarray(size - offset, size - offset + (most - size));
      const owner = this.#owner(ownerHash(job));
      if (fresh.length > 0 && (await owner.bytes) + owner.more + fresh.length > this.limits.ownerBytes)
        throw new Refusal('over_quota', `with this log the jobs of its owner would keep more than ${this.limits.ownerBytes} bytes`);
      await writeAll(file, fresh);
      owner.more += fresh.length;
      return size + fresh.length;
    } catch (error) {
      throw storageRefusal(error);
    }
  }

  /** Log of a run; of the last one that has a log when none is named. Undefined: there is none. */
  async log(job: SandboxJob, run?: number): Promise<OpenFile | undefined> {
    if (run !== undefined) return opened(this.places.log(job, run));
    const runs = ((await readdir(this.places.job(job)).catch(absent)) ?? []).flatMap((name) => (/^log\.\d{1,9}$/.test(name) ? [Number(name.slice(4))] : []));
    return runs.length === 0 ? undefined : opened(this.places.log(job, Math.max(...runs)));
  }

  /** What the jobs of this owner keep was counted anew by a sweep. */
  counted(hash: string, bytes: number): void {
    this.#owners.set(hash, { bytes: Promise.resolve(bytes), more: 0 });
  }

  #owner(hash: string): Owner {
    let owner = this.#owners.get(hash);
    if (owner === undefined) {
      const bytes = bytesOfOwner(this.places, hash);
      bytes.catch(() => this.#owners.delete(hash)); // asked again by the next request
      owner = { bytes, more: 0 };
      this.#owners.set(hash, owner);
    }
    return owner;
  }

  /** An owner nobody has asked about is counted when somebody does. */
  #release(job: SandboxJob, bytes: number): void {
    const owner = this.#owners.get(ownerHash(job));
    if (owner !== undefined) owner.more -= bytes;
  }

  async #link(job: SandboxJob, kind: FileKind, name: string, { sha256, size }: Pick<StoredFile, 'sha256' | 'size'>): Promise<void> {
    const directory = this.places.files(job, kind);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const made = join(directory, `.${randomBytes(8).toString('hex')}`);
    await symlink(`${sha256}.${size}`, made);
    await rename(made, this.places.file(job, kind, name));
  }
}

const bytesOf = (files: readonly StoredFile[]): number => files.reduce((sum, { size }) => sum + size, 0);

async function opened(path: string): Promise<OpenFile | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(absent);
  if (file === undefined) return undefined;
  const { size } = await file.stat();
  return { size, stream: fileStream(file, size) };
}

/** Exactly so many bytes, although a log may grow meanwhile. */
function fileStream(file: FileHandle, size: number): ReadableStream {
  let left = size;
  return new ReadableStream(
    {
      async pull(controller) {
        const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(Math.min(65_536, Math.max(1, left))), length: Math.min(65_536, left) });
        if (bytesRead > 0) controller.enqueue(new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead));
        left -= bytesRead;
        if (left > 0 && bytesRead > 0) return;
        await file.close();
        controller.close();
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  );
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}

function absent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'EINVAL' || code === 'ENOTDIR') return undefined;
  throw error;
}
