import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from '../../core/machine.ts';
import { elapsed, instant, type MachineId, seconds } from '../../core/units.ts';
import { ControlError } from '../../factory/control/control-error.ts';
import { layout } from '../../factory/layout.ts';
import { readWorldFile, worldEvents } from '../../providers/sim/world-file.ts';
import type { LogLine } from '../program.ts';
import { Daemon } from './daemon.ts';
import { Network } from './network.ts';
import { type Books, runs, shareError } from './rules.ts';
import { configOf, ghost, type Host, type Places, stateDirOf, targetOf, tenants, writeHost } from './site.ts';
import type { Check, SpaceState } from './state.ts';
import { Watch } from './watch.ts';

/** Not heard of for so long: silent. Several rounds, so that a busy host is not taken for a dead one. */
const silentSeconds = 6;
const startedAtOnce = 2;

export interface WorldOptions {
  readonly hosts: readonly Host[];
  readonly places: Places;
  readonly vacua: string;
  readonly seed: number;
  readonly onMessage: (line: string) => void;
  readonly onCheck: (check: Check) => void;
  readonly signal: AbortSignal;
}

/** Hosts, network and factories of the demonstration, and what has been seen of them. */
export class World {
  readonly options: WorldOptions;
  readonly network: Network;
  readonly watch: Watch;
  readonly checks: Check[] = [];
  readonly #began = performance.now();
  readonly #daemons = new Map<Host, Daemon>();
  readonly #moods = new Map<Host, string>();
  readonly #messages: string[] = [];
  /** Who has said that whom is silent since the last fault. */
  readonly noticed = new Map<Host, Set<string>>();
  act = 'starting';

  constructor(options: WorldOptions) {
    this.options = options;
    const { hosts, places, seed } = options;
    this.network = new Network(hosts, places.directory);
    this.watch = new Watch(hosts, places);
    for (const host of hosts) {
      writeHost(places, hosts, host, seed);
      this.#moods.set(host, 'not started');
    }
  }

  get hosts(): readonly Host[] {
    return this.options.hosts;
  }
  get elapsed(): number {
    return (performance.now() - this.#began) / 1000;
  }

  begin(act: string): void {
    this.act = act;
    this.say(`— ${act}`);
  }

  say(text: string): void {
    this.#messages.push(text);
    if (this.#messages.length > 50) this.#messages.shift();
    this.options.onMessage(text);
  }

  check(name: string, held: boolean, detail = ''): void {
    const check = { name, held, detail };
    this.checks.push(check);
    this.options.onCheck(check);
  }

  mood(host: Host, mood: string): void {
    this.#moods.set(host, mood);
  }

  isUp(host: Host): boolean {
    return this.#daemons.has(host);
  }

  /** Starts a few factories at a time, and the next ones when these answer: all at once would only slow each other down. */
  async start(hosts: readonly Host[], look: () => Promise<boolean>): Promise<void> {
    const waiting = [...hosts];
    let starting: Host[] = [];
    do {
      starting = starting.filter((host) => !this.watch.now.has(host));
      for (const host of waiting.splice(0, startedAtOnce - starting.length)) {
        this.#launch(host);
        starting.push(host);
      }
      for (const host of starting) {
        if (this.#daemons.get(host)?.over === true) throw new Error(`the factory of ${host.id} has ended: ${this.#daemons.get(host)?.complaint}`);
      }
    } while ((waiting.length > 0 || starting.length > 0) && (await look()));
  }

  #launch(host: Host): void {
    const { places, vacua } = this.options;
    this.mood(host, host.clockOff === undefined ? 'works' : `works, its clock ${host.clockOff / 3600} h fast`);
    this.#daemons.set(host, new Daemon(host, vacua, configOf(places, host), (line) => this.#heard(host, line)));
  }

  #heard(host: Host, line: LogLine): void {
    const told = String(line['factory'] ?? '').split('.')[0] ?? '';
    if (line.msg === 'factory is silent') {
      const noticed = this.noticed.get(host) ?? new Set();
      noticed.add(String(line['factory']));
      this.noticed.set(host, noticed);
      if (line['factory'] !== ghost.name) this.say(`${host.id}: ${told} is silent`);
    } else if (line.msg === 'configuration problem' || line.msg === 'action failed') {
      this.say(`${host.id}: ${line.msg}: ${String(line['text'] ?? line['error'])}`);
    }
  }

  async kill(host: Host): Promise<void> {
    await this.#daemons.get(host)?.end('SIGKILL');
    this.#daemons.delete(host);
    this.watch.killed(host);
    this.mood(host, 'killed');
    this.say(`kill -9 of the factory of ${host.id}`);
  }

  /** Ends all factories in order; their exit codes. */
  async stop(): Promise<readonly (number | string)[]> {
    const codes = await Promise.all([...this.#daemons.values()].map((daemon) => daemon.end('SIGTERM')));
    this.#daemons.clear();
    return codes;
  }

  async look(): Promise<void> {
    await this.watch.look(this.hosts.filter((host) => this.isUp(host)));
  }

  /** Factories that this one has not heard of lately, as far as it has been asked itself. */
  silentFor(host: Host): readonly string[] {
    const report = this.watch.now.get(host)?.report;
    return (report?.factories ?? [])
      .filter((f) => f.factory !== host.factory && (f.heardAt === undefined || elapsed(f.heardAt, report?.at ?? instant(0)) > silentSeconds))
      .map((f) => f.factory);
  }

  /** True when all of these factories answer and hear each other. */
  agree(hosts: readonly Host[]): boolean {
    const names = new Set(hosts.map((h) => h.factory));
    return hosts.every((host) => this.watch.now.has(host) && !this.silentFor(host).some((name) => names.has(name)));
  }

  /** Machines that a host has as it was last seen, and that work. */
  working(host: Host): readonly Machine[] {
    return (this.watch.records.get(host) ?? []).filter((m) => m.state === 'running');
  }

  get slots(): number {
    return this.hosts.reduce((sum, h) => sum + h.slots, 0);
  }
  get shareError(): number {
    return shareError(this.watch.live);
  }

  /** Books of the simulated hosts, readable when their factories were seen last. */
  books(): readonly Books[] {
    return this.hosts
      .filter((h) => h.provider === 'sim')
      .map((host) => {
        const dir = stateDirOf(this.options.places, host);
        const records = this.watch.records.get(host) ?? [];
        return {
          factory: host.id,
          events: worldEvents(readWorldFile(join(dir, 'sim-world.jsonl'))),
          records,
          usage: this.usage.get(host) ?? [],
          ends: readFileSync(layout(dir).log, 'utf8')
            .split('\n')
            .filter((l) => l.includes('"machine finished"'))
            .map((l) => String((JSON.parse(l) as LogLine)['id'])),
        };
      });
  }

  /** Machines accounted, per host, from the last call of `readUsage`. */
  readonly usage = new Map<Host, readonly string[]>();

  /** Nothing is started any more, so that books and worlds will be of one moment. */
  async closeBooks(): Promise<void> {
    await Promise.all(this.hosts.filter((h) => this.isUp(h)).map((host) => this.watch.client(host).drain(true)));
  }
  /** Ends a machine, unless it has ended by itself since it was seen. */
  async destroy(host: Host, id: MachineId): Promise<void> {
    try {
      await this.watch.client(host).destroy(id);
    } catch (error) {
      if (!(error instanceof ControlError && error.code === 'machine_finished')) throw error;
    }
  }

  async readUsage(): Promise<void> {
    for (const host of this.hosts)
      this.usage.set(
        host,
        (await this.watch.client(host).usage()).map((u) => u.id),
      );
  }

  state(): SpaceState {
    const live = this.watch.live;
    return {
      elapsed: seconds(this.elapsed),
      act: this.act,
      rows: this.hosts.map((host) => {
        const machines = this.watch.records.get(host) ?? [];
        const silent = this.silentFor(host);
        const answers = this.watch.now.has(host);
        return {
          id: host.id,
          provider: host.provider,
          mood: this.#moods.get(host) ?? '',
          slots: host.slots,
          running: new Map(tenants.map(({ name }) => [name, runs(machines, name)])),
          hears: answers ? this.hosts.length - silent.length : 0,
          deaf: answers ? silent.filter((name) => name !== ghost.name).map((name) => name.split('.')[0] ?? '') : [],
        };
      }),
      tenants: tenants.map(({ name }) => ({ name, running: runs(live, name), target: this.slots * targetOf(name) })),
      messages: this.#messages,
      checks: this.checks,
    };
  }
}
