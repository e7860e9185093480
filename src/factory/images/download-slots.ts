import { later } from '../../core/units.ts';
import type { Clock } from '../clock.ts';

export interface DownloadJob {
  /** Never two with the same key at a time. */
  readonly key: string;
  /** Whom it is for: nobody's downloads may keep those of others waiting for long. */
  readonly tenant: string;
  readonly signal: AbortSignal;
}

interface Entry {
  readonly job: DownloadJob;
  readonly go: (slot: AbortController) => void;
  readonly sliceSeconds: number;
}
interface Running extends Entry {
  readonly slot: AbortController;
  /** Uptime. */
  readonly until: number;
}

/** A download may hold its slot for so long while another tenant waits; twice that the next time, and four times at most. */
const firstSliceSeconds = 600;
const longestSliceSeconds = 2400;

/**
 * Lets at most `most` downloads run at a time. Free slots go to the tenant that was served least recently. One that is slow, be it
 * on purpose, gives up its slot to another tenant after its slice, and goes on later where it stopped.
 */
export class DownloadSlots {
  readonly #most: number;
  readonly #clock: Clock;
  readonly #running = new Map<string, Running>();
  readonly #served = new Map<string, number>();
  #turn = 0;
  #waiting: Entry[] = [];
  #nap: AbortController | undefined;
  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#clock = clock;
  }

  /**
   * Runs `work` in a slot, again from the beginning when it had to give the slot up, which its signal says.
   * Rejects with the reason of the job's own signal when that is aborted before the work begins.
   */
  async run<T>(job: DownloadJob, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let sliceSeconds = firstSliceSeconds; ; sliceSeconds = Math.min(longestSliceSeconds, 2 * sliceSeconds)) {
      const slot = await this.#enter(job, sliceSeconds);
      try {
        return await work(AbortSignal.any([job.signal, slot.signal]));
      } catch (error) {
        if (job.signal.aborted || !slot.signal.aborted) throw error;
      } finally {
        this.#running.delete(job.key);
        this.#next();
      }
    }
  }

  #enter(job: DownloadJob, sliceSeconds: number): Promise<AbortController> {
    return new Promise((resolve, reject) => {
      job.signal.throwIfAborted();
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
        reject(job.signal.reason);
      };
      const go = (slot: AbortController): void => {
        job.signal.removeEventListener('abort', abort);
        resolve(slot);
      };
      const entry: Entry = { job, go, sliceSeconds };
      job.signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(entry);
      this.#next();
    });
  }

  #next(): void {
    while (this.#running.size < this.#most) {
      const ready = this.#waiting.filter(({ job }) => !this.#running.has(job.key));
      const order = ({ job }: Entry): number => this.#served.get(job.tenant) ?? -1;
      const entry = ready.reduce<Entry | undefined>((best, other) => (best === undefined || order(other) < order(best) ? other : best), undefined);
      if (entry === undefined) break;
      const slot = new AbortController();
      this.#waiting = this.#waiting.filter((other) => other !== entry);
      this.#running.set(entry.job.key, { ...entry, slot, until: this.#clock.uptime() + entry.sliceSeconds });
      this.#served.set(entry.job.tenant, this.#turn++);
      entry.go(slot);
    }
    this.#nap?.abort();
    void this.#preempt();
  }

  /** Sleeps until the slice of one that holds up another tenant is over, and ends it; again whenever something has changed. */
  async #preempt(): Promise<void> {
    if (this.#running.size < this.#most) return;
    const inTheWay = [...this.#running.values()].filter(
      ({ job, slot }) => !slot.signal.aborted && this.#waiting.some((other) => other.job.tenant !== job.tenant),
    );
    const [first] = inTheWay.sort((a, b) => a.until - b.until);
    if (first === undefined) return;
    const nap = new AbortController();
    this.#nap = nap;
    await this.#clock.sleepUntil(later(this.#clock.wall(), Math.max(0, first.until - this.#clock.uptime())), nap.signal);
    if (nap.signal.aborted) return;
    first.slot.abort(new Error('another tenant waits for the slot'));
    void this.#preempt();
  }
}
