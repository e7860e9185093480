import { link, rm } from 'node:fs/promises';
import type { Preparation } from '../../core/observed.ts';
import { later } from '../../core/units.ts';
import { type Download, type DownloadOptions, maskUrl, pipeGuard, type Validators } from '../http-fetch.ts';
import { discard } from '../http/download.ts';
import type { Copies, Copy } from './copies.ts';
import type { DownloadSlots } from './download-slots.ts';
import { ImageError } from './image-error.ts';
import type { Need } from './needs.ts';
import { verifyFile } from './verify.ts';
import { Failures, type Surroundings, type WantedImage } from './wanted-image.ts';

/** Seconds between two questions to the server whether an image has changed; a server that gives no ETag and no date is asked daily. */
const refreshSeconds = 600;
const blindRefreshSeconds = 86_400;
/** Seconds for which a version that was refused is not downloaded again; then it is, since what it lacked may be a CA of this host. */
const rejectSeconds = 3600;
/** Seconds after which a signature is checked again, since certificates expire and CAs are withdrawn. */
const signatureSeconds = 86_400;
const maxImageBytes = 64e9;
/** Large images over slow lines are welcome; lines that have stopped are not. */
const transfer = { timeoutSeconds: 86_400, lowSpeed: { bytesPerSecond: 1000, seconds: 60 }, maxBytes: maxImageBytes };

export interface DownloadParts extends Surroundings {
  readonly copies: Copies;
  readonly slots: DownloadSlots;
  readonly download: (url: string, file: string, options: DownloadOptions) => Promise<Download>;
  /** Other images of the same URL and of nobody else, which may have just been downloaded for a machinetype that demands something else. */
  siblings(self: DownloadedImage): Iterable<DownloadedImage>;
}

/** A good copy in this process. Times are uptime in seconds. */
interface Held {
  readonly copy: Copy;
  readonly checkedAt: number;
  readonly verifiedAt: number;
}

/** An image behind a URL. Keeps its copy fresh until closed; a copy that was good stays in use whatever its server does later. */
export class DownloadedImage implements WantedImage {
  readonly url: string;
  readonly name: string;
  readonly pipeHost: string | undefined;
  readonly #need: Need;
  readonly #parts: DownloadParts;
  readonly #failures: Failures;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #stage: string;
  #held: Held | undefined;
  /** Version at the server that did not meet the demands: it is not downloaded again. */
  #rejected: { readonly validators: Validators; readonly text: string; readonly at: number } | undefined;
  /** Identity of the file that is about to take our name. */
  #incoming: string | undefined;
  #busy = false;
  #wake: () => void = () => undefined;

  constructor(need: Need, source: { readonly url: string; readonly cacheName: string }, parts: DownloadParts) {
    this.#need = need;
    this.#parts = parts;
    this.#failures = new Failures(parts.clock);
    this.url = source.url;
    this.name = source.cacheName;
    this.pipeHost = need.pipeHost;
    this.#stage = `looking for a copy of ${maskUrl(this.url)}`;
    this.#done = this.#run();
  }

  /** Its copy, when that was found current less than one refresh ago. */
  get fresh(): Copy | undefined {
    const held = this.#held;
    return held !== undefined && this.#parts.clock.uptime() - held.checkedAt < refreshSeconds ? held.copy : undefined;
  }

  look(): void {
    if (this.#held !== undefined) void this.#stillThere();
  }

  preparation(): Preparation {
    if (this.#held !== undefined) return { ready: true };
    const { text } = this.#failures;
    if (text === undefined) return { ready: false, why: this.#stage };
    return { ready: false, why: this.#busy ? `${this.#stage} (the last try failed: ${text})` : this.#failures.describe() };
  }

  note(): string | undefined {
    if (this.#held === undefined || this.#failures.text === undefined) return undefined;
    return `${this.#failures.describe()}; until then the copy of ${new Date(this.#held.copy.fetchedAt).toISOString()} is used`;
  }

  async file(): Promise<string> {
    if (!(await this.#stillThere())) {
      const preparation = this.preparation();
      throw new ImageError(preparation.ready ? `the copy of ${maskUrl(this.url)} has been replaced; it will be there in a moment` : preparation.why);
    }
    return this.#parts.copies.path(this.name);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#done;
  }

  /** A copy that somebody has removed or changed is no copy. */
  async #stillThere(): Promise<boolean> {
    const held = this.#held;
    if (held === undefined) return false;
    const identity = await this.#parts.copies.identity(this.name);
    if (identity !== undefined && (identity === held.copy.identity || identity === this.#incoming || identity === this.#held?.copy.identity)) return true;
    if (this.#held === held) {
      this.#held = undefined;
      this.#enter(`looking for a copy of ${maskUrl(this.url)}`);
      this.#wake();
    }
    return false;
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#held === undefined) await this.#find();
        this.#busy = this.#failures.wait <= 0 && this.#due() <= 0;
        if (this.#busy) await this.#refresh();
      } catch (error) {
        if (signal.aborted) return;
        this.#busy = false;
        this.#fail(error);
      }
      this.#busy = false;
      const nap = new AbortController();
      this.#wake = () => nap.abort();
      const wait = Math.max(this.#failures.wait, this.#due());
      if (wait > 0 && !signal.aborted) await clock.sleepUntil(later(clock.wall(), wait), nap.signal);
    }
  }

  /** Seconds until something is to be done, failures aside. */
  #due(): number {
    if (this.#held === undefined) return 0;
    const { copy, checkedAt, verifiedAt } = this.#held;
    const blind = copy.etag === undefined && copy.lastModified === undefined;
    // A pinned image cannot change: its server is never asked again.
    const ask = this.#need.sha256 === undefined ? checkedAt + (blind ? blindRefreshSeconds : refreshSeconds) : Number.POSITIVE_INFINITY;
    const verify = this.#need.signingDn === undefined ? Number.POSITIVE_INFINITY : verifiedAt + signatureSeconds;
    return Math.min(ask, verify, this.#parts.clock.uptime() + blindRefreshSeconds) - this.#parts.clock.uptime();
  }

  /** Takes over what an earlier process has left in the cache, after verifying what is not exactly as it was. */
  async #find(): Promise<void> {
    const { copies, clock } = this.#parts;
    const found = await copies.look(this.name);
    if (found === undefined) return;
    if (found.copy !== undefined && this.#need.signingDn === undefined) return this.#hold(found.copy, -Infinity);
    try {
      const validators = found.copy === undefined ? {} : validatorsOf(found.copy);
      const copy = await this.#verify(copies.path(this.name), validators, found.copy?.fetchedAt ?? clock.wall());
      await copies.describe(this.name, copy);
      this.#hold(copy, -Infinity);
    } catch (error) {
      if (this.#stop.signal.aborted) throw error;
      await copies.remove(this.name);
    }
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#parts;
    const held = this.#held;
    if (held !== undefined && this.#need.signingDn !== undefined && clock.uptime() - held.verifiedAt >= signatureSeconds) return this.#verifyAgain(held.copy);
    const waiting = `waiting for other downloads before ${maskUrl(this.url)}`;
    this.#enter(waiting);
    await this.#parts.slots.run({ key: this.url, tenant: this.#need.tenant, signal: this.#stop.signal }, (signal) =>
      this.#fetch(signal).catch((error: unknown) => {
        this.#stage = waiting;
        throw error;
      }),
    );
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { copies, clock } = this.#parts;
    const part = copies.part(this.name);
    for (const sibling of this.#parts.siblings(this)) {
      if (sibling.fresh !== undefined && (await this.#borrow(sibling, sibling.fresh))) return;
    }
    this.#enter(`downloading ${maskUrl(this.url)}`);
    if (this.#rejected !== undefined && clock.uptime() - this.#rejected.at > rejectSeconds) this.#rejected = undefined;
    const known = this.#rejected?.validators ?? (this.#held === undefined ? undefined : validatorsOf(this.#held.copy));
    const got = await this.#parts.download(this.url, part, {
      ...transfer,
      caDir: this.#parts.settings().caDir,
      minFreeBytes: this.#parts.settings().minFreeDiskBytes,
      signal,
      ...(this.#need.pipeHost !== undefined && { forbidden: pipeGuard(this.#need.pipeHost) }),
      framedOnly: this.#need.sha256 === undefined,
      onProgress: (bytes, total) => (this.#stage = `downloading ${maskUrl(this.url)} ${progress(bytes, total)}`),
      ...(known === undefined ? {} : { known }),
    });
    if (got.modified) await this.#take(part, got.validators);
    else if (this.#rejected !== undefined) throw new ImageError(this.#rejected.text);
    else if (this.#held !== undefined) this.#hold(this.#held.copy, clock.uptime(), this.#held.verifiedAt);
  }

  async #take(part: string, validators: Validators): Promise<void> {
    const { copies, clock } = this.#parts;
    try {
      const copy = await this.#verify(part, validators, clock.wall());
      this.#incoming = copy.identity;
      await copies.keep(this.name, part, copy);
      this.#rejected = undefined;
      this.#hold(copy, clock.uptime());
    } catch (error) {
      await discard(part);
      if (error instanceof ImageError && (validators.etag ?? validators.lastModified) !== undefined)
        this.#rejected = { validators, text: error.message, at: clock.uptime() };
      throw error;
    } finally {
      this.#incoming = undefined;
    }
  }

  /** False: the sibling's copy could not be taken, or does not meet our demands. */
  async #borrow(sibling: DownloadedImage, copy: Copy): Promise<boolean> {
    const { copies, clock } = this.#parts;
    if (copy.identity === this.#held?.copy.identity) {
      this.#hold(this.#held.copy, clock.uptime(), this.#held.verifiedAt);
      return true;
    }
    const linked = `${copies.part(this.name)}.link`;
    try {
      await rm(linked, { force: true });
      await link(copies.path(sibling.name), linked);
      await this.#take(linked, validatorsOf(copy));
      return true;
    } catch (error) {
      if (error instanceof ImageError) throw error;
      return false;
    }
  }

  async #verify(file: string, validators: Validators, fetchedAt: number): Promise<Copy> {
    this.#enter(`verifying ${maskUrl(this.url)}`);
    try {
      const options = { caDir: this.#parts.settings().caDir, at: new Date(this.#parts.clock.wall()), digest: true, signal: this.#stop.signal };
      const { sha256 = '', ...found } = await verifyFile(file, this.#need, options);
      return { v: 1, url: maskUrl(this.url), ...validators, ...found, sha256, fetchedAt };
    } catch (error) {
      throw error instanceof ImageError ? new ImageError(`${maskUrl(this.url)}: ${error.message}`) : error;
    }
  }

  async #verifyAgain(copy: Copy): Promise<void> {
    const { copies, clock } = this.#parts;
    try {
      await this.#verify(copies.path(this.name), validatorsOf(copy), clock.wall());
    } catch (error) {
      if (error instanceof ImageError) this.#held = undefined;
      if (error instanceof ImageError) await copies.remove(this.name);
      throw error;
    }
    if (this.#held !== undefined) this.#hold(copy, this.#held.checkedAt, clock.uptime());
  }

  #hold(copy: Copy, checkedAt: number, verifiedAt: number = this.#parts.clock.uptime()): void {
    this.#held = { copy, checkedAt, verifiedAt };
    if (checkedAt > -Infinity) this.#failures.clear();
    this.#parts.changed();
  }

  #enter(stage: string): void {
    this.#stage = stage;
    if (this.#held === undefined) this.#parts.changed();
  }

  #fail(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#failures.record(text.includes(maskUrl(this.url)) ? text : `${maskUrl(this.url)}: ${text}`);
    this.#parts.changed();
  }
}

const validatorsOf = ({ etag, lastModified }: Copy): Validators => ({
  ...(etag === undefined ? {} : { etag }),
  ...(lastModified === undefined ? {} : { lastModified }),
});

/** `34 % of 512 MB`, or `34 MB` when the size was not announced. */
function progress(bytes: number, total: number | undefined): string {
  const size = (n: number): string => (n < 1e6 ? `${Math.ceil(n / 1e3)} kB` : `${Math.round(n / 1e6)} MB`);
  return total === undefined ? size(bytes) : `${Math.floor((100 * bytes) / Math.max(total, 1))} % of ${size(total)}`;
}
