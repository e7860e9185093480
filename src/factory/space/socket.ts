import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Datagram, Endpoint } from '../../core/space/types.ts';

/** As the reference asks for; the kernel gives at most net.core.rmem_max and wmem_max (spec/vacquery.md §1). */
const bufferBytes = 16 * 1024 * 1024;
const retryMilliseconds = 30_000;
/** Descriptor of the first socket that a service manager passes on. */
const activatedFd = 3;

export interface SocketOptions {
  readonly port: number;
  /** Absent: all addresses. */
  readonly address?: string;
  readonly onDatagram: (payload: Uint8Array, from: Endpoint) => void;
  /** The socket of a service manager is used when it has passed one on to this process. */
  readonly environment?: { readonly LISTEN_PID?: string | undefined; readonly LISTEN_FDS?: string | undefined };
}

/**
 * The one UDP socket of a factory, for questions and answers, open for the life of the daemon. When its port cannot be had,
 * questions leave from another one, so that the factory still sees its space, and the port is tried again; nothing here throws.
 */
export class SpaceSocket {
  readonly #options: SocketOptions;
  #socket: Socket | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #fault: string | undefined;
  /** Datagrams that the kernel did not take. */
  unsent = 0;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  /** Why the port is not ours; undefined: it is. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get port(): number | undefined {
    return this.#socket?.address().port;
  }

  /** Resolves when the socket is open, on its port or, with a fault, on another one. */
  async open(): Promise<void> {
    const { port, environment } = this.#options;
    const activated = environment?.LISTEN_PID === String(process.pid) && Number(environment.LISTEN_FDS) >= 1;
    try {
      // A descriptor serves once: when the space is opened again after a change, the port is taken as without one.
      this.#use(await (activated ? this.#bound({ fd: activatedFd }).catch(() => this.#bound({ port })) : this.#bound({ port })));
    } catch (error) {
      this.#fault = bindFault(error, port, this.#options.address);
      const other = await this.#bound({ port: 0 }).catch(() => undefined);
      if (other) this.#use(other, this.#fault);
      if (!this.#closed) this.#tryAgain();
    }
  }

  /** Replaces the socket in use; one that comes after `close` is closed at once. */
  #use(socket: Socket, fault?: string): void {
    if (this.#closed) return void socket.close();
    this.#socket?.close();
    this.#socket = socket;
    this.#fault = fault;
  }

  send(datagrams: readonly Datagram[]): void {
    const socket = this.#socket;
    for (const { to, payload } of datagrams) {
      try {
        if (socket) socket.send(payload, to.port, to.host);
        else this.unsent += 1;
      } catch {
        this.unsent += 1; // an address that the kernel does not know
      }
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #bound(where: { readonly port: number } | { readonly fd: number }): Promise<Socket> {
    const socket = createSocket({
      type: 'udp4',
      // Addresses are given as numbers, so no look-up is due and datagrams leave at once.
      lookup: (name, _options, found) => found(null, name, 4),
    });
    const { address } = this.#options;
    const listening = once(socket, 'listening'); // before `bind`, which says so at once when no look-up is due
    socket.bind('fd' in where ? where : { ...where, ...(address !== undefined && { address }), exclusive: true });
    try {
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    // Only now: a message to a host that has gone must not end the socket.
    socket.on('error', () => {
      this.unsent += 1;
    });
    socket.on('message', (payload, from) => this.#options.onDatagram(payload, { host: from.address, port: from.port }));
    for (const set of ['setRecvBufferSize', 'setSendBufferSize'] as const) {
      try {
        socket[set](bufferBytes);
      } catch {
        // the kernel's default stays
      }
    }
    return socket;
  }

  #tryAgain(): void {
    this.#retry = setTimeout(async () => {
      try {
        this.#use(await this.#bound({ port: this.#options.port }));
      } catch (error) {
        this.#fault = bindFault(error, this.#options.port, this.#options.address);
        if (!this.#closed) this.#tryAgain();
      }
    }, retryMilliseconds);
    this.#retry.unref();
  }
}

/** Why a port could not be had, and what to do about it. */
export function bindFault(error: unknown, port: number, address: string | undefined): string {
  const { code } = error as NodeJS.ErrnoException;
  const where = `UDP port ${port}${address === undefined ? '' : ` of ${address}`}`;
  if (code === 'EACCES') {
    return (
      `${where} needs a privilege that this process has not: give it CAP_NET_BIND_SERVICE (AmbientCapabilities= of its systemd service, or ` +
      'setcap cap_net_bind_service=+ep on its node binary), let systemd open the socket (ListenDatagram=), or set vacquery_port above 1023 on all factories. ' +
      'Until then other factories cannot ask this one'
    );
  }
  if (code === 'EADDRINUSE')
    return `${where} is taken by another program, perhaps vacd or a second vacua; other factories cannot ask this one until it is free`;
  if (code === 'EADDRNOTAVAIL') return `${where} cannot be had: this host has no such address; see vacquery_address`;
  return `${where} cannot be had (${error instanceof Error ? error.message : String(error)})`;
}
