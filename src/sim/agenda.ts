import type { Instant } from '../core/units.ts';

interface Entry {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

/** What is going to happen, by time; what is due at the same moment happens in the order in which it was noted. The simulation's clock is the entry at hand. */
export class Agenda {
  now: Instant;
  #order = 0;
  /** A binary heap. */
  readonly #heap: Entry[] = [];

  constructor(start: Instant) {
    this.now = start;
  }

  /** Nothing happens in the past: a moment before now means now. */
  at(time: Instant, run: () => void): void {
    const entry = { at: time > this.now ? time : this.now, order: this.#order++, run };
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const above = heap[up];
      if (above === undefined || !before(entry, above)) break;
      heap[i] = above;
      i = up;
    }
    heap[i] = entry;
  }

  /** Runs everything up to and including `end`; afterwards it is `end`. */
  runUntil(end: Instant): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= end; first = this.#heap[0]) {
      this.#removeFirst();
      this.now = first.at;
      first.run();
    }
    this.now = end;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      const [left, right] = [heap[2 * i + 1], heap[2 * i + 2]];
      if (left === undefined) break;
      const [child, at] = right !== undefined && before(right, left) ? [right, 2 * i + 2] : [left, 2 * i + 1];
      if (!before(child, last)) break;
      heap[i] = child;
      i = at;
    }
    heap[i] = last;
  }
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
