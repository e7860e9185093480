import { closeSync, fstatSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import type { LogDestination } from './log.ts';

export interface LogFileLimits {
  /** A line that would make the file longer goes to a new one. */
  readonly maxBytes: number;
  /** Old files kept, as `NAME.1` (newest) to `NAME.N`. */
  readonly keep: number;
}
const limitsByDefault: LogFileLimits = { maxBytes: 10 * 1024 * 1024, keep: 3 };

/**
 * An append-only file (mode 0600) which cannot fill a disk: it rotates by itself, and follows when somebody else has renamed or
 * removed it. A line that cannot be written is dropped and counted, and the count is written when writing works again:
 * a full disk must not stop a factory.
 */
export class LogFile implements LogDestination, Disposable {
  readonly #path: string;
  readonly #limits: LogFileLimits;
  #fd: number | undefined;
  #lost = 0;

  constructor(path: string, limits: LogFileLimits = limitsByDefault) {
    this.#path = path;
    this.#limits = limits;
  }

  write(line: string): void {
    try {
      if (this.#lost > 0) {
        this.#append(`${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lines: this.#lost, msg: 'log lines lost' })}\n`);
        this.#lost = 0;
      }
      this.#append(line);
    } catch {
      this.#lost++;
      this.#close();
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  #append(line: string): void {
    const bytes = Buffer.from(line);
    let fd = this.#current();
    const { size } = fstatSync(fd);
    if (size > 0 && size + bytes.length > this.#limits.maxBytes) {
      this.#rotate();
      fd = this.#current();
    }
    const written = writeSync(fd, bytes);
    if (written < bytes.length) throw new Error(`${this.#path}: only ${written} of ${bytes.length} bytes were written`);
  }

  /** The file that has the name now. */
  #current(): number {
    if (this.#fd !== undefined) {
      const named = statSync(this.#path, { throwIfNoEntry: false });
      const held = fstatSync(this.#fd);
      if (named?.ino === held.ino && named.dev === held.dev) return this.#fd;
      this.#close();
    }
    this.#fd = openSync(this.#path, 'a', 0o600);
    return this.#fd;
  }

  #rotate(): void {
    this.#close();
    for (let n = this.#limits.keep; n >= 1; n--) {
      const from = n === 1 ? this.#path : `${this.#path}.${n - 1}`;
      if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${this.#path}.${n}`);
    }
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
