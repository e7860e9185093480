import type { Socket } from 'node:net';
import type { Seconds } from '../../core/units.ts';

export interface ConnectionLimits {
  /** Until a whole request head has come, and between two requests. */
  readonly headSeconds: number;
  /** A transfer must move `bytes` in every `seconds`, in either direction. Higher cuts slow guests sooner. */
  readonly pace: { readonly bytes: number; readonly seconds: number };
  /** One request with its answer. */
  readonly requestSeconds: number;
  /** Until a host service has accepted. */
  readonly connectSeconds: number;
  /** A connection to a host service on which nothing moves. */
  readonly idleSeconds: number;
  /** Open connections of one machine to the guest service; more are closed at once. */
  readonly perMachine: number;
  /** Open connections of one machine to one host service. */
  readonly perHostService: number;
}

export const connectionLimits: ConnectionLimits = {
  headSeconds: 10,
  pace: { bytes: 16_384, seconds: 30 },
  requestSeconds: 3600,
  connectSeconds: 10,
  idleSeconds: 900,
  perMachine: 32,
  perHostService: 64,
};

/** What a connection waits for, and so how long it may. */
export type Phase = 'head' | 'request' | 'connect' | 'relay';

interface Watched {
  phase: Phase;
  since: Seconds;
  /** Start of the present window and the bytes moved until then. */
  windowAt: Seconds;
  windowBytes: number;
}

/**
 * Deadlines of all open connections in one table, looked at together: no timer per connection or machine, and nothing at all
 * to do while no guest is connected. Time is monotonic, so that a step of the clock cuts nobody.
 */
export class ConnectionWatch {
  readonly #watched = new Map<Socket, Watched>();
  readonly #limits: ConnectionLimits;
  readonly #uptime: () => Seconds;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: ConnectionLimits, uptime: () => Seconds) {
    this.#limits = limits;
    this.#uptime = uptime;
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Watches a connection until it has closed. Its errors are nobody's concern: what follows is always the close. */
  add(socket: Socket, phase: Phase): void {
    this.#watched.set(socket, this.#start(socket, phase));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#watched.delete(socket);
      if (this.#watched.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    this.#timer ??= setInterval(() => this.sweep(), 1000).unref();
  }

  enter(socket: Socket, phase: Phase): void {
    if (this.#watched.has(socket)) this.#watched.set(socket, this.#start(socket, phase));
  }

  /** Cuts what is overdue. */
  sweep(): void {
    const now = this.#uptime();
    for (const [socket, watched] of this.#watched) if (this.#overdue(socket, watched, now)) socket.destroy();
  }

  close(): void {
    for (const socket of this.#watched.keys()) socket.destroy();
  }

  #start(socket: Socket, phase: Phase): Watched {
    const now = this.#uptime();
    return { phase, since: now, windowAt: now, windowBytes: moved(socket) };
  }

  #overdue(socket: Socket, watched: Watched, now: Seconds): boolean {
    const { headSeconds, connectSeconds, requestSeconds, idleSeconds, pace } = this.#limits;
    const age = now - watched.since;
    if (watched.phase === 'head') return age > headSeconds;
    if (watched.phase === 'connect') return age > connectSeconds;
    if (watched.phase === 'request' && age > requestSeconds) return true;
    const window = watched.phase === 'relay' ? { bytes: 1, seconds: idleSeconds } : pace;
    if (now - watched.windowAt <= window.seconds) return false;
    const bytes = moved(socket);
    if (bytes - watched.windowBytes < window.bytes) return true;
    watched.windowAt = now;
    watched.windowBytes = bytes;
    return false;
  }
}

/** Bytes that have gone through so far, both ways; what still waits in our buffers has not. */
const moved = (socket: Socket): number => socket.bytesRead + socket.bytesWritten - socket.writableLength;
