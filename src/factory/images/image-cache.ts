import type { Machinetype } from '../../core/machinetype.ts';
import type { Preparation } from '../../core/observed.ts';
import type { Settings } from '../../core/settings.ts';
import type { Clock } from '../clock.ts';
import { downloadTo } from '../http-fetch.ts';
import type { Layout } from '../layout.ts';
import type { Images } from '../parts.ts';
import { Copies } from './copies.ts';
import { DownloadSlots } from './download-slots.ts';
import { DownloadedImage, type DownloadParts } from './downloaded-image.ts';
import { ImageError } from './image-error.ts';
import { LocalImage } from './local-image.ts';
import { type Need, needsOf } from './needs.ts';
import type { WantedImage } from './wanted-image.ts';

/** Downloads at a time, over all URLs. More would only share the same line. */
const maxDownloads = 2;
/** Seconds that a downloaded image stays after nobody wants it: longer than a creation takes, and than a configuration is mended. */
const keepUnwantedSeconds = 3600;

/**
 * Root images and initial RAM disks, ready before a machine is made (spec/factory.md §15, docs/images.md).
 *
 * A file that `files` has returned is complete and is never written to afterwards, but a newer version may take its name, and an hour
 * after nobody wants it the name goes. Whoever needs one longer holds it open or makes a hard link to it; then it stays as it is.
 */
export class ImageCache implements Images {
  readonly #clock: Clock;
  readonly #copies: Copies;
  readonly #parts: DownloadParts;
  readonly #images = new Map<string, WantedImage>();
  readonly #closing = new Set<Promise<void>>();
  readonly #listeners: (() => void)[] = [];
  /** Names in the cache that nobody wants → uptime since then. */
  readonly #unwanted = new Map<string, number>();
  #opened: Promise<void> | undefined;
  #openFault: string | undefined;
  #isOpen = false;
  #closed = false;
  #sweeping = false;
  #wanted: readonly Machinetype[] = [];
  #settings: Settings | undefined;

  constructor(about: { readonly layout: Layout; readonly clock: Clock; readonly download?: DownloadParts['download'] }) {
    this.#clock = about.clock;
    this.#copies = new Copies(about.layout.images);
    this.#parts = {
      clock: about.clock,
      copies: this.#copies,
      slots: new DownloadSlots(maxDownloads, about.clock),
      download: about.download ?? downloadTo,
      settings: () => this.#settings as Settings,
      changed: () => this.#changed(),
      siblings: (self) =>
        [...this.#images.values()].filter(
          // What the site may download from its own host is not lent to a pipe.
          (other): other is DownloadedImage => other instanceof DownloadedImage && other !== self && other.url === self.url && other.pipeHost === self.pipeHost,
        ),
    };
  }

  want(machinetypes: readonly Machinetype[], settings: Settings): void {
    if (this.#closed) return;
    this.#wanted = machinetypes;
    this.#settings = settings;
    if (this.#isOpen) this.#reconcile();
    else this.#opened ??= this.#open();
  }

  preparation(machinetype: Machinetype): Preparation {
    const needs = needsOf(machinetype);
    if (typeof needs === 'string') return { ready: false, why: needs };
    if (this.#openFault !== undefined) return { ready: false, why: this.#openFault };
    for (const need of all(needs)) {
      const preparation = this.#images.get(need.key)?.preparation() ?? { ready: false, why: notLookedFor(machinetype) };
      if (!preparation.ready) return preparation;
    }
    return { ready: true };
  }

  async files(machinetype: Machinetype): Promise<{ readonly rootImage: string; readonly initrd?: string }> {
    const needs = needsOf(machinetype);
    if (typeof needs === 'string') throw new ImageError(needs);
    const fileOf = (need: Need): Promise<string> =>
      this.#images.get(need.key)?.file() ?? Promise.reject(new ImageError(`${machinetype.name}: ${notLookedFor(machinetype)}`));
    const [rootImage, initrd] = await Promise.all([fileOf(needs.rootImage), needs.initrd === undefined ? undefined : fileOf(needs.initrd)]);
    return initrd === undefined ? { rootImage } : { rootImage, initrd };
  }

  /** What a person should know about images that are ready: for instance that a server is down and an old copy in use. */
  notes(): readonly string[] {
    return [...this.#images.values()].flatMap((image) => image.note() ?? []);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#opened;
    for (const key of this.#images.keys()) this.#drop(key);
    await Promise.all(this.#closing);
  }

  async #open(): Promise<void> {
    try {
      await this.#copies.open(this.#clock.bootId);
      this.#openFault = undefined;
      this.#isOpen = true;
      if (!this.#closed) this.#reconcile();
    } catch (error) {
      this.#openFault = `the image cache cannot be opened: ${(error as Error).message}`;
      this.#opened = undefined; // the next `want` tries again
      this.#changed();
    }
  }

  #reconcile(): void {
    const needs = new Map<string, Need>();
    for (const machinetype of this.#wanted) {
      if (machinetype.targetShare <= 0) continue; // never created (spec/factory.md §3.3)
      const found = needsOf(machinetype);
      if (typeof found !== 'string') for (const need of all(found)) needs.set(need.key, need);
    }
    for (const key of this.#images.keys()) if (!needs.has(key)) this.#drop(key);
    for (const [key, need] of needs) {
      const image = this.#images.get(key) ?? this.#make(need);
      this.#images.set(key, image);
      image.look();
    }
    void this.#sweep();
  }

  #make({ source, ...demands }: Need): WantedImage {
    const need: Need = { source, ...demands };
    return source.kind === 'url' ? new DownloadedImage(need, source, this.#parts) : new LocalImage(need, source.path, source.filesDir, this.#parts);
  }

  #drop(key: string): void {
    const closing = this.#images.get(key)?.close();
    this.#images.delete(key);
    if (closing === undefined) return;
    const settled = closing.finally(() => this.#closing.delete(settled));
    this.#closing.add(settled);
  }

  /** Removes images that have been wanted by nobody for long enough. A failure is met again the next time. */
  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      const now = this.#clock.uptime();
      const names = await this.#copies.names();
      const wanted = (): ReadonlySet<string> => new Set([...this.#images.values()].flatMap((image) => (image instanceof DownloadedImage ? image.name : [])));
      for (const name of this.#unwanted.keys()) if (!names.has(name) || wanted().has(name)) this.#unwanted.delete(name);
      for (const name of names) {
        if (wanted().has(name)) continue;
        const since = this.#unwanted.get(name) ?? now;
        this.#unwanted.set(name, since);
        if (now - since >= keepUnwantedSeconds) await this.#copies.remove(name);
      }
    } catch {
      // unreadable now: nothing is removed
    } finally {
      this.#sweeping = false;
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

const notLookedFor = (machinetype: Machinetype): string =>
  machinetype.targetShare > 0 ? 'its image has not been looked for yet' : 'target_share is 0, so its image is not fetched';

const all = (needs: { readonly rootImage: Need; readonly initrd?: Need }): readonly Need[] =>
  needs.initrd === undefined ? [needs.rootImage] : [needs.rootImage, needs.initrd];
