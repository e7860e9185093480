import { parsePipe } from '../../core/config/pipe-document.ts';
import type { VacuumPipe } from '../../core/settings.ts';
import { elapsed, type Instant } from '../../core/units.ts';
import type { Clock } from '../clock.ts';
import { type fetchLimited, redirectGuard } from '../http-fetch.ts';
import { loadPipe, type PipeCopy, storePipe } from './pipe-cache.ts';

export interface PipeKeeperParts {
  readonly clock: Pick<Clock, 'wall' | 'uptime'>;
  readonly fetch: typeof fetchLimited;
  /** Whether new copies are stored. */
  readonly store: boolean;
  /** Something that `documents` or `failure` tells has changed. */
  readonly onChange: () => void;
}

/** Where pipes are kept and how they are fetched. */
export interface PipeSurroundings {
  /** Of the copies. */
  readonly directory: string;
  readonly caDir: string;
}

const limits = { timeoutSeconds: 30, maxBytes: 1024 ** 2 };
const firstDelay = 60;
const longestDelay = 3600;

interface Kept {
  readonly url: string;
  copy?: PipeCopy;
  cacheSeconds: number;
  busy?: Promise<void>;
  failure?: string;
  /** Uptime before which no attempt is made after a failure, and the delay that led to it. */
  retryAt?: number;
  delay: number;
}

/**
 * Keeps a copy of each pipe fresh, outside the loop and all pipes at the same time (spec/factory.md §4, fetching). Whatever goes
 * wrong, the last good copy stays in use, its age and the failure are known, and the next attempt comes after 60 s, doubling to 1 h.
 */
export class PipeKeeper {
  readonly #parts: PipeKeeperParts;
  readonly #kept = new Map<string, Kept>();
  readonly #stop = new AbortController();

  constructor(parts: PipeKeeperParts) {
    this.#parts = parts;
  }

  /** Loads copies of pipes that are new here; afterwards `document` answers for them. */
  async load(pipes: readonly VacuumPipe[], directory: string): Promise<void> {
    for (const prefix of this.#kept.keys()) if (!pipes.some((pipe) => pipe.prefix === prefix)) this.#kept.delete(prefix);
    for (const { prefix, url } of pipes) {
      if (this.#kept.get(prefix)?.url === url) continue;
      const kept: Kept = { url, cacheSeconds: 0, delay: firstDelay };
      this.#kept.set(prefix, kept);
      const copy = await loadPipe(directory, prefix, url);
      if (copy) this.#use(kept, copy);
    }
  }

  /** Begins to fetch what has expired. Returns at once. */
  begin(surroundings: PipeSurroundings): void {
    if (this.#stop.signal.aborted) return;
    for (const [prefix, kept] of this.#kept) {
      if (kept.busy || !this.#isDue(kept)) continue;
      kept.busy = this.#fetch(prefix, kept, surroundings).finally(() => {
        delete kept.busy;
        if (this.#kept.get(prefix) === kept && !this.#stop.signal.aborted) this.#parts.onChange();
      });
    }
  }

  /** Resolves when no fetch is under way. */
  async settled(): Promise<void> {
    for (;;) {
      const busy = [...this.#kept.values()].flatMap((kept) => kept.busy ?? []);
      if (busy.length === 0) return;
      await Promise.all(busy);
    }
  }

  copy(prefix: string): PipeCopy | undefined {
    return this.#kept.get(prefix)?.copy;
  }
  failure(prefix: string): string | undefined {
    return this.#kept.get(prefix)?.failure;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.settled();
  }

  #isDue(kept: Kept): boolean {
    if (kept.retryAt !== undefined) return this.#parts.clock.uptime() >= kept.retryAt;
    if (!kept.copy) return true;
    const age = elapsed(kept.copy.fetchedAt, this.#parts.clock.wall());
    return age >= kept.cacheSeconds || age < 0; // a copy from the future tells that the clock has stepped
  }

  async #fetch(prefix: string, kept: Kept, { directory, caDir }: PipeSurroundings): Promise<void> {
    try {
      const { text, at } = await this.#get(kept.url, caDir);
      const copy: PipeCopy = { url: kept.url, fetchedAt: at, text };
      this.#use(kept, copy);
      delete kept.failure;
      delete kept.retryAt;
      kept.delay = firstDelay;
      if (!this.#parts.store) return;
      await storePipe(directory, prefix, copy).catch((error: unknown) => {
        kept.failure = `the copy cannot be stored in ${directory}: ${(error as Error).message}`;
      });
    } catch (error) {
      kept.failure = failureText(error);
      kept.retryAt = this.#parts.clock.uptime() + kept.delay;
      kept.delay = Math.min(longestDelay, kept.delay * 2);
    }
  }

  async #get(url: string, caDir: string): Promise<{ readonly text: string; readonly at: Instant }> {
    const headers = { accept: 'application/json, */*;q=0.5' };
    const { status, body } = await this.#parts.fetch(url, { ...limits, caDir, signal: this.#stop.signal, headers, forbidden: redirectGuard(url) });
    if (status !== 200) throw new Error(`the server answers with status ${status}; valid: 200`);
    if (body.byteLength > limits.maxBytes) throw new Error(`the document is longer than ${limits.maxBytes} bytes`);
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    } catch (cause) {
      throw new Error('the document is not UTF-8; valid: a JSON document', { cause });
    }
    const document = parsePipe(text);
    if ('wrong' in document) throw new Error(document.wrong);
    return { text, at: this.#parts.clock.wall() };
  }

  #use(kept: Kept, copy: PipeCopy): void {
    const document = parsePipe(copy.text);
    if ('wrong' in document) return;
    kept.copy = copy;
    kept.cacheSeconds = document.cacheSeconds;
  }
}

/** Without the URL that a fetch error begins with: the pipe is named beside it, and a query may be a secret. */
const failureText = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/^https?:\/\/\S+: /, '');
