import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Settings } from '../../core/settings.ts';
import { type Instant, instant, type Seconds, seconds } from '../../core/units.ts';
import type { Clock } from '../clock.ts';
import { layout } from '../layout.ts';
import type { DownloadParts } from './downloaded-image.ts';
import { ImageCache } from './image-cache.ts';

/** For tests: time that moves only when told. */
export class TestClock implements Clock {
  bootId = 'boot-1';
  #ms = 1_700_000_000_000;
  #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  wall(): Instant {
    return instant(this.#ms);
  }
  uptime(): Seconds {
    return seconds((this.#ms - 1_690_000_000_000) / 1000);
  }
  sleepUntil(at: Instant, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { at, wake: () => (this.#sleepers.delete(sleeper), resolve()) };
      if (signal.aborted) return resolve();
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', sleeper.wake, { once: true });
    });
  }
  /** Moves on, once everything that is due before has gone to sleep; wakes those whose time has come. */
  async advance(by: number): Promise<void> {
    while (this.#sleepers.size === 0) await new Promise((next) => setImmediate(next));
    this.advanceIdle(by);
  }
  /** The same when nothing needs to be asleep. */
  advanceIdle(by: number): void {
    this.#ms += by * 1000;
    for (const sleeper of this.#sleepers) if (sleeper.at <= this.#ms) sleeper.wake();
  }
}

/** For tests: a server on loopback, a state directory and an image cache over both. */
export class World implements AsyncDisposable {
  readonly directory: string;
  readonly clock = new TestClock();
  readonly url: string;
  readonly requests: string[] = [];
  images: ImageCache;
  serve: RequestListener = (_request, response) => void response.writeHead(404).end();
  #listening: Server | undefined;
  #news: (() => void)[] = [];
  #download: DownloadParts['download'] | undefined;

  static async open(download?: DownloadParts['download']): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), 'vacua-images-'));
    let world: World | undefined;
    const server = createServer((request, response) => {
      world?.requests.push(request.url ?? '');
      world?.serve(request, response);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    world = new World(directory, server, download);
    return world;
  }

  private constructor(directory: string, server: Server, download: DownloadParts['download'] | undefined) {
    this.directory = directory;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#listening = server;
    this.#download = download;
    this.images = this.#cache();
  }

  #cache(): ImageCache {
    const images = new ImageCache({ layout: layout(this.directory), clock: this.clock, ...(this.#download === undefined ? {} : { download: this.#download }) });
    images.onChange(() => {
      for (const look of this.#news.splice(0)) look();
    });
    return images;
  }

  /** The cache of a new process over the same state. */
  async restart(): Promise<void> {
    await this.images.close();
    this.images = this.#cache();
  }

  settings(): Settings {
    return { caDir: join(this.directory, 'ca'), minFreeDiskBytes: 0 } as Settings;
  }

  machinetype(more: Partial<Machinetype>): Machinetype {
    return { name: 'test', targetShare: 1, model: 'cernvm3', rootImage: `${this.url}/a.iso`, filesDir: join(this.directory, 'files'), ...more } as Machinetype;
  }

  want(...machinetypes: Machinetype[]): void {
    this.images.want(machinetypes, this.settings());
  }

  /** Resolves when the condition holds; it is looked at after every change that the cache reports. */
  async until<T>(condition: () => T | undefined | false): Promise<T> {
    for (;;) {
      const met = condition();
      if (met !== undefined && met !== false) return met;
      await new Promise<void>((look) => this.#news.push(look));
    }
  }

  ready(machinetype: Machinetype): Promise<boolean> {
    return this.until(() => this.images.preparation(machinetype).ready);
  }

  /** What a person reads about a machinetype that is not ready, once it matches. */
  refused(machinetype: Machinetype, pattern: RegExp): Promise<string> {
    return this.until(() => {
      const preparation = this.images.preparation(machinetype);
      return !preparation.ready && pattern.test(preparation.why) && preparation.why;
    });
  }

  async stopServer(): Promise<void> {
    const server = this.#listening;
    this.#listening = undefined;
    server?.closeAllConnections();
    if (server !== undefined) await new Promise((done) => server.close(done));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.images.close();
    await this.stopServer();
    await rm(this.directory, { recursive: true, force: true });
  }
}
