interface Waiting {
  readonly key: string;
  readonly go: () => void;
}

/** Lets at most `most` pieces of work run at a time, and never two with the same key; first come, first served otherwise. */
export class DownloadSlots {
  readonly #most: number;
  readonly #running = new Set<string>();
  #waiting: Waiting[] = [];
  constructor(most: number) {
    this.#most = most;
  }

  /** Rejects with the signal's reason when it is aborted before the work begins. */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(key, signal);
    try {
      return await work();
    } finally {
      this.#running.delete(key);
      this.#next();
    }
  }

  #turn(key: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== self);
        reject(signal.reason);
      };
      const self: Waiting = {
        key,
        go: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(self);
      this.#next();
    });
  }

  #next(): void {
    while (this.#running.size < this.#most) {
      const at = this.#waiting.findIndex((other) => !this.#running.has(other.key));
      const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (next === undefined) return;
      this.#running.add(next.key);
      next.go();
    }
  }
}
