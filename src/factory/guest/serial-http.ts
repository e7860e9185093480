import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionWatch } from './connections.ts';

/** One request of one owner. `awaitsContinue`: the body comes only after `writeContinue`. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly awaitsContinue: boolean;
}

/** Requests on one connection before it is closed; bounds what a guest can queue up by pipelining. */
const requestsPerConnection = 100;
const headBytes = 8192;

/**
 * One HTTP parser for the connections of many owners. It never listens: connections are handed to it by the owners' own sockets,
 * which is how it knows whose they are. Requests of one connection are answered one after the other; all deadlines are the watch's.
 */
export class SerialHttp<Owner> {
  readonly #http: Server;
  readonly #watch: ConnectionWatch;
  readonly #answer: (owner: Owner, exchange: Exchange) => Promise<void>;
  readonly #owners = new WeakMap<Socket, Owner>();
  /** End of the last request of each connection. */
  readonly #tails = new WeakMap<Socket, Promise<void>>();

  constructor(watch: ConnectionWatch, answer: (owner: Owner, exchange: Exchange) => Promise<void>) {
    this.#watch = watch;
    this.#answer = answer;
    this.#http = createServer({ maxHeaderSize: headBytes, requireHostHeader: false, keepAliveTimeout: 0 });
    this.#http.maxRequestsPerSocket = requestsPerConnection;
    // Some clients close their side as soon as they have asked.
    Object.assign(this.#http, { httpAllowHalfOpen: true });
    this.#http.on('request', (req, res) => this.#enqueue({ req, res, awaitsContinue: false }));
    this.#http.on('checkContinue', (req, res) => this.#enqueue({ req, res, awaitsContinue: true }));
  }

  accept(owner: Owner, socket: Socket): void {
    this.#owners.set(socket, owner);
    this.#watch.add(socket, 'head');
    this.#http.emit('connection', socket);
  }

  #enqueue(exchange: Exchange): void {
    const { socket } = exchange.req;
    this.#tails.set(
      socket,
      (this.#tails.get(socket) ?? Promise.resolve()).then(() => this.#serve(exchange, socket)),
    );
  }

  async #serve(exchange: Exchange, socket: Socket): Promise<void> {
    const owner = this.#owners.get(socket);
    if (owner === undefined || socket.destroyed) return;
    this.#watch.enter(socket, 'request');
    const closed = new Promise<void>((resolve) => exchange.res.once('close', () => resolve()));
    try {
      await this.#answer(owner, exchange);
    } catch {
      // The guest has gone in the middle, or its files cannot be read. There is nobody to tell but the guest.
      if (exchange.res.headersSent) socket.destroy();
      else exchange.res.writeHead(500, { 'content-length': '0', connection: 'close' }).end();
    }
    await closed;
    this.#watch.enter(socket, 'head');
  }
}
