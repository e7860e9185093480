import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePipe } from '../../core/config/pipe-document.ts';
import { type Instant, instant } from '../../core/units.ts';

/** Last good copy of a pipe, with the time it was fetched written in it: a copied or restored file keeps its age. */
export interface PipeCopy {
  readonly url: string;
  readonly fetchedAt: Instant;
  readonly text: string;
}

/** Form of the file. Read by hand: `vacua check` starts in half the time without a schema library. */
interface Stored {
  readonly url: string;
  readonly fetched_at: number;
  readonly document: string;
}

const fileOf = (directory: string, prefix: string): string => join(directory, `${prefix}.pipe`);

/** The copy of a pipe; undefined when there is none, it belongs to another URL, or it cannot be used. Never rejects. */
export async function loadPipe(directory: string, prefix: string, url: string): Promise<PipeCopy | undefined> {
  try {
    const stored = JSON.parse(await readFile(fileOf(directory, prefix), 'utf8')) as Partial<Record<keyof Stored, unknown>> | null;
    if (stored?.url !== url || typeof stored.fetched_at !== 'number' || typeof stored.document !== 'string') return undefined;
    if ('wrong' in parsePipe(stored.document)) return undefined;
    return { url, fetchedAt: instant(stored.fetched_at), text: stored.document };
  } catch {
    return undefined; // as if it had never been fetched
  }
}

/** Replaces the copy in one step; readable by the daemon alone. */
export async function storePipe(directory: string, prefix: string, copy: PipeCopy): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `.${prefix}.${randomUUID()}.tmp`);
  const stored: Stored = { url: copy.url, fetched_at: copy.fetchedAt, document: copy.text };
  try {
    await writeFile(temporary, JSON.stringify(stored), { mode: 0o600, flag: 'wx' });
    await rename(temporary, fileOf(directory, prefix));
  } finally {
    await rm(temporary, { force: true });
  }
}
