import type { QueueCounts, WorkQueue } from './tenant-queue.ts';
import type { DemoRecord } from './record.ts';
import { type Pace, slots, type TenantName } from './site.ts';

/** Jobs that red keeps waiting while the story goes on, so that shares are contested: more than machines can take between two looks. */
const redBacklog = slots + 2;
/** Which job of blue's first batch hangs, counted from 0: not the first, so that its machine has worked before. */
const hangs = 1;

/** What the tenants do: red always has work, blue has two batches and a pause between them. Depends on what happens, not on the clock. */
export class Story {
  readonly #queues: ReadonlyMap<TenantName, WorkQueue>;
  readonly #pace: Pace;
  #seed = 20_000;
  #batches = 0;

  constructor(queues: ReadonlyMap<TenantName, WorkQueue>, pace: Pace) {
    this.#queues = queues;
    this.#pace = pace;
    this.#submitBatch();
  }

  /** Lets tenants submit what is due. */
  advance(record: DemoRecord): void {
    const blue = this.#counts('blue');
    if (this.#batches === 1 && isDone(blue) && record.dry.has('blue')) this.#submitBatch();
    if (this.#batches < 2 || !isDone(blue)) while (this.#counts('red').waiting < redBacklog) this.#submit('red');
  }

  /** No job waits and no more will come: new machines would find nothing. A lost lease makes it false again. */
  closing(): boolean {
    return this.#batches === 2 && isDone(this.#counts('blue')) && this.#counts('red').waiting === 0;
  }

  /** Every job of every tenant has been verified, and no more will come. */
  done(): boolean {
    return this.#batches === 2 && [...this.#queues.values()].every((q) => isDone(q.counts()));
  }

  #submitBatch(): void {
    const jobs = this.#pace.batches[this.#batches] ?? 0;
    this.#batches++;
    for (let i = 0; i < jobs; i++) this.#submit('blue', this.#batches === 1 && i === hangs);
  }

  #submit(tenant: TenantName, hang = false): void {
    this.#seed += 7919;
    this.#queues.get(tenant)?.submit({ seed: this.#seed, points: this.#pace.points }, hang);
  }

  #counts(tenant: TenantName): QueueCounts {
    const queue = this.#queues.get(tenant);
    if (queue === undefined) throw new Error(`tenant "${tenant}" has no queue`);
    return queue.counts();
  }
}

const isDone = (c: QueueCounts): boolean => c.verified === c.submitted;
