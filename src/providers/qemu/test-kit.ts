import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type MachineId, machineId } from '../../core/units.ts';
import { guestSocketName, type MachineOrder, type Provider } from '../contract.ts';
import { guestImages } from './guest-images.ts';
import { machineFiles } from './handle.ts';
import { type QemuOptions, QemuProvider } from './provider.ts';

/** Fetches commands from its own guest service for ever, runs them and sends back what they said. */
const agent = `#!/bin/sh
cd /tmp
while :; do
  [ "$(curl -s -o job -w '%{http_code}' http://169.254.169.253/job)" = 200 ] || continue
  sh job >said 2>&1
  echo "exit=$?" >>said
  curl -s -T said http://169.254.169.253/said >/dev/null
done
`;

/** Hands inside one guest: its guest service, served by the test. */
export class Hands {
  readonly #server: Server;
  readonly #jobs: string[] = [];
  #waiting: ServerResponse | undefined;
  #answers: ((text: string) => void)[] = [];
  /** First request for a job: the guest is up and obeys. */
  readonly up: Promise<void>;
  readonly requests: string[] = [];

  constructor(server: Server) {
    this.#server = server;
    Object.assign(server, { httpAllowHalfOpen: true }); // netcat closes its side when it has asked
    this.up = new Promise((resolve) => {
      server.on('request', (request: IncomingMessage, response: ServerResponse) => {
        this.requests.push(`${request.method} ${request.url}`);
        if (request.url === '/job') {
          resolve();
          this.#waiting = response;
          this.#next();
        } else if (request.url === '/said') {
          let text = '';
          request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          request.on('end', () => {
            response.end();
            this.#answers.shift()?.(text);
          });
        } else if (request.url === '/latest/user-data') response.end(agent);
        else response.writeHead(404).end();
      });
    });
  }

  #next(): void {
    const job = this.#waiting === undefined ? undefined : this.#jobs.shift();
    if (job === undefined) return;
    this.#waiting?.end(`${job}\n`);
    this.#waiting = undefined;
  }

  /** Gives the guest a script and does not wait. */
  tell(script: string): void {
    this.#jobs.push(script);
    this.#next();
  }

  /** Output of a script in the guest, ending in `exit=N`. */
  run(script: string): Promise<string> {
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      this.tell(script);
    });
  }

  /** Binds through the directory's descriptor: its path may be longer than a socket address. */
  async listen(directory: string): Promise<void> {
    const at = await open(directory, 'r');
    await new Promise<void>((done) => this.#server.listen({ path: `/proc/self/fd/${at.fd}/${guestSocketName}` }, done));
    await at.close();
    await chmod(join(directory, guestSocketName), 0o666);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** A state directory with machines of the mini guest in it, and everything that must be gone at the end. */
export class World {
  readonly stateDir: string;
  readonly hands = new Map<MachineId, Hands>();
  readonly #providers: QemuProvider[] = [];
  readonly #options: Partial<QemuOptions>;
  #slot = 0;

  private constructor(stateDir: string, options: Partial<QemuOptions>) {
    this.stateDir = stateDir;
    this.#options = options;
  }

  static async make(options: Partial<QemuOptions> = {}): Promise<World> {
    guestImages();
    // A name that is longer than a socket address may be.
    const stateDir = join(await mkdtemp(join(tmpdir(), 'vacua-qemu-')), 'a-state-directory-with-a-name'.repeat(4));
    await mkdir(stateDir, { mode: 0o700 });
    return new World(stateDir, options);
  }

  async provider(): Promise<QemuProvider> {
    const provider = new QemuProvider({ stateDir: this.stateDir, accelerator: 'tcg', network: 'namespace', ...this.#options });
    this.#providers.push(provider);
    await provider.open(never());
    return provider;
  }

  async order(about: Partial<MachineOrder> = {}): Promise<MachineOrder> {
    const id = machineId(randomUUID());
    const directory = join(this.stateDir, 'machines', id);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const images = guestImages();
    const hands = new Hands(createServer());
    this.hands.set(id, hands);
    await hands.listen(directory);
    return {
      id,
      name: `wn01-${String(this.#slot).padStart(2, '0')}.example.com`,
      slot: this.#slot++,
      machinetype: 'test',
      model: 'kernel',
      processors: 1,
      memoryMb: 96,
      directory,
      rootImage: images.kernel,
      initrd: images.initrd,
      kernelArguments: 'quiet panic=0',
      rootDevice: 'vda',
      scratchDevice: 'vdb',
      consoleMaxBytes: 65_536,
      guestSocket: join(directory, guestSocketName),
      hostServices: [],
      outbound: false,
      ...about,
    };
  }

  /** A machine whose guest is up. */
  async machine(provider: Provider, about: Partial<MachineOrder> = {}): Promise<{ readonly order: MachineOrder; readonly hands: Hands }> {
    const order = await this.order(about);
    await provider.create(order, never());
    const hands = this.handsOf(order.id);
    await within(120_000, `guest ${order.name} is up`, hands.up, () => consoleOf(order));
    return { order, hands };
  }

  /** Has namespaces prepared, as they are when machines of such orders have gone from the slots. */
  async prepared(provider: QemuProvider, slots: readonly number[], about: Partial<MachineOrder> = {}): Promise<void> {
    const orders = await Promise.all(slots.map((slot) => this.order({ ...about, slot })));
    await Promise.all(orders.map((o) => provider.create(o, never())));
    await Promise.all(orders.map((o) => provider.destroy(o.id, never())));
    await until(`slots ${slots.join(' ')} are prepared`, () => slots.every((s) => provider.preparedSlots().includes(s)));
  }

  handsOf(id: MachineId): Hands {
    const hands = this.hands.get(id);
    if (hands === undefined) throw new Error(`no machine ${id}`);
    return hands;
  }

  /** Processes that belong to machines of this world, and what their provider has left in their directories. */
  leftovers(): string[] {
    const machines = join(this.stateDir, 'machines');
    const found = processesBelow(machines);
    for (const id of readdirSync(machines)) found.push(...readdirSync(join(machines, id)).filter((name) => name === 'provider'));
    found.push(...readdirSync(this.stateDir).filter((name) => name.startsWith('probe-')));
    return found;
  }

  async close(): Promise<void> {
    const [first] = this.#providers;
    if (first !== undefined) for (const id of readdirSync(join(this.stateDir, 'machines'))) await first.destroy(machineId(id), never());
    await Promise.all([...this.hands.values()].map((h) => h.close()));
    await Promise.all(this.#providers.map((p) => p.close()));
    await rm(join(this.stateDir, '..'), { recursive: true, force: true });
  }
}

/** Processes that work in a directory or below it, as those of machines and prepared namespaces do. */
export function processesBelow(directory: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)) found.push(`process ${pid} ${readFileSync(`/proc/${pid}/comm`, 'latin1').trim()}`);
    } catch {
      // ended meanwhile, or somebody else's
    }
  }
  return found;
}

export const never = (): AbortSignal => new AbortController().signal;

/** What a guest said on its serial console so far, for messages of failed tests. */
export const consoleOf = (order: MachineOrder): Promise<string> =>
  readFile(join(machineFiles(order.directory).run, 'console.log'), 'utf8').catch(() => '(no console)');

/** Rejects, with what `about` says, when a promise takes longer than it may. */
export async function within<T>(milliseconds: number, what: string, promise: Promise<T>, about: () => Promise<string> = () => Promise.resolve('')): Promise<T> {
  const abort = new AbortController();
  const late = pause(milliseconds, undefined, { signal: abort.signal }).then(async () => {
    throw new Error(`not within ${milliseconds} ms: ${what}\n${await about()}`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
    late.catch(() => undefined);
  }
}

/** Polls until the condition holds; rejects after 90 s. */
export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = performance.now() + 90_000; !(await condition()); await pause(20)) {
    if (performance.now() > end) throw new Error(`not within 90 s: ${what}`);
  }
}

/** Runs a program to its end and gives its output. */
export function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`${command} ended with ${code}: ${text}`))));
  });
}
