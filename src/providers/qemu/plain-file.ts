import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';

/** A file that the machine's account may have replaced is opened as it is: no link is followed, no pipe is waited for. */
const plain = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Greatest `console_max_mb`; more is not a console that our writer made. */
const maxConsoleBytes = 64 * 1024 * 1024;

/** Moves a file that the machine's account may have replaced by anything: only a plain file is kept. */
export async function keepPlain(from: string, to: string): Promise<void> {
  const file = await open(from, plain).catch(() => undefined); // not there, or a link
  if (file === undefined) return;
  try {
    if (!(await file.stat()).isFile()) return;
    if (process.getuid?.() === 0) await file.chown(0, 0);
    await file.chmod(0o600);
    await rename(from, to);
  } finally {
    await file.close();
  }
}

/** Content of a plain file; undefined for everything else, links and pipes above all. */
export async function readPlain(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, plain);
    try {
      const facts = await file.stat();
      return facts.isFile() && facts.size <= maxConsoleBytes ? await file.readFile() : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // not there, or not plain
  }
}
