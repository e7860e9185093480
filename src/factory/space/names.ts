import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import type { Endpoint } from '../../core/space/types.ts';

/** An address is used this long before its name is looked up again, beside its use. */
const freshMilliseconds = 600_000;
const retryMilliseconds = 30_000;
/** Slower than this is told. The old address stays in use meanwhile. */
const slowMilliseconds = 5000;
/** Look-ups occupy threads that files need too, so a name server that does not answer must not have them all. */
const mostAtOnce = 2;

export type Lookup = (name: string) => Promise<string>;
const system: Lookup = async (name) => (await lookup(name, { family: 4 })).address;

interface Entry {
  address: string | undefined;
  /** Next look-up, monotonic milliseconds. */
  dueAt: number;
  startedAt: number | undefined;
  fault: string | undefined;
}

/** Addresses of factories. Never waits: a name that is not known yet is looked up for the next time. */
export class Names {
  readonly #lookup: Lookup;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  readonly #queue: string[] = [];
  #busy = 0;

  constructor(about: { readonly lookup?: Lookup; readonly now?: () => number } = {}) {
    this.#lookup = about.lookup ?? system;
    this.#now = about.now ?? (() => performance.now());
  }

  addressOf(name: string, port: number): Endpoint | undefined {
    if (isIPv4(name)) return { host: name, port };
    const entry = this.#entries.get(name) ?? { address: undefined, dueAt: 0, startedAt: undefined, fault: undefined };
    this.#entries.set(name, entry);
    if (entry.dueAt <= this.#now()) {
      entry.dueAt = Number.POSITIVE_INFINITY;
      this.#queue.push(name);
      this.#next();
    }
    return entry.address === undefined ? undefined : { host: entry.address, port };
  }

  /** Names that do not resolve, or only slowly, each with the reason. */
  faults(): ReadonlyMap<string, string> {
    const faults = new Map<string, string>();
    for (const [name, { fault, startedAt }] of this.#entries) {
      if (fault !== undefined) faults.set(name, fault);
      else if (startedAt !== undefined && this.#now() - startedAt > slowMilliseconds) faults.set(name, 'the name server has not answered yet');
    }
    return faults;
  }

  /** Names that are asked for no more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#entries.keys()) if (!names.has(name)) this.#entries.delete(name);
  }

  #next(): void {
    while (this.#busy < mostAtOnce) {
      const name = this.#queue.shift();
      if (name === undefined) return;
      const entry = this.#entries.get(name);
      if (!entry) continue;
      this.#busy += 1;
      entry.startedAt = this.#now();
      void this.#resolve(name, entry).finally(() => {
        this.#busy -= 1;
        entry.startedAt = undefined;
        this.#next();
      });
    }
  }

  async #resolve(name: string, entry: Entry): Promise<void> {
    try {
      entry.address = await this.#lookup(name);
      entry.fault = undefined;
      entry.dueAt = this.#now() + freshMilliseconds;
    } catch (error) {
      const code = (error as { readonly code?: unknown }).code;
      entry.fault = `its name does not resolve${typeof code === 'string' ? ` (${code})` : ''}`;
      entry.dueAt = this.#now() + retryMilliseconds;
    }
  }
}
