import { type Instant, instant } from '../units.ts';

/** Something that has to be looked at when its time comes; undefined: not at all. */
export interface Appointment {
  dueAt: Instant | undefined;
}

interface Entry<T> {
  readonly at: Instant;
  readonly what: T;
}

/** Appointments in order of time: a binary heap. One that was moved or cancelled leaves a stale entry behind, which is skipped. */
export class Agenda<T extends Appointment> {
  #heap: Entry<T>[] = [];

  /** Sets or moves an appointment. */
  put(what: T, at: Instant): void {
    if (what.dueAt === at) return;
    what.dueAt = at;
    this.#heap.push({ at, what });
    this.#up(this.#heap.length - 1);
  }

  cancel(what: T): void {
    what.dueAt = undefined;
  }

  /** Time of the first; infinity when there is none. */
  get next(): Instant {
    while (this.#heap[0] !== undefined && this.#heap[0].what.dueAt !== this.#heap[0].at) this.#pop();
    return this.#heap[0]?.at ?? instant(Number.POSITIVE_INFINITY);
  }

  /** Takes out the first if it is due. */
  take(now: Instant): T | undefined {
    if (this.next > now) return undefined;
    const { what } = this.#pop();
    what.dueAt = undefined;
    return what;
  }

  /** All times move alike, so their order stays. */
  shift(milliseconds: number): void {
    this.#heap = this.#heap.filter(({ at, what }) => what.dueAt === at).map(({ at, what }) => ({ at: instant(at + milliseconds), what }));
    for (const { at, what } of this.#heap) what.dueAt = at;
  }

  #pop(): Entry<T> {
    const [first] = this.#heap as [Entry<T>];
    const last = this.#heap.pop() as Entry<T>;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#down(0);
    }
    return first;
  }

  #at(i: number): number {
    return this.#heap[i]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swap(i: number, j: number): void {
    const [a, b] = [this.#heap[i], this.#heap[j]] as [Entry<T>, Entry<T>];
    this.#heap[i] = b;
    this.#heap[j] = a;
  }

  #up(from: number): void {
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (this.#at(parent) <= this.#at(i)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(from: number): void {
    for (let i = from; ; ) {
      const child = this.#at(2 * i + 2) < this.#at(2 * i + 1) ? 2 * i + 2 : 2 * i + 1;
      if (this.#at(i) <= this.#at(child)) return;
      this.#swap(i, child);
      i = child;
    }
  }
}
