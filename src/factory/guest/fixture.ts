import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exampleMachine, exampleSettings } from '../../core/guest/fixture.ts';
import type { Machine } from '../../core/machine.ts';
import { type Instant, instant, type MachineId, machineId, type Seconds, seconds } from '../../core/units.ts';
import { type Layout, layout } from '../layout.ts';
import type { ConnectionLimits } from './connections.ts';
import type { OutputFiles } from './output-store.ts';
import type { GuestSettings } from './desk.ts';
import { UnixGuestService } from './service.ts';

/** Both times stand still until a test moves them. */
export class HandClock {
  #wall = 1_700_000_100_000;
  #uptime = 1000;
  wall = (): Instant => instant(this.#wall);
  uptime = (): Seconds => seconds(this.#uptime);
  pass(by: number): void {
    this.#wall += by * 1000;
    this.#uptime += by;
  }
}

export const example: Machine = { ...exampleMachine, state: 'creating' };
export const another: Machine = { ...example, id: machineId('11111111-2222-4333-8444-555555555555'), name: 'wn01-08.example.com', slot: 8 };

export interface Bench extends AsyncDisposable {
  readonly layout: Layout;
  readonly clock: HandClock;
  readonly service: UnixGuestService;
  readonly reports: MachineId[];
  readonly faults: unknown[];
  settings: GuestSettings;
  /** Another service on the same directories, as after a restart of the daemon. */
  restart(): UnixGuestService;
}

export interface BenchOptions {
  readonly settings?: Partial<GuestSettings>;
  readonly limits?: ConnectionLimits;
  readonly files?: OutputFiles;
  /** Added to the state directory's path. */
  readonly below?: string;
}

/** A guest service in a directory of its own, which goes with it. */
export async function bench(options: BenchOptions = {}): Promise<Bench> {
  const root = await mkdtemp(join(tmpdir(), 'vacua-guest-'));
  const places = layout(join(root, options.below ?? ''));
  await mkdir(places.machines, { recursive: true });
  const clock = new HandClock();
  const reports: MachineId[] = [];
  const faults: unknown[] = [];
  const settings: GuestSettings = { ...exampleSettings, joboutputsMaxBytes: 100_000, joboutputsMaxFiles: 10, hostServices: [], ...options.settings };
  const services: UnixGuestService[] = [];
  const restart = (): UnixGuestService => {
    const service = new UnixGuestService({
      layout: places,
      settings: () => made.settings,
      clock,
      onReport: (id) => reports.push(id),
      onFault: (_, error) => faults.push(error),
      ...(options.limits && { limits: options.limits }),
      ...(options.files && { files: options.files }),
    });
    services.push(service);
    return service;
  };
  const made: Bench = {
    layout: places,
    clock,
    reports,
    faults,
    settings,
    restart,
    service: restart(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(services.map((service) => service.close()));
      await rm(root, { recursive: true, force: true });
    },
  };
  return made;
}

/** One connection of a guest, byte by byte. */
export class Guest {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  readonly closed: Promise<void>;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('end', () => this.socket.end());
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('latin1');
  }

  send(text: string | Uint8Array): this {
    this.socket.write(text);
    return this;
  }

  /** Resolves as soon as what has come matches. Rejects when the connection ends before that. */
  async until(pattern: RegExp): Promise<this> {
    while (!pattern.test(this.text)) {
      const more = new Promise<boolean>((resolve) => {
        this.socket.once('data', () => resolve(true));
        void this.closed.then(() => resolve(false));
      });
      if (!(await more) && !pattern.test(this.text)) throw new Error(`closed before ${pattern}: ${this.text}`);
    }
    return this;
  }

  /** Resolves once the daemon has accepted or closed the connection. */
  async connected(): Promise<this> {
    if (this.socket.connecting) await Promise.race([new Promise((resolve) => this.socket.once('connect', resolve)), this.closed]);
    return this;
  }
}

export interface Reply {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** One request and its answer, on a connection that is closed afterwards. */
export async function ask(path: string, request: string, body: string | Uint8Array = ''): Promise<Reply> {
  const guest = new Guest(path).send(`${request}\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n`).send(body);
  await guest.closed;
  const [head = '', ...rest] = guest.text.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body: rest.join('\r\n\r\n') };
}

export const put = (path: string, name: string, body: string | Uint8Array): Promise<Reply> =>
  ask(path, `PUT /joboutputs/${name} HTTP/1.1\r\nContent-Length: ${Buffer.byteLength(body)}`, body);
