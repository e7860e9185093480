import type { Lease } from '../../core/cloud/facts.ts';
import type { Seconds } from '../../core/units.ts';
import type { Clock } from '../clock.ts';
import type { ManagersPart } from '../parts.ts';
import { type Holder, SharedFiles } from './shared-files.ts';

export interface SharedManagersOptions {
  /** All managers of this space, and of no other, see it. */
  readonly directory: string;
  readonly manager: string;
  /** Of this process: no other, past or present, has it. */
  readonly session: string;
  readonly takeover: () => Seconds;
  readonly clock: Pick<Clock, 'uptime'>;
  /** What is known of the lease has changed. */
  readonly onChange?: () => void;
}

/** Signs of life of a manager in one takeover time, so that a few may be lost. */
const signsPerTakeover = 6;
const longestPause = 30;
/** The holder stops to create when it could not write for this part of the takeover time: before another may take over. */
const ownPatience = 0.5;
const epochsKept = 5;
const confirmMilliseconds = 20_000;

/**
 * The lease of a space among managers that share a directory (spec/cloud.md §5.4, project rule). Silence is measured on one's own uptime from
 * when a sign of life was first seen, never from a time that another has written: clocks may differ and step.
 */
export class SharedManagers implements ManagersPart {
  readonly #options: SharedManagersOptions;
  readonly #files: SharedFiles;
  /** Of each manager: its last sign of life, and when that was first seen here. */
  readonly #signs = new Map<string, { readonly text: string; readonly since: Seconds }>();
  /** Epoch that this process has won, and has not been silent in for too long. */
  #own: number | undefined;
  /** Of whoever gives signs of life in this manager's name. */
  #ownSession: string | undefined;
  #holder: (Holder & { readonly since: Seconds }) | undefined;
  #beat = 0;
  /** When the last sign of life that has been written was begun. */
  #signedAt: Seconds | undefined;
  #fault = 'it has not been read yet';
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #told: string | undefined;
  #closed = false;

  constructor(options: SharedManagersOptions) {
    this.#options = options;
    this.#files = new SharedFiles(options.directory);
  }

  /** Looks for the first time, and then by itself. */
  async open(): Promise<void> {
    await this.look();
    this.#schedule();
  }

  facts(): { readonly lease: Lease; readonly alive: ReadonlySet<string> } {
    const { manager, clock, takeover } = this.#options;
    const now = clock.uptime();
    const alive = [...this.#signs].filter(([, { since }]) => now - since <= takeover()).map(([name]) => name);
    return { lease: this.#lease(now), alive: new Set([...alive, manager]) };
  }

  async confirm(signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(confirmMilliseconds)]);
    await Promise.race([this.look(), aborted(limit)]);
    if (limit.aborted) throw new Error(`the lease of the space could not be looked at: ${this.#options.directory} does not answer`);
    // What was known before counts for a while in decisions, but for no creation.
    if (this.#fault !== '') throw new Error(`nothing is created here: ${this.#options.directory}: ${this.#fault}`);
    const lease = this.#lease(this.#options.clock.uptime());
    if (!lease.held) throw new Error(`nothing is created here: ${lease.text}`);
  }

  /** Nothing here is on the wall clock. */
  shift(): void {}

  /** The lease stays: a restart within the takeover time finds it again. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Gives a sign of life and reads those of others, from now on; whoever asks while one look is under way shares the next. */
  look(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.#look();
      return this.#running;
    });
    return this.#next;
  }

  async #look(): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#beat > 0) await this.#read();
      this.#lapse();
      await this.#sign();
      if (this.#beat === 1) await this.#read();
      if (this.#mayClaim()) {
        const { manager, session } = this.#options;
        await this.#files.claim((this.#holder?.epoch ?? 0) + 1, manager, session);
        await this.#read();
        if (this.#holder?.session === session) {
          this.#own = this.#holder.epoch;
          await this.#files.tidy(epochsKept);
        }
      }
      this.#fault = '';
    } catch (error) {
      this.#fault = error instanceof Error ? error.message : String(error);
    }
    const told = JSON.stringify(this.#lease(this.#options.clock.uptime()));
    if (told !== this.#told && !this.#closed) this.#options.onChange?.();
    this.#told = told;
  }

  /** The younger of two processes with one name goes on, and the elder falls silent: it has been replaced. */
  async #sign(): Promise<void> {
    const { manager, session, clock } = this.#options;
    const begun = clock.uptime();
    if (this.#beat > 0) {
      const other = this.#ownSession;
      if (other !== undefined && other !== session)
        throw new Error(`another process calls itself ${manager} too; valid: a factory_name of its own for each manager of a space`);
    }
    await this.#files.sign(manager, session, (this.#beat += 1));
    this.#signedAt = begun;
  }

  async #read(): Promise<void> {
    const signs = await this.#files.signs();
    const now = this.#options.clock.uptime();
    this.#ownSession = signs.get(this.#options.manager)?.session;
    for (const [manager, { text }] of signs) if (this.#signs.get(manager)?.text !== text) this.#signs.set(manager, { text, since: now });
    const holder = await this.#files.holder();
    if (holder === undefined) this.#holder = undefined;
    else if (holder.epoch !== this.#holder?.epoch || holder.session !== this.#holder.session) this.#holder = { ...holder, since: now };
  }

  #isMine(): boolean {
    return this.#own !== undefined && this.#holder?.epoch === this.#own && this.#holder.session === this.#options.session;
  }

  /** After too long a silence another may be taking over at this very moment: the lease must be won anew, and only one of the two wins. */
  #lapse(): void {
    const { clock, takeover } = this.#options;
    if (this.#signedAt !== undefined && clock.uptime() - this.#signedAt > takeover() * ownPatience) this.#own = undefined;
  }

  /** An earlier process of this manager has ended: it held the same state directory. */
  #mayClaim(): boolean {
    const holder = this.#holder;
    if (holder === undefined) return true;
    if (this.#isMine()) return false;
    if (holder.manager === this.#options.manager) return true;
    const lastSign = holder.manager === undefined ? undefined : this.#signs.get(holder.manager)?.since;
    return this.#options.clock.uptime() - Math.max(holder.since, lastSign ?? 0) > this.#options.takeover();
  }

  #lease(now: Seconds): Lease {
    const { directory, takeover } = this.#options;
    const holder = this.#holder;
    if (!this.#isMine() && holder !== undefined && this.#fault === '') {
      const who = holder.manager ?? 'somebody whose name cannot be read';
      return { held: false, ...(holder.manager !== undefined && { holder: holder.manager }), text: `the lease is held by ${who}` };
    }
    const silent = this.#signedAt === undefined ? undefined : now - this.#signedAt;
    if (this.#isMine() && silent !== undefined && silent <= takeover() * ownPatience) return { held: true };
    return { held: false, text: `${directory} cannot be used: ${this.#fault || `nothing could be written for ${Math.round(silent ?? 0)} s`}` };
  }

  #schedule(): void {
    if (this.#closed) return;
    const pause = Math.min(longestPause, this.#options.takeover() / signsPerTakeover);
    this.#timer = setTimeout(() => void this.look().then(() => this.#schedule()), pause * 1000).unref();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
