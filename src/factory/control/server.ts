import { chmodSync, mkdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { type Instant, instant } from '../../core/units.ts';
import type { SiteView } from '../site-view.ts';
import { controlApp } from './app.ts';
import type { ControlLog, EventStream } from './event-stream.ts';
import { ShortPath } from './socket.ts';

export interface ControlOptions {
  readonly site: SiteView;
  /** Usually `layout(stateDir).control`. */
  readonly socketPath: string;
  readonly log: ControlLog;
  readonly now?: () => Instant;
}

/** The control API on a unix socket that only the user of the daemon can open (mode 0600). */
export class ControlServer implements AsyncDisposable {
  readonly #options: ControlOptions;
  readonly #streams = new Set<EventStream>();
  #server: Server | undefined;
  #short: ShortPath | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /**
   * Begins to answer. The socket is made in a private directory and then renamed into place, so that nobody else can connect
   * in between and a stale socket is replaced in one step. Rejects when another process answers on it.
   */
  async listen(): Promise<void> {
    const { site, socketPath, log, now = () => instant(Date.now()) } = this.#options;
    if (await answers(socketPath)) throw new Error(`${socketPath}: another factory already answers on this socket; stop it first`);
    const app = controlApp({ site, log, now, streams: this.#streams });
    const server = createAdaptorServer({ fetch: app.fetch }) as Server;
    const workshop = join(dirname(socketPath), '.control');
    rmSync(workshop, { recursive: true, force: true }); // of a process that was killed right here
    mkdirSync(workshop, { mode: 0o700 });
    const made = join(workshop, basename(socketPath));
    // Kept until the server is closed: Node then removes this path, and its number must not have become another directory's.
    const short = new ShortPath(made);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(short.path, () => {
          server.off('error', reject);
          resolve();
        });
      });
      chmodSync(made, 0o600);
      renameSync(made, socketPath);
    } catch (error) {
      server.close(() => short[Symbol.dispose]());
      throw error;
    } finally {
      rmSync(workshop, { recursive: true, force: true });
    }
    this.#server = server;
    this.#short = short;
  }

  /** Ends event streams and connections and removes the socket. Does nothing when it does not listen. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    unlinkIfThere(this.#options.socketPath);
    for (const stream of this.#streams) stream.end();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    const late = setTimeout(() => server.closeAllConnections(), 1000);
    await closed;
    clearTimeout(late);
    this.#short?.[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Whether a process accepts connections on this socket. */
function answers(socketPath: string): Promise<boolean> {
  const short = new ShortPath(socketPath);
  return new Promise((resolve) => {
    const socket = connect(short.path);
    const done = (answer: boolean): void => {
      socket.destroy();
      short[Symbol.dispose]();
      resolve(answer);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
  });
}
