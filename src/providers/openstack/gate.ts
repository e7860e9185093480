import { elapsed, type Instant, later, seconds } from '../../core/units.ts';
import { ProviderError } from '../contract.ts';

/** A wait up to this long is waited; a longer one is told to the caller, who has better things to do. */
const waitable = seconds(5);
/** However long a server asks us to stay away: it may be broken, or hostile. */
const longest = seconds(600);

export interface GateOptions {
  readonly now: () => Instant;
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

interface Closed {
  readonly until: Instant;
  /** Seconds that it was closed for. More are never left, unless somebody has set the clock back. */
  readonly wait: number;
  readonly refusals: number;
}

/** Keeps requests from a service that has said, by 429 or 503, that it wants none (spec/cloud.md §7.2, project rule). */
export class Gate {
  readonly #options: GateOptions;
  readonly #closed = new Map<string, Closed>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Resolves when the service may be asked. Rejects with `ASKED_TO_WAIT` when that is too far away. */
  async pass(service: string, signal: AbortSignal): Promise<void> {
    for (let left = this.#left(service); left > 0; left = this.#left(service)) {
      if (left > waitable) {
        const text = `${service}: it has asked for no requests in the next ${Math.ceil(left)} s`;
        throw new ProviderError('ASKED_TO_WAIT', text, { fault: 'provider', whole: true, retryAfter: seconds(left) });
      }
      await this.#options.pause(left * 1000, signal);
      if (signal.aborted) return;
    }
  }

  /** It has refused. Without a time of its own the pause doubles from one second to a minute; refusals of one moment count once. Returns the pause. */
  refused(service: string, retryAfter: number | undefined): number {
    const left = this.#left(service);
    const refusals = (this.#closed.get(service)?.refusals ?? 0) + (left > 0 ? 0 : 1);
    const wait = Math.max(left, Math.min(retryAfter ?? Math.min(60, 2 ** (refusals - 1)), longest));
    this.#closed.set(service, { until: later(this.#options.now(), wait), wait, refusals });
    return wait;
  }

  #left(service: string): number {
    const closed = this.#closed.get(service);
    if (closed === undefined) return 0;
    const left = elapsed(this.#options.now(), closed.until);
    if (left <= closed.wait) return left;
    this.#closed.set(service, { ...closed, until: later(this.#options.now(), closed.wait) });
    return closed.wait;
  }

  /** It has answered. Requests that were under way when another was refused do not open the gate early. */
  answered(service: string): void {
    const closed = this.#closed.get(service);
    if (closed !== undefined && this.#options.now() >= closed.until) this.#closed.delete(service);
  }
}

/** `Retry-After` in either form (RFC 9110 §10.2.3), in seconds from now; a date is held against the server's own `Date` where there is one. */
export function retryAfterSeconds(headers: Readonly<Record<string, string>>, now: Instant): number | undefined {
  const text = headers['retry-after']?.trim();
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const at = Date.parse(text);
  if (Number.isNaN(at)) return undefined;
  const theirs = Date.parse(headers['date'] ?? '');
  return Math.max(0, (at - (Number.isNaN(theirs) ? now : theirs)) / 1000);
}
