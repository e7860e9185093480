import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Endpoint } from '../../core/space/types.ts';

const everyMilliseconds = 60_000;
/** After a newcomer was heard, all introduce themselves within this time, none more often than this. */
const introduceMilliseconds = 2000;
/** A factory that has not announced itself for so long is no longer asked. */
const forgetMilliseconds = 3_600_000;
const mostFactories = 10_000;

export interface DiscoveryOptions {
  readonly group: string;
  readonly port: number;
  /** Address of the interface to use; absent: as the routes say. */
  readonly address?: string;
  readonly announcement: () => Uint8Array;
  /** The factory that an announcement comes from; undefined: none that is believed. */
  readonly heard: (payload: Uint8Array, from: Endpoint) => { readonly factory: string; readonly endpoint: Endpoint } | undefined;
  /** Factories have come or gone. */
  readonly onChange: () => void;
  readonly random?: () => number;
}

/** Finds the factories of a space by announcements to a multicast group. What fails is a fault to be shown, never an exception. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #found = new Map<string, { endpoint: Endpoint; heardAt: number }>();
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #closed = false;
  #fault: string | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  get factories(): readonly string[] {
    return [...this.#found.keys()];
  }

  endpointOf(factory: string): Endpoint | undefined {
    return this.#found.get(factory)?.endpoint;
  }

  async open(): Promise<void> {
    const { group, port, address } = this.#options;
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    try {
      socket.bind(port);
      await once(socket, 'listening');
      socket.on('error', (error) => this.#failed(error));
      socket.on('message', (payload, from) => this.#heard(payload, { host: from.address, port: from.port }));
      socket.addMembership(group, address);
      if (address !== undefined) socket.setMulticastInterface(address);
      socket.setMulticastTTL(8);
      if (this.#closed) return void socket.close();
      this.#socket = socket;
      this.#fault = undefined;
      this.#announce();
    } catch (error) {
      socket.close();
      this.#failed(error);
    }
    if (this.#closed) return;
    this.#timer = setTimeout(() => (this.#socket ? this.#regularly() : void this.open()), everyMilliseconds * (0.9 + this.#random() / 5));
    this.#timer.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
    this.#socket?.close();
    this.#socket = undefined;
  }

  #random(): number {
    return (this.#options.random ?? Math.random)();
  }

  #regularly(): void {
    this.#announce();
    const oldest = performance.now() - forgetMilliseconds;
    const before = this.#found.size;
    for (const [name, { heardAt }] of this.#found) if (heardAt < oldest) this.#found.delete(name);
    if (this.#found.size !== before) this.#options.onChange();
    this.#timer = setTimeout(() => this.#regularly(), everyMilliseconds * (0.9 + this.#random() / 5));
    this.#timer.unref();
  }

  #announce(): void {
    const { group, port, announcement } = this.#options;
    this.#socket?.send(announcement(), port, group, (error) => {
      if (error) this.#failed(error);
      else this.#fault = undefined;
    });
  }

  #heard(payload: Uint8Array, from: Endpoint): void {
    const heard = this.#options.heard(payload, from);
    if (!heard) return;
    const known = this.#found.get(heard.factory);
    if (!known && this.#found.size >= mostFactories) return;
    this.#found.set(heard.factory, { endpoint: heard.endpoint, heardAt: performance.now() });
    if (known?.endpoint.host === heard.endpoint.host && known.endpoint.port === heard.endpoint.port) return;
    this.#options.onChange();
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#announce();
    }, introduceMilliseconds * this.#random()).unref();
  }

  #failed(error: unknown): void {
    const { group } = this.#options;
    const { code } = error as NodeJS.ErrnoException;
    const why = error instanceof Error ? error.message : String(error);
    this.#fault =
      code === 'ENETUNREACH' || code === 'ENODEV'
        ? `there is no multicast route to ${group} (${code}); run: ip route add 224.0.0.0/4 dev INTERFACE, or set vacquery_address to an address of the interface`
        : `multicast group ${group} cannot be used: ${why}`;
  }
}
