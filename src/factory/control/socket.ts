import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * A short path to a socket file: the kernel allows 107 bytes, a state directory may be deeper. Valid until it is closed,
 * inside this process alone. Throws ENOENT when the directory does not exist.
 */
export class ShortPath implements Disposable {
  readonly #fd: number;
  readonly path: string;
  constructor(socketPath: string) {
    this.#fd = openSync(dirname(socketPath), constants.O_RDONLY | constants.O_DIRECTORY);
    this.path = join('/proc/self/fd', String(this.#fd), basename(socketPath));
  }
  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
