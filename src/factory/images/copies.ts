import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { discard, resumeNote } from '../http/download.ts';
import { identityOf } from './verify.ts';

/** What is remembered of a downloaded image. Kept beside it; believed only while `identity` is that of the file. */
const Copy = z.object({
  v: z.literal(1),
  /** Credentials masked. */
  url: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  sha256: z.string(),
  size: z.number(),
  format: z.string(),
  signedBy: z.string().optional(),
  /** Of the download, ms since the epoch. */
  fetchedAt: z.number(),
  identity: z.string(),
});
export type Copy = z.infer<typeof Copy>;

/**
 * The image cache on disk: `NAME` is an image, `meta/NAME` what is known of it, `tmp/NAME` an incomplete download. Images are never
 * written to after they have got their name, so that hard links and open files of machines stay what they were.
 */
export class Copies {
  readonly #directory: string;
  constructor(directory: string) {
    this.#directory = directory;
  }

  path(name: string): string {
    return join(this.#directory, name);
  }
  part(name: string): string {
    return join(this.#directory, 'tmp', name);
  }
  #meta(name: string): string {
    return join(this.#directory, 'meta', name);
  }

  /**
   * Makes the directories (0700). Incomplete downloads of this boot may be continued; those of an earlier boot may hold blocks that
   * never reached the disk and are removed.
   */
  async open(bootId: string): Promise<void> {
    for (const directory of [this.#directory, join(this.#directory, 'meta'), join(this.#directory, 'tmp')]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await chmod(directory, 0o700);
    }
    const boot = join(this.#directory, 'meta', '.boot');
    const earlier = await readFile(boot, 'utf8').catch(() => undefined);
    const parts = await readdir(join(this.#directory, 'tmp'));
    for (const name of parts) {
      const continued =
        earlier === bootId && !name.endsWith('.meta') && !name.endsWith('.link') && (name.endsWith('.resume') || parts.includes(resumeNote(name)));
      if (!continued) await rm(this.part(name), { recursive: true, force: true });
    }
    await writeFile(boot, bootId, { mode: 0o600 });
  }

  /** What is remembered of an image, and whether the file is still the one that was verified; undefined: there is no file. */
  async look(name: string): Promise<{ readonly copy: Copy | undefined } | undefined> {
    const identity = await this.identity(name);
    if (identity === undefined) return undefined;
    const text = await readFile(this.#meta(name), 'utf8').catch(() => '');
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return { copy: undefined };
    }
    const copy = Copy.safeParse(json).data;
    return { copy: copy?.identity === identity ? copy : undefined };
  }

  async identity(name: string): Promise<string | undefined> {
    return stat(this.path(name)).then(identityOf, () => undefined);
  }

  /** Gives a verified file in `tmp` its name. Its description goes first: a crash in between leaves one that fits no file. */
  async keep(name: string, file: string, copy: Copy): Promise<void> {
    await chmod(file, 0o444); // the directory keeps others out; machines with accounts of their own reach it by a hard link
    await this.describe(name, copy);
    await rename(file, this.path(name));
    await syncDirectory(this.#directory);
  }

  async describe(name: string, copy: Copy): Promise<void> {
    const temporary = `${this.part(name)}.meta`;
    await writeFile(temporary, JSON.stringify(copy), { mode: 0o600, flush: true });
    await rename(temporary, this.#meta(name));
  }

  async remove(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
    await rm(this.#meta(name), { force: true });
    await discard(this.part(name));
  }

  /** Names of all images, with or without a file. */
  async names(): Promise<ReadonlySet<string>> {
    const all = [...(await readdir(this.#directory)), ...(await readdir(join(this.#directory, 'meta'))), ...(await readdir(join(this.#directory, 'tmp')))];
    return new Set(all.filter((name) => name !== 'meta' && name !== 'tmp' && name !== '.boot').map((name) => name.replace(/\.(resume|meta|link)$/, '')));
  }
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}
