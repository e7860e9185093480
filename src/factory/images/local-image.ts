import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import type { Preparation } from '../../core/observed.ts';
import { ImageError, printable } from './image-error.ts';
import { type Need, nameOf } from './needs.ts';
import { identityOf, verifyFile } from './verify.ts';
import { Failures, type Surroundings, type WantedImage } from './wanted-image.ts';

/** A file of this host: looked at whenever it is wanted, verified again when it has changed, never copied. */
export class LocalImage implements WantedImage {
  readonly #need: Need;
  readonly #path: string;
  readonly #root: string | undefined;
  readonly #around: Surroundings;
  readonly #failures: Failures;
  readonly #stop = new AbortController();
  #good: { readonly path: string; readonly identity: string } | undefined;
  #failedIdentity: string | undefined;
  #work: Promise<void> | undefined;

  constructor(need: Need, path: string, filesDir: string, around: Surroundings) {
    this.#need = need;
    this.#path = resolve(filesDir, path);
    this.#root = !path.startsWith('/') ? filesDir : path.startsWith('/cvmfs/') ? '/cvmfs' : undefined;
    this.#around = around;
    this.#failures = new Failures(around.clock);
  }

  look(): void {
    void this.#check();
  }

  preparation(): Preparation {
    if (this.#failures.text !== undefined) return { ready: false, why: this.#failures.describe() };
    return this.#good === undefined ? { ready: false, why: `verifying ${nameOf(this.#need)}` } : { ready: true };
  }

  async file(): Promise<string> {
    await this.#work;
    await this.#check();
    if (this.#good === undefined) throw new ImageError(this.#failures.text ?? `${nameOf(this.#need)} is not verified`);
    return this.#good.path;
  }

  note(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#work;
  }

  #check(): Promise<void> {
    this.#work ??= this.#verifyIfChanged().finally(() => {
      this.#work = undefined;
    });
    return this.#work;
  }

  async #verifyIfChanged(): Promise<void> {
    const before = this.preparation();
    let identity: string | undefined;
    try {
      const path = await this.#resolve();
      identity = identityOf(await stat(path));
      if (this.#good?.path === path && this.#good.identity === identity) return;
      if (this.#failures.text !== undefined && this.#failedIdentity === identity && this.#failures.wait > 0) return;
      this.#good = undefined;
      const at = new Date(this.#around.clock.wall());
      const verified = await verifyFile(path, this.#need, { caDir: this.#around.settings().caDir, at, digest: false, signal: this.#stop.signal });
      this.#good = { path, identity: verified.identity };
      this.#failures.clear();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#good = undefined;
      const text = `${nameOf(this.#need)}: ${reason(error as NodeJS.ErrnoException, this.#path)}`;
      // The same again is no news: news lead to a turn, and a turn looks here.
      if (text === this.#failures.text && identity === this.#failedIdentity && this.#failures.wait > 0) return;
      this.#failures.record(text);
      this.#failedIdentity = identity;
    }
    const after = this.preparation();
    if (before.ready !== after.ready || (!before.ready && !after.ready && before.why !== after.why)) this.#around.changed();
  }

  /** Follows symbolic links, but not out of the directory to which a relative path belongs. */
  async #resolve(): Promise<string> {
    const path = await realpath(this.#path);
    if (this.#root === undefined) return path;
    const root = await realpath(this.#root);
    if (!path.startsWith(`${root}/`)) throw new ImageError(`it leads to ${printable(path)}, outside ${printable(root)}, which is refused`);
    return path;
  }
}

function reason(error: NodeJS.ErrnoException, path: string): string {
  if (error instanceof ImageError) return error.message;
  if (error.code === 'ENOENT') return `no such file (${printable(path)})`;
  if (error.code === 'EACCES' || error.code === 'EPERM') return `may not be read (${printable(path)})`;
  return error.message;
}
