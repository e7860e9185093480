import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';

/** Old log files that are looked at, `NAME.1` being the newest. */
const oldFiles = 9;
const chunkBytes = 1024 * 1024;

/** The lines of a log file that somebody else writes and rotates. */
export class LogReader implements Disposable {
  readonly #path: string;
  #fd: number | undefined;
  #position = 0;
  #rest = '';
  #decoder = new TextDecoder();

  constructor(path: string) {
    this.#path = path;
  }

  get exists(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false }) !== undefined;
  }

  /** The last `count` lines that are wanted, oldest first, older files included. `news` goes on after them. */
  last(count: number, wanted: (line: string) => boolean): readonly string[] {
    let found = [...this.news()].filter(wanted);
    for (let n = 1; n <= oldFiles && found.length < count; n++) {
      const path = `${this.#path}.${n}`;
      if (statSync(path, { throwIfNoEntry: false }) === undefined) break;
      found = [...readFileSync(path, 'utf8').split('\n').filter(wanted), ...found];
    }
    return count === 0 ? [] : found.slice(-count);
  }

  /** Whole lines written since the last call. A file that was renamed is read to its end before the new one. */
  *news(): Iterable<string> {
    yield* this.#readOn();
    const named = statSync(this.#path, { throwIfNoEntry: false });
    if (named === undefined) return;
    if (this.#fd !== undefined) {
      const held = fstatSync(this.#fd);
      if (held.ino === named.ino && held.dev === named.dev) return;
    }
    this[Symbol.dispose]();
    this.#fd = openSync(this.#path, 'r');
    yield* this.#readOn();
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#position = 0;
    this.#rest = '';
    this.#decoder = new TextDecoder();
  }

  *#readOn(): Iterable<string> {
    if (this.#fd === undefined) return;
    const buffer = Buffer.alloc(chunkBytes);
    for (;;) {
      const read = readSync(this.#fd, buffer, 0, buffer.length, this.#position);
      if (read === 0) return;
      this.#position += read;
      const parts = (this.#rest + this.#decoder.decode(buffer.subarray(0, read), { stream: true })).split('\n');
      this.#rest = parts.pop() ?? '';
      yield* parts;
    }
  }
}
