import type { AgentFacts } from '../../core/jobs/job.ts';
import { elapsed, type Instant, type Seconds, seconds } from '../../core/units.ts';
import { Refusal } from '../refusal.ts';
import type { JobStore, NotTaken, Taken } from '../store.ts';
import type { QueueClock } from './clock.ts';

/** Agents of one tenant that the store is asked for at the same time; more would not make a store faster. */
const lanes = 4;
/** Questions of one machine that wait at the same time: more than any agent has, too few to fill the memory of the queue. */
const mostOfMachine = 64;
/** Jobs may also come by way of another server of the same store, of which nobody tells this one. */
const lookAgain = seconds(5);

interface Waiter {
  readonly agent: AgentFacts;
  readonly since: Instant;
  /** `due`: the store is to be asked; `asking`: it is; `idle`: it had none, and nothing has come since. */
  state: 'due' | 'asking' | 'idle';
  /** Its time is over: it gets the next answer, whatever it is. */
  late: boolean;
  /** Nobody waits for the answer any more. */
  gone: boolean;
  last: NotTaken;
  readonly settle: (answer: Taken | NotTaken) => void;
  readonly fail: (error: unknown) => void;
}

interface Line {
  readonly tenant: string;
  /** In the order of their coming. */
  readonly waiters: Waiter[];
  busy: number;
  /** Counts wakes: an answer from before a wake says nothing about after it. */
  wakes: number;
}

/**
 * Agents that wait for a job. Each is asked for once when it comes and once after every wake, the first in the line first, so that
 * the store is left in peace while nothing changes, and nobody is overtaken by a later one that could do the same.
 */
export class Waiters {
  readonly #store: Pick<JobStore, 'take' | 'giveBack'>;
  readonly #clock: QueueClock;
  readonly #lease: Seconds;
  readonly #lines = new Map<string, Line>();
  #again: (() => void) | undefined;
  #closed = false;

  constructor(store: Pick<JobStore, 'take' | 'giveBack'>, clock: QueueClock, lease: Seconds) {
    this.#store = store;
    this.#clock = clock;
    this.#lease = lease;
  }

  /**
   * A job for this agent as soon as there is one, or why there was none within `wait`. Rejects with the error of the store, or with
   * Refusal `unavailable` when the server closes. Once `gone` aborts, a job that was meant for it goes back at once.
   */
  take(agent: AgentFacts, wait: Seconds, gone: AbortSignal): Promise<Taken | NotTaken> {
    if (this.#closed) return Promise.reject(closing());
    const already = this.#lines.get(agent.tenant)?.waiters.filter(({ agent: { machine } }) => machine === agent.machine).length ?? 0;
    if (already >= mostOfMachine) return Promise.reject(new Refusal('unavailable', 'this machine waits for too many jobs already', { retryAfter: 30 }));
    return new Promise((resolve, reject) => {
      const line = this.#line(agent.tenant);
      const leave = (): void => {
        waiter.gone = true;
        callOff();
        gone.removeEventListener('abort', left);
        const at = line.waiters.indexOf(waiter);
        if (at >= 0) line.waiters.splice(at, 1);
        this.#forget(line);
      };
      const waiter: Waiter = {
        agent,
        since: this.#clock.now(),
        state: 'due',
        late: wait <= 0,
        gone: false,
        last: { waiting: 0, reasons: [] },
        settle: (answer) => {
          leave();
          resolve(answer);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const left = (): void => waiter.settle(waiter.last);
      const callOff = this.#clock.after(wait, () => {
        waiter.late = true;
        if (waiter.state === 'idle') waiter.settle(waiter.last);
      });
      if (gone.aborted) return left();
      gone.addEventListener('abort', left, { once: true });
      line.waiters.push(waiter);
      this.#serve(line);
      this.#lookAgainLater();
    });
  }

  /** Jobs may have begun to wait: of one tenant, or of any. */
  wake(tenant?: string): void {
    for (const [name, line] of this.#lines) {
      if (tenant !== undefined && tenant !== name) continue;
      line.wakes++;
      for (const waiter of line.waiters) if (waiter.state === 'idle') waiter.state = 'due';
      this.#serve(line);
    }
  }

  get waiting(): number {
    return this.#lines.values().reduce((sum, { waiters }) => sum + waiters.length, 0);
  }

  /** Everybody is told to come again. */
  close(): void {
    this.#closed = true;
    this.#again?.();
    for (const { waiters } of this.#lines.values()) for (const waiter of waiters.slice()) waiter.fail(closing());
  }

  #line(tenant: string): Line {
    const line = this.#lines.get(tenant) ?? { tenant, waiters: [], busy: 0, wakes: 0 };
    this.#lines.set(tenant, line);
    return line;
  }

  #serve(line: Line): void {
    const due = line.waiters.filter(({ state }) => state === 'due').length;
    const wanted = Math.min(lanes, line.busy + due);
    for (let lane = line.busy; lane < wanted; lane++) void this.#lane(line);
  }

  /** Asks for one waiter after the other until none is due. */
  async #lane(line: Line): Promise<void> {
    line.busy++;
    for (let waiter = line.waiters.find(isDue); waiter !== undefined; waiter = line.waiters.find(isDue)) await this.#ask(line, waiter);
    line.busy--;
    this.#forget(line);
  }

  #forget(line: Line): void {
    if (line.waiters.length === 0 && line.busy === 0) this.#lines.delete(line.tenant);
  }

  async #ask(line: Line, waiter: Waiter): Promise<void> {
    waiter.state = 'asking';
    const { wakes } = line;
    const now = this.#clock.now();
    const timeLeft = seconds(waiter.agent.timeLeft - elapsed(waiter.since, now));
    try {
      const answer = await this.#store.take({ ...waiter.agent, timeLeft }, { now, lease: this.#lease });
      if (answer.job !== undefined) {
        if (waiter.gone) await this.#store.giveBack(answer.lease, 'the agent had gone before the job reached it', this.#clock.now());
        else waiter.settle(answer);
        return;
      }
      waiter.last = answer;
      waiter.state = line.wakes === wakes ? 'idle' : 'due';
      if (waiter.late && !waiter.gone) waiter.settle(answer);
      // Nothing waits at all: true for everybody in this line.
      if (answer.waiting === 0 && line.wakes === wakes) for (const other of line.waiters.filter(isDue)) this.#refuse(other, answer);
    } catch (error) {
      if (!waiter.gone) waiter.fail(error);
    }
  }

  #refuse(waiter: Waiter, answer: NotTaken): void {
    waiter.last = answer;
    waiter.state = 'idle';
    if (waiter.late) waiter.settle(answer);
  }

  #lookAgainLater(): void {
    this.#again ??= this.#clock.after(lookAgain, () => {
      this.#again = undefined;
      if (this.waiting === 0) return;
      this.wake();
      this.#lookAgainLater();
    });
  }
}

const isDue = ({ state }: Waiter): boolean => state === 'due';
const closing = (): Refusal => new Refusal('unavailable', 'the queue is being stopped; come again', { retryAfter: 2 });
