import type { CreationFailures } from '../core/observed.ts';
import { type Instant, later, type Seconds } from '../core/units.ts';
import { ProviderError } from '../providers/contract.ts';

/**
 * Creations that failed in a row, per machinetype and, at a cloud, in the whole space (spec/cloud.md §3, project rule). At a cloud many are
 * begun together: those begun before a failure was known neither count again nor clear it. What a host begins counts one by one.
 */
export class CreationLedger {
  readonly #remote: boolean;
  readonly #types = new Map<string, CreationFailures>();
  #space: CreationFailures | undefined;

  constructor(remote: boolean) {
    this.#remote = remote;
  }

  types(): ReadonlyMap<string, CreationFailures> {
    return new Map(this.#types);
  }
  space(): CreationFailures | undefined {
    return this.#space;
  }

  /** `begunAt`: when the creation was recorded. */
  failed(machinetype: string, begunAt: Instant, now: Instant, error: unknown): void {
    const about = error instanceof ProviderError ? error : undefined;
    const failure = {
      lastAt: now,
      why: error instanceof Error ? error.message : String(error),
      ...(about !== undefined && { fault: about.fault }),
      ...(about?.lack !== undefined && { lack: about.lack }),
      ...(about?.retryAfter !== undefined && { retryAt: later(now, about.retryAfter) }),
    };
    if (this.#remote && about?.whole === true) this.#space = this.#next(this.#space, begunAt, failure);
    else this.#types.set(machinetype, this.#next(this.#types.get(machinetype), begunAt, failure));
  }

  #next(before: CreationFailures | undefined, begunAt: Instant, failure: Omit<CreationFailures, 'count'>): CreationFailures {
    const sameBurst = this.#remote && before !== undefined && begunAt <= before.lastAt;
    if (!sameBurst) return { ...failure, count: (before?.count ?? 0) + 1 };
    // The pause counts from the first of a burst, but what the provider asks for counts whoever heard it.
    const retryAt = failure.retryAt ?? before.retryAt;
    return { ...before, ...(retryAt !== undefined && { retryAt }) };
  }

  /** The provider has accepted a machine. A host's has started with that; a cloud may still find that it cannot be made. */
  accepted(machinetype: string, begunAt: Instant): void {
    if (!this.#remote) this.#types.delete(machinetype);
    else if (this.#space !== undefined && begunAt > this.#space.lastAt) this.#space = undefined;
  }

  /** A machine has been seen running. */
  started(machinetype: string, begunAt: Instant): void {
    const failures = this.#types.get(machinetype);
    if (this.#remote && failures !== undefined && begunAt > failures.lastAt) this.#types.delete(machinetype);
  }

  /** The wall clock has stepped: remembered times move with it. */
  shift(by: Seconds): void {
    const moved = (f: CreationFailures): CreationFailures => ({
      ...f,
      lastAt: later(f.lastAt, by),
      ...(f.retryAt !== undefined && { retryAt: later(f.retryAt, by) }),
    });
    for (const [type, failure] of this.#types) this.#types.set(type, moved(failure));
    if (this.#space !== undefined) this.#space = moved(this.#space);
  }
}
