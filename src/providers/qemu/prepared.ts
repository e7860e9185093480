import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MachineOrder } from '../contract.ts';
import { machineFiles } from './handle.ts';
import { channelOf, type Manner, type Outline, start } from './launch.ts';
import { machineOwner, slotNumber } from './owner.ts';
import { layDown, type LauncherFile, namespaceFiles, type Scripts } from './prepare.ts';
import { killMachine, launcherOf } from './proc.ts';

/** At most so many are kept: a burst of launches is seldom larger, and each holds half a dozen sleeping processes. */
const most = 10;
/** Between the last creation or removal, or the last preparation, and the next one. */
const restMilliseconds = 150;
/** A preparation takes some 30 ms; where it takes so long, something is wrong with the host. */
const readyMilliseconds = 10_000;
const killMilliseconds = 2000;

/** What a slot will want again, if it gets the same kind of machine. */
export type Wish = Outline & Pick<MachineOrder, 'slot'>;

interface Namespace {
  readonly home: string;
  readonly child: ChildProcess;
  readonly key: string;
}

/**
 * Namespaces made while nothing else is to be done, for the machines that come next: everything of a launch up to QEMU, in
 * `<stateDir>/prepared`. One belongs to a slot, and so to its account, and is made when the slot's last machine has gone; the same
 * kind of machine in the same slot then takes it over, directory and all. Another kind, or none prepared: a launch from the
 * beginning. Every launcher ends when its channel closes, so that nothing outlives this process.
 */
export class PreparedNamespaces {
  readonly #stateDir: string;
  readonly #directory: string;
  readonly #manner: Manner;
  readonly #scripts: Scripts;
  readonly #wishes = new Map<number, Wish>();
  readonly #ready = new Map<number, Namespace>();
  #making: { readonly slot: number; readonly done: Promise<void> } | undefined;
  #busy = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(stateDir: string, manner: Manner, scripts: Scripts) {
    this.#stateDir = stateDir;
    this.#directory = join(stateDir, 'prepared');
    this.#manner = manner;
    this.#scripts = scripts;
  }

  /** Removes what a killed daemon has left: its launchers have ended by themselves. */
  async open(): Promise<void> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#directory)) await this.#remove(join(this.#directory, name));
  }

  /** Nothing is prepared while machines are created or removed. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#busy++;
    clearTimeout(this.#timer);
    try {
      return await work();
    } finally {
      this.#busy--;
      this.#later();
    }
  }

  /** A machine has gone: its slot may have another. */
  offer(wish: Wish): void {
    const slot = slotNumber(wish.slot);
    const making = this.#making === undefined ? 0 : 1;
    if (this.#manner.network !== 'namespace' || this.#ready.has(slot) || this.#making?.slot === slot) return;
    if (this.#wishes.size + this.#ready.size + making >= most) return;
    this.#wishes.set(slot, wish);
    this.#later();
  }

  /**
   * Moves what is prepared for an order to where its machine's files belong, and leaves it to the caller; undefined: nothing that
   * fits. After it nothing else runs under the account of the slot.
   */
  async take(order: MachineOrder): Promise<ChildProcess | undefined> {
    const slot = slotNumber(order.slot);
    this.#wishes.delete(slot);
    if (this.#making?.slot === slot) await this.#making.done;
    const found = this.#ready.get(slot);
    if (found === undefined) return undefined;
    this.#ready.delete(slot);
    try {
      if (found.child.exitCode === null && found.child.signalCode === null && found.key === keyOf(order, namespaceFiles(order))) {
        renameSync(found.home, machineFiles(order.directory).home);
        return found.child;
      }
    } catch {
      // its directory has gone: somebody has tidied up
    }
    await this.#end(found);
    return undefined;
  }

  /** Slots for which a namespace waits. */
  slots(): number[] {
    return [...this.#ready.keys()];
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#wishes.clear();
    await this.#making?.done;
    const all = [...this.#ready.values()];
    this.#ready.clear();
    await Promise.all(all.map((n) => this.#end(n)));
  }

  #later(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#busy > 0 || this.#making !== undefined || this.#wishes.size === 0) return;
    this.#timer = setTimeout(() => this.#next(), restMilliseconds).unref();
  }

  #next(): void {
    const [next] = this.#wishes;
    if (next === undefined) return;
    const [slot, wish] = next;
    this.#wishes.delete(slot);
    const make = async (): Promise<void> => {
      try {
        await this.#make(slot, wish);
      } catch {
        // none is kept for it: its launch then says why
      }
      this.#making = undefined;
      this.#later();
    };
    this.#making = { slot, done: make() };
  }

  async #make(slot: number, wish: Wish): Promise<void> {
    const owner = this.#manner.switchUser ? machineOwner(this.#stateDir, slot) : undefined;
    if (owner !== undefined && this.#hasMachine(owner.uid)) return;
    const home = join(this.#directory, `${slot}-${randomUUID()}`);
    const files = namespaceFiles(wish);
    layDown(home, owner, 'namespace', this.#scripts, files);
    const child = start(home, this.#manner, owner, wish, []);
    const made: Namespace = { home, child, key: keyOf(wish, files) };
    child.unref();
    if (await isReady(child)) {
      this.#ready.set(slot, made);
      child.once('exit', () => {
        if (this.#ready.get(slot) !== made) return;
        this.#ready.delete(slot);
        void this.#end(made);
      });
    } else await this.#end(made);
  }

  /** Whether some machine, of whatever slot, still has an account: its files are of that group. */
  #hasMachine(gid: number): boolean {
    const machines = join(this.#stateDir, 'machines');
    return readdirSync(machines).some((id) => statSync(machineFiles(join(machines, id)).home, { throwIfNoEntry: false })?.gid === gid);
  }

  async #end({ home, child }: Namespace): Promise<void> {
    channelOf(child).destroy();
    await this.#remove(home, child);
  }

  async #remove(home: string, child?: ChildProcess): Promise<void> {
    const real = await realpath(home).catch(() => undefined);
    const launcher = child?.pid === undefined || child.exitCode !== null || child.signalCode !== null ? undefined : launcherOf(child.pid);
    if (real !== undefined) await killMachine(real, launcher, killMilliseconds);
    await rm(home, { recursive: true, force: true });
  }
}

/** Equal for machines for which the same namespace does: also after the host has got another address, which the filter names. */
const keyOf = (about: Outline, files: readonly LauncherFile[]): string =>
  JSON.stringify([about.outbound, about.consoleMaxBytes, about.hostServices.map((s) => s.port), files]);

/** Resolves with true at the first word of a launcher that waits, with false when it ends before, or says nothing for long. */
function isReady(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), readyMilliseconds).unref();
    const done = (ready: boolean): void => {
      clearTimeout(late);
      resolve(ready);
    };
    child.once('error', () => done(false)).once('exit', () => done(false));
    // Ends without notice when the launcher does, which `exit` reports.
    channelOf(child)
      .on('error', () => undefined)
      .once('data', () => done(true))
      .unref();
  });
}
