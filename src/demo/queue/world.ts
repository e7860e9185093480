import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLive, type Machine } from '../../core/machine.ts';
import type { MachineId } from '../../core/units.ts';
import { ControlClient } from '../../factory/control/client.ts';
import { layout } from '../../factory/layout.ts';
import { firstLocalToken } from '../../queue/auth/local-tokens.ts';
import { type JobDocument, QueueClient } from '../../queue/client/client.ts';
import { queuePlaces } from '../../queue/config/places.ts';
import { realParts } from '../factory.ts';
import { machineProcesses } from '../machine-processes.ts';
import type { Check } from '../space/state.ts';
import { Program } from '../program.ts';
import { run, type Said } from './program.ts';
import { placesOf, queueUrl, type Site, siteConfiguration, tenantsOf } from './site.ts';

export interface WorldOptions {
  readonly site: Site;
  /** Top of the clone. */
  readonly root: string;
  readonly onMessage: (text: string) => void;
  readonly onCheck: (check: Check) => void;
  readonly signal: AbortSignal;
}

export type ServerName = 'queue' | 'factory';

/** ms that a server has to come up, on a host that is busy with emulated machines. */
const patience = 60_000;

/** A queue server and a factory as processes of their own, and what can be seen of them from outside. */
export class World {
  readonly options: WorldOptions;
  readonly startedAt = performance.now();
  readonly checks: Check[] = [];
  readonly messages: string[] = [];
  /** By id; what was last heard of each. */
  readonly jobs = new Map<string, JobDocument>();
  /** What the factory said last. */
  machines: readonly Machine[] = [];
  act = '';
  readonly #programs = new Map<ServerName, Program>();
  readonly #control: ControlClient;
  #client: QueueClient | undefined;

  constructor(options: WorldOptions) {
    this.options = options;
    this.#control = new ControlClient(layout(this.places.stateDir).control, 5000);
  }

  get places(): ReturnType<typeof placesOf> {
    return placesOf(this.options.site);
  }
  get elapsed(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
  get live(): readonly Machine[] {
    return this.machines.filter(isLive);
  }
  get control(): ControlClient {
    return this.#control;
  }
  get client(): QueueClient {
    if (this.#client === undefined) throw new TypeError('the queue has not been started');
    return this.#client;
  }

  say(text: string): void {
    this.messages.push(text);
    this.options.onMessage(text);
  }
  check(name: string, held: boolean, detail = ''): void {
    const check = { name, held, detail };
    this.checks.push(check);
    this.options.onCheck(check);
  }

  /** Runs `vacua` on this site. */
  vacua(...args: readonly string[]): Promise<Said> {
    return run(join(this.options.root, 'bin', 'vacua'), ['--config', this.places.config, ...args]);
  }

  /** Configuration, keys, then both servers. Rejects when one of them does not come up. */
  async open(): Promise<void> {
    const { site } = this.options;
    writeFileSync(this.places.config, siteConfiguration(site), { mode: 0o644 });
    mkdirSync(this.places.stateDir, { mode: 0o711 });
    for (const tenant of tenantsOf(site)) {
      const { code, stderr } = await this.vacua('queue', 'key', tenant);
      if (code !== 0) throw new Error(`vacua queue key ${tenant}: ${stderr}`);
    }
    await this.start('queue');
    await this.start('factory');
  }

  async start(name: ServerName): Promise<void> {
    const { site, root } = this.options;
    const factory = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'factory-process.ts')];
    const command =
      name === 'queue'
        ? [join(root, 'bin', 'vacua'), '--config', this.places.config, 'queue', 'serve']
        : [...factory, this.places.config, this.places.stateDir, String(site.slots)];
    const program = new Program(command, ({ msg, machine, outcome, text, error }) => {
      if (msg === 'machine finished') this.say(`machine ${String(machine).slice(0, 8)} ended: ${String(outcome)}`);
      else if (msg === 'configuration' || msg === 'action failed') this.say(`${msg}: ${String(text ?? error)}`);
    });
    this.#programs.set(name, program);
    const answers = name === 'queue' ? () => this.#queueAnswers() : async () => void (await this.#control.status());
    for (const until = performance.now() + patience; ; await sleep(100)) {
      if (this.options.signal.aborted) return;
      if (program.over) throw new Error(`the ${name} has ended: ${program.complaint}`);
      try {
        return await answers();
      } catch (error) {
        if (performance.now() > until) throw error;
      }
    }
  }

  async #queueAnswers(): Promise<void> {
    const token = firstLocalToken(queuePlaces(this.places.queueDir).tokens);
    this.#client = new QueueClient({ url: queueUrl(this.options.site), timeoutMs: 10_000, ...(token !== undefined && { token }) });
    await this.#client.list({ limit: 1 });
  }

  /** kill -9, as a person or the kernel may do at any time. */
  async kill(name: ServerName): Promise<void> {
    await this.#programs.get(name)?.end('SIGKILL');
  }

  /** Power failure of one machine: its process is gone from one instruction to the next. False: it was not there. */
  pullPlug(id: string): boolean {
    const processes = machineProcesses(id);
    for (const pid of processes) process.kill(pid, 'SIGKILL');
    return processes.length > 0;
  }

  /** One look at everything that answers. */
  async look(): Promise<void> {
    await Promise.all([this.#lookAtJobs(), this.#lookAtMachines()]);
  }

  async #lookAtMachines(): Promise<void> {
    try {
      this.machines = await this.#control.machines();
    } catch {
      // it has just been killed, or is starting
    }
  }

  async #lookAtJobs(): Promise<void> {
    try {
      for (let after: string | undefined = ''; after !== undefined; ) {
        const page: Awaited<ReturnType<QueueClient['list']>> = await this.client.list({ limit: 1000, ...(after !== '' && { after }) });
        for (const job of page.jobs) this.jobs.set(job.id, job);
        after = page.next;
      }
    } catch {
      // likewise
    }
  }

  /** Ends machines and servers. Nothing is left running. */
  async close(): Promise<void> {
    for (const name of ['factory', 'queue'] as const) await this.#programs.get(name)?.end('SIGTERM');
    await realParts.removeMachines(this.places.stateDir);
  }

  /** Machine that a job is on. */
  machineOf(id: string): MachineId | undefined {
    const job = this.jobs.get(id);
    return job?.state === 'PROCESSING-RUNNING' && job.attributes.includes('APP-RUNNING') ? (job.run?.machine as MachineId | undefined) : undefined;
  }
}
