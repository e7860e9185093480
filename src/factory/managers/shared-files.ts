import { link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * What managers of one space write for each other, in a directory that all of them see:
 *
 * - `manager-NAME`, replaced at every sign of life: who, which process, and a number that grows;
 * - `epoch-N`, made once and never changed: who holds the lease since then. The highest one counts.
 *
 * A file appears whole or not at all. That of an epoch appears once: `link` fails for the second of two, also over NFS.
 */
const Sign = z.object({ manager: z.string().max(255), session: z.string().max(64), beat: z.int().min(0) });
const Epoch = z.object({ manager: z.string().max(255), session: z.string().max(64) });

export interface Holder {
  readonly epoch: number;
  /** Absent: the file cannot be understood. */
  readonly manager?: string;
  readonly session?: string;
}

export class SharedFiles {
  readonly #directory: string;
  #drafts = 0;
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Texts of the signs of life, by manager. What is not understood is left out. */
  async signs(): Promise<ReadonlyMap<string, { readonly session: string; readonly text: string }>> {
    const found = new Map<string, { readonly session: string; readonly text: string }>();
    for (const name of (await readdir(this.#directory)).filter((n) => n.startsWith('manager-'))) {
      const text = await this.#text(name);
      const sign = text === undefined ? undefined : parsed(Sign, text);
      if (sign && text !== undefined && name === signName(sign.manager)) found.set(sign.manager, { session: sign.session, text });
    }
    return found;
  }

  /** The highest epoch; undefined: there has been none. */
  async holder(): Promise<Holder | undefined> {
    const [highest] = await this.#epochs();
    if (highest === undefined) return undefined;
    const text = await this.#text(epochName(highest));
    return { epoch: highest, ...(text !== undefined && parsed(Epoch, text)) };
  }

  async sign(manager: string, session: string, beat: number): Promise<void> {
    const draft = await this.#draft({ manager, session, beat } satisfies z.input<typeof Sign>, session);
    await rename(draft, join(this.#directory, signName(manager)));
    await this.#sync();
  }

  /** Whether it has worked is for the next look at `holder` to say: an answer may have been lost on its way. */
  async claim(epoch: number, manager: string, session: string): Promise<void> {
    const draft = await this.#draft({ manager, session } satisfies z.input<typeof Epoch>, session);
    try {
      await link(draft, join(this.#directory, epochName(epoch)));
      await this.#sync();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** Removes epochs that are long over. */
  async tidy(kept: number): Promise<void> {
    for (const old of (await this.#epochs()).slice(kept)) await rm(join(this.#directory, epochName(old)), { force: true });
  }

  /** Highest first. */
  async #epochs(): Promise<readonly number[]> {
    const names = await readdir(this.#directory);
    return names.flatMap((name) => (/^epoch-\d{1,15}$/.test(name) ? [Number(name.slice('epoch-'.length))] : [])).toSorted((a, b) => b - a);
  }

  async #text(name: string): Promise<string | undefined> {
    try {
      return (await readFile(join(this.#directory, name), 'utf8')).slice(0, 1000);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #draft(content: object, session: string): Promise<string> {
    await mkdir(this.#directory, { recursive: true });
    const path = join(this.#directory, `.draft-${session}-${(this.#drafts += 1)}`);
    const file = await open(path, 'w', 0o644);
    try {
      await file.writeFile(`${JSON.stringify(content)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return path;
  }

  async #sync(): Promise<void> {
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

const signName = (manager: string): string => `manager-${encodeURIComponent(manager)}`;
const epochName = (epoch: number): string => `epoch-${epoch}`;

function parsed<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
