import { ProviderError } from '../contract.ts';

/** Work that several want at the same time is done once. A failure is told to all of them, and the next one begins anew. */
export class Once<Key, T> {
  readonly #running = new Map<Key, Promise<T>>();

  run(key: Key, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const begun = work().finally(() => this.#running.delete(key));
    this.#running.set(key, begun);
    return begun;
  }

  /** Resolves when nothing runs, however it ended. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.values());
  }
}

/** The work's own result, or `ABORTED` as soon as the caller gives up. The work goes on. */
export function unless<T>(signal: AbortSignal, what: string, work: Promise<T>): Promise<T> {
  const given = (): ProviderError => new ProviderError('ABORTED', `${what}: given up`, { fault: 'provider', cause: signal.reason });
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(given());
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
