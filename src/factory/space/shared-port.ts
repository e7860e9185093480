import type { Datagram, Endpoint } from '../../core/space/types.ts';
import { replyBytes } from '../../core/vacquery/limits.ts';
import { at, parseObject } from '../../core/vacquery/json.ts';
import { SpaceSocket } from './socket.ts';

export type Answerer = (payload: Uint8Array, from: Endpoint) => readonly Datagram[];

export interface PortOptions {
  readonly port: number;
  readonly address?: string;
}

/**
 * Questions to any of the spaces of a daemon arrive at one UDP port, and name their space. The socket is that of the host's own space while it
 * has one; otherwise one is opened here, if a space at a cloud is to be asked from elsewhere.
 */
export class SharedPort {
  readonly #spaces = new Map<string, { readonly answer: Answerer; readonly wants?: PortOptions }>();
  #lent = false;
  #socket: SpaceSocket | undefined;
  #open = '';

  /** `wants`: the port is opened for this space, not only used where it is open anyway. */
  add(space: string, answer: Answerer, wants?: PortOptions): void {
    this.#spaces.set(space, { answer, ...(wants && { wants }) });
    this.#follow();
  }

  remove(space: string): void {
    this.#spaces.delete(space);
    this.#follow();
  }

  /** What is to be said to a datagram about one of these spaces; undefined: it is about none of them. */
  answer(payload: Uint8Array, from: Endpoint): readonly Datagram[] | undefined {
    if (this.#spaces.size === 0 || payload.length > replyBytes) return undefined;
    const object = parseObject(payload);
    const space = object && at(object, 'space');
    return typeof space === 'string' ? this.#spaces.get(space)?.answer(payload, from) : undefined;
  }

  /** The host's own space has a socket from now on, or no longer. */
  lend(lent: boolean): void {
    this.#lent = lent;
    this.#follow();
  }

  /** Why the port is not ours; undefined: it is, or is not wanted. */
  get fault(): string | undefined {
    return this.#socket?.fault;
  }

  close(): void {
    this.#spaces.clear();
    this.#follow();
  }

  #follow(): void {
    const wanted = this.#lent ? undefined : [...this.#spaces.values()].find(({ wants }) => wants !== undefined)?.wants;
    const mark = wanted === undefined ? '' : JSON.stringify(wanted);
    if (mark === this.#open) return;
    this.#open = mark;
    this.#socket?.close();
    this.#socket = undefined;
    if (wanted === undefined) return;
    const socket = new SpaceSocket({
      ...wanted,
      environment: process.env,
      onDatagram: (payload, from) => socket.send(this.answer(payload, from) ?? []),
    });
    this.#socket = socket;
    void socket.open();
  }
}
