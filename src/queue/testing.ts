import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentFacts, JobId, JobSpec } from '../core/jobs/job.ts';
import { type Instant, instant, later, type Seconds, seconds } from '../core/units.ts';
import type { QueueClock } from './server/clock.ts';

/** A job that needs nothing. */
export const plainSpec: JobSpec = {
  tenant: 'red',
  owner: 'ann',
  executable: '/bin/true',
  arguments: [],
  environment: {},
  inputs: [],
  outputs: [],
  processors: 1,
  memoryMb: 100,
  wall: seconds(60),
  priority: 0,
  retries: 1,
  rerunnable: true,
  environments: [],
};

export const plainAgent: AgentFacts = {
  machine: 'machine-1',
  tenant: 'red',
  site: 'lab.example.org',
  machinetype: 'red-prod',
  environments: [],
  processors: 1,
  memoryMb: 1000,
  timeLeft: seconds(3600),
};

export const jobId = (n: number): JobId => String(n).padStart(20, '0') as JobId;

/** A clock that tests move. */
export class FakeQueueClock implements QueueClock {
  #now: Instant;
  readonly #calls = new Set<{ readonly at: Instant; readonly call: () => void }>();
  constructor(start: Instant = instant(Date.parse('2026-11-20T11:00:00Z'))) {
    this.#now = start;
  }
  now(): Instant {
    return this.#now;
  }
  after(time: Seconds, call: () => void): () => void {
    const planned = { at: later(this.#now, time), call };
    this.#calls.add(planned);
    return () => this.#calls.delete(planned);
  }
  /** Lets time go by, and calls what was planned in its order. */
  move(by: number): void {
    const end = later(this.#now, by);
    for (;;) {
      const [next] = [...this.#calls].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#calls.delete(next);
      this.#now = instant(Math.max(this.#now, next.at));
      next.call();
    }
    this.#now = end;
  }
}

/** A directory that is removed at the end of a scope. */
export class TestDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'vacua-queue-'));
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
