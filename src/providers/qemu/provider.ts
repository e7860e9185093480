import { existsSync, type FSWatcher, watch } from 'node:fs';
import { chmod, chown, lstat, mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ZodError } from 'zod';
import type { MachineModel } from '../../core/machinetype.ts';
import type { Sighting } from '../../core/observed.ts';
import type { Settings } from '../../core/settings.ts';
import { type MachineId, machineId } from '../../core/units.ts';
import { type Capabilities, type MachineOrder, type Provider, ProviderError, type ProviderList } from '../contract.ts';
import { type Boot, controlSocket } from './arguments.ts';
import { handleText, machineFiles, readHandle } from './handle.ts';
import { accepted, launch, type Manner } from './launch.ts';
import { machineOwner, type Owner } from './owner.ts';
import { keepPlain, readPlain } from './plain-file.ts';
import { furnish, layDown, namespaceFiles, type Scripts } from './prepare.ts';
import { PreparedNamespaces } from './prepared.ts';
import { callerManner, probeKvm, probeNamespace } from './probe.ts';
import { isAlive, killMachine, type Launcher, readLauncher } from './proc.ts';
import { qmp } from './qmp.ts';
import { type Processes, sight } from './sight.ts';
import { installCommand, missingTools } from './tools.ts';

export interface QemuOptions {
  readonly stateDir: string;
  readonly accelerator: Settings['accelerator'];
  readonly network: Settings['network'];
  /** Kernel for the probe of KVM. Default: the host's own, when it can be read, otherwise the firmware alone is booted. */
  readonly probeKernel?: string;
  /** Longest time from launch to QEMU's first answer. Default 30 s: a host that starts many at once is slow, not broken. */
  readonly launchMilliseconds?: number;
}

const models: readonly MachineModel[] = ['vm-raw', 'cernvm3', 'cernvm4', 'kernel'];
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A QEMU that is silent for so long is sick; its machine's power is then `unknown`, and nobody else waits for it. */
const answerMilliseconds = 2000;
/** A killed process with much memory takes a moment; one in uninterruptible sleep may take for ever. */
const killMilliseconds = 10_000;

/**
 * Machines as QEMU processes on this host, detached: they outlive the daemon and are found again by what lies in their
 * directories, `<stateDir>/machines/ID/provider`. A machine whose process has gone stays listed as `off`, cause `vanished`,
 * until it is destroyed. No connection is held open: QEMU's own notes and one short question tell the state.
 */
export class QemuProvider implements Provider {
  readonly kind = 'qemu';
  readonly can: Capabilities = { console: true, models };
  readonly #options: QemuOptions;
  readonly #machines: string;
  #manner: Manner | undefined;
  #scripts: Scripts | undefined;
  #prepared: PreparedNamespaces | undefined;
  /** Creations and removals of one machine follow each other. */
  readonly #turns = new Map<MachineId, Promise<unknown>>();
  readonly #creating = new Set<MachineId>();
  readonly #processes: Processes = new Map();
  readonly #watchers = new Map<MachineId, { readonly log: FSWatcher; readonly launcher: Launcher }>();
  #onChange: ((id: MachineId) => void) | undefined;
  #pulse: NodeJS.Timeout | undefined;

  constructor(options: QemuOptions) {
    this.#options = options;
    this.#machines = join(options.stateDir, 'machines');
  }

  async open(_signal: AbortSignal): Promise<{ readonly notes: readonly string[] }> {
    const { accelerator, network, stateDir, probeKernel } = this.#options;
    const missing = missingTools(network === 'restricted' ? ['always'] : ['always', 'namespace', 'outbound']);
    if (missing.length > 0) {
      throw new ProviderError('TOOLS_MISSING', `not installed: ${missing.map((t) => t.command).join(', ')}; run: ${installCommand(missing)}`, {
        fault: 'host',
      });
    }
    await mkdir(this.#machines, { recursive: true, mode: 0o700 });
    const text = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8');
    const [namespace, restricted, console] = await Promise.all([text('launch-namespace.sh'), text('launch-restricted.sh'), text('console.sh')]);
    this.#scripts = { namespace, restricted, console };
    const caller = callerManner();
    const [kvm, own] = await Promise.all([
      accelerator === 'tcg' ? undefined : probeKvm(probeKernel),
      network === 'restricted' ? undefined : probeNamespace(stateDir, caller, this.#scripts),
    ]);
    const notes: string[] = [];
    if (kvm?.works === false) {
      if (accelerator === 'kvm') throw new ProviderError('KVM', `accelerator = kvm, but ${kvm.why}`, { fault: 'host' });
      notes.push(`KVM cannot be used (${kvm.why}): machines are emulated and many times slower`);
    }
    if (own?.works === false) {
      if (network === 'namespace') throw new ProviderError('NAMESPACE', `network = namespace, but ${own.why}`, { fault: 'host' });
      notes.push(`no network namespaces (${own.why}): machines get the restricted network, without outbound connections; vacua doctor says more`);
    }
    this.#manner = { ...caller, accelerator: kvm?.works === true ? 'kvm' : 'tcg', network: own?.works === true ? 'namespace' : 'restricted' };
    await this.#prepared?.close();
    this.#prepared = new PreparedNamespaces(stateDir, this.#manner, this.#scripts);
    await this.#prepared.open();
    return { notes };
  }

  async list(signal: AbortSignal): Promise<ProviderList> {
    const entries = await readdir(this.#machines, { withFileTypes: true });
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerMilliseconds)]);
    const seen = await Promise.all(entries.filter((e) => e.isDirectory() && uuid.test(e.name)).map((e) => this.#sight(machineId(e.name), deadline)));
    return { complete: true, sightings: seen.filter((s) => s !== undefined), foreignProcessors: 0 };
  }

  async #sight(id: MachineId, signal: AbortSignal): Promise<Sighting | undefined> {
    const directory = join(this.#machines, id);
    const wasCreating = this.#creating.has(id);
    try {
      const seen = await sight(id, directory, this.#processes, signal);
      if (seen === undefined) return undefined;
      // On its way, by our own hands: neither up nor gone.
      if (wasCreating && seen.cause === 'never-started') return { id, power: 'unknown' };
      if (seen.power !== 'off') this.#follow(id, directory);
      return seen;
    } catch {
      return { id, power: 'unknown' }; // its directory cannot be read: a fact about one machine
    }
  }

  create(order: MachineOrder, signal: AbortSignal): Promise<void> {
    return this.#inTurn(order.id, async () => {
      signal.throwIfAborted();
      const { manner, scripts, prepared } = this.#opened();
      this.#check(order);
      const files = machineFiles(order.directory);
      // It was accepted before. If it has ended since, it stays so: a machine is used once.
      if (readLauncher(files.launcher) !== undefined) return;
      this.#creating.add(order.id);
      const owner: Owner = manner.switchUser ? machineOwner(this.#options.stateDir, order.slot) : undefined;
      try {
        if (existsSync(files.home)) await this.#remove(order.id); // a creation that was lost before its launch
        const deadline = AbortSignal.any([signal, AbortSignal.timeout(this.#options.launchMilliseconds ?? 30_000)]);
        const waiting = await prepared.take(order);
        if (waiting === undefined) layDown(files.home, owner, manner.network, scripts, manner.network === 'namespace' ? namespaceFiles(order) : []);
        const boot: Boot = { ...manner, ...(await furnish(order, owner)) };
        signal.throwIfAborted();
        const child = launch(order, boot, manner, owner, waiting, () => this.#onChange?.(order.id));
        await accepted(child, order, deadline);
        this.#follow(order.id, order.directory);
      } catch (error) {
        await this.#remove(order.id);
        throw error;
      } finally {
        this.#creating.delete(order.id);
      }
    });
  }

  /** @throws ProviderError of the tenant or of the host for an order of which no machine can be made */
  #check(order: MachineOrder): void {
    if (!uuid.test(order.id) || order.directory !== join(this.#machines, order.id)) {
      throw new ProviderError('DIRECTORY', `machine ${order.id}: its directory must be ${join(this.#machines, order.id)}, not ${order.directory}`, {
        fault: 'host',
      });
    }
    if (!models.includes(order.model))
      throw new ProviderError('MODEL', `${order.machinetype}: machine_model ${order.model} is not for QEMU; it can be ${models.join(', ')}`, {
        fault: 'tenant',
      });
    try {
      handleText(order);
    } catch (cause) {
      if (!(cause instanceof ZodError)) throw cause;
      const [issue] = cause.issues;
      throw new ProviderError('ORDER', `${order.machinetype}: ${issue?.path.slice(1).join('.')}: ${issue?.message}`, { fault: 'tenant', cause });
    }
  }

  async shutdown(id: MachineId, signal: AbortSignal): Promise<void> {
    const { run, launcher } = machineFiles(join(this.#machines, id));
    const process = readLauncher(launcher);
    if (process === undefined || !isAlive(process)) return;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerMilliseconds)]);
    // Whether it hears and obeys is seen by the next turn.
    await qmp(run, basename(controlSocket), 'system_powerdown', deadline).catch(() => undefined);
  }

  destroy(id: MachineId, signal: AbortSignal): Promise<void> {
    return this.#inTurn(id, async () => {
      signal.throwIfAborted();
      const order = readHandle(machineFiles(join(this.#machines, id)).handle);
      await this.#remove(id);
      if (order?.id === id) this.#prepared?.offer(order);
    });
  }

  /** Ends what runs, keeps the console beside the outputs, removes the rest. */
  async #remove(id: MachineId): Promise<void> {
    if (!uuid.test(id)) return;
    this.#unfollow(id);
    this.#processes.delete(id);
    const directory = join(this.#machines, id);
    const files = machineFiles(directory);
    const home = await realpath(files.home).catch(() => undefined);
    if (home !== undefined && !(await killMachine(home, readLauncher(files.launcher), killMilliseconds))) {
      throw new ProviderError('WONT_DIE', `machine ${id}: a process in ${home} has not ended ${killMilliseconds / 1000} s after SIGKILL`, { fault: 'host' });
    }
    for (const name of consoleNames) await keepPlain(join(files.run, name), join(directory, name));
    await rm(files.home, { recursive: true, force: true });
    if (this.#manner?.switchUser === true && (await lstat(directory).catch(() => undefined))?.isDirectory() === true) {
      await chown(directory, 0, 0);
      await chmod(directory, 0o700);
    }
  }

  async console(id: MachineId): Promise<Uint8Array> {
    const directory = join(this.#machines, id);
    const { run } = machineFiles(directory);
    const parts = await Promise.all(consoleNames.map(async (name) => (await readPlain(join(run, name))) ?? (await readPlain(join(directory, name)))));
    return Buffer.concat(parts.filter((p) => p !== undefined));
  }

  watch(onChange: (id: MachineId) => void): void {
    this.#onChange = onChange;
    // Machines of an earlier daemon are not our children, so that their unexpected end is looked for.
    this.#pulse ??= setInterval(() => this.#lookForEnds(), 2000).unref();
  }

  #lookForEnds(): void {
    for (const [id, { launcher }] of this.#watchers) {
      try {
        process.kill(launcher.pid, 0);
      } catch {
        this.#unfollow(id); // ESRCH: seen once; the turn that follows looks closer
        this.#onChange?.(id);
      }
    }
  }

  /** QEMU writes to its log when a guest ends. */
  #follow(id: MachineId, directory: string): void {
    if (this.#onChange === undefined || this.#watchers.has(id)) return;
    const files = machineFiles(directory);
    const launcher = readLauncher(files.launcher);
    if (launcher === undefined) return;
    try {
      const log = watch(files.log, { persistent: false }, () => this.#onChange?.(id));
      log.on('error', () => this.#unfollow(id));
      this.#watchers.set(id, { log, launcher });
    } catch {
      // out of inotify watches: the cycle sees it later
    }
  }

  #unfollow(id: MachineId): void {
    this.#watchers.get(id)?.log.close();
    this.#watchers.delete(id);
  }

  async close(): Promise<void> {
    clearInterval(this.#pulse);
    this.#onChange = undefined;
    for (const id of this.#watchers.keys()) this.#unfollow(id);
    await this.#prepared?.close();
  }

  /** Slots whose next launch is prepared, modulo 1000. */
  preparedSlots(): readonly number[] {
    return this.#prepared?.slots() ?? [];
  }

  #opened(): { readonly manner: Manner; readonly scripts: Scripts; readonly prepared: PreparedNamespaces } {
    if (this.#manner === undefined || this.#scripts === undefined || this.#prepared === undefined) throw new TypeError('QemuProvider: open() comes first');
    return { manner: this.#manner, scripts: this.#scripts, prepared: this.#prepared };
  }

  #inTurn(id: MachineId, work: () => Promise<void>): Promise<void> {
    const now = (): Promise<void> => (this.#prepared === undefined ? work() : this.#prepared.during(work));
    const mine = (this.#turns.get(id) ?? Promise.resolve()).then(now, now);
    this.#turns.set(id, mine);
    const clear = (): void => {
      if (this.#turns.get(id) === mine) this.#turns.delete(id);
    };
    mine.then(clear, clear);
    return mine;
  }
}

/** Older part first. */
const consoleNames = ['console.log.1', 'console.log'];
