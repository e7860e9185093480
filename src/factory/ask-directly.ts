import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import type { FactoryAnswer } from '../core/space/census.ts';
import { createSpaceMember } from '../core/space/member.ts';
import type { Counters } from '../core/space/options.ts';
import type { Datagram, Endpoint } from '../core/space/types.ts';
import { type Instant, instant, seconds } from '../core/units.ts';
import type { AskedKind } from '../core/vacquery/query.ts';
import type { SpaceKey } from '../core/vacquery/seal.ts';
import { version } from './version.ts';

/** Bytes of answers that may wait in the kernel; it gives less to an ordinary user, which the pacing of the questions allows for. */
const receiveBuffer = 4 * 1024 * 1024;
/** Names that take longer than this to resolve are asked as soon as they do, within what is left of the time. */
const resolveMs = 500;

export interface DirectQuestion {
  readonly kind: AskedKind;
  readonly space: string;
  /** Canonical names. */
  readonly factories: readonly string[];
  readonly port: number;
  /** Seconds in which they may answer. */
  readonly within: number;
  readonly keys: readonly SpaceKey[];
  readonly acceptUnsignedFrom: readonly string[];
}

export interface DirectAnswers {
  readonly answers: readonly FactoryAnswer[];
  readonly addresses: ReadonlyMap<string, string>;
  /** Why there is no address, for names that do not resolve. */
  readonly unresolved: ReadonlyMap<string, string>;
  readonly rejected: Counters['rejected'];
}

/**
 * Asks factories once from a port of its own, without a daemon (spec/vacquery.md §7). Resolves when all have answered, when the time is
 * over, or when the signal aborts. Rejects only when no socket can be had.
 */
export async function askDirectly(question: DirectQuestion, signal: AbortSignal, resolve: Lookup = systemLookup): Promise<DirectAnswers> {
  const names = new Names(question.factories, question.port, resolve);
  await Promise.race([names.resolved, pause(resolveMs, signal)]);
  const socket = await opened();
  try {
    return await round(question, names, socket, signal);
  } finally {
    socket.close();
  }
}

/** Wall clocks may be set; this one only runs. */
const now = (): Instant => instant(Math.floor(performance.timeOrigin + performance.now()));

async function round(question: DirectQuestion, names: Names, socket: Socket, signal: AbortSignal): Promise<DirectAnswers> {
  const { kind, space, factories, within, keys, acceptUnsignedFrom } = question;
  const settings = { space, factory: '', factories: [], version: `Vacua ${version}`, refresh: seconds(60), udpTimeout: seconds(within), push: false };
  const tools = {
    digest: (text: string) => createHash('sha256').update(text).digest('hex'),
    salt: () => randomBytes(32).toString('base64'),
    random: Math.random,
    session: randomBytes(6).toString('hex'),
    addressOf: (name: string) => names.endpoints.get(name),
  };
  const member = createSpaceMember({ ...settings, keys, acceptUnsignedFrom: new Set(acceptUnsignedFrom) }, tools, now());
  const census = member.ask(kind, { factories, within }, now());
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const tick = (): void => {
      send(socket, member.tick(now()));
      if (census.done) return finish();
      clearTimeout(timer);
      timer = setTimeout(tick, Math.min(Math.max(1, member.nextTick - now()), within * 1000));
    };
    socket.on('message', (payload, { address, port }) => {
      // It has nothing to tell, so whatever it would say to a query is left unsaid.
      member.receive(payload, { host: address, port }, now());
      if (census.done) finish();
    });
    signal.addEventListener('abort', finish, { once: true });
    if (signal.aborted) finish();
    else tick();
  });
  socket.removeAllListeners('message');
  const silent = (factory: string): FactoryAnswer => ({ factory, answered: 'silent', version: '', machinetypes: [], machines: [] });
  const asked = [...new Set(factories)];
  return {
    answers: asked.map((factory) => census.answers.get(factory) ?? silent(factory)),
    addresses: new Map([...names.endpoints].map(([name, { host }]) => [name, host])),
    unresolved: names.failures,
    rejected: member.counters.rejected,
  };
}

/** The IPv4 address of a name. */
export type Lookup = (name: string) => Promise<string>;
const systemLookup: Lookup = async (name) => (await lookup(name, 4)).address;

/** Addresses of names, each looked up once. */
class Names {
  readonly endpoints = new Map<string, Endpoint>();
  readonly failures = new Map<string, string>();
  readonly resolved: Promise<unknown>;
  readonly #lookup: Lookup;
  constructor(names: readonly string[], port: number, resolve: Lookup) {
    this.#lookup = resolve;
    for (const name of names) this.failures.set(name, 'the name server has not answered');
    this.resolved = Promise.all(names.map((name) => this.#resolve(name, port)));
  }
  async #resolve(name: string, port: number): Promise<void> {
    try {
      const host = isIPv4(name) ? name : await this.#lookup(name);
      this.failures.delete(name);
      this.endpoints.set(name, { host, port });
    } catch (error) {
      this.failures.set(name, `its name does not resolve (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
    }
  }
}

function opened(): Promise<Socket> {
  const socket = createSocket('udp4');
  // A host that is unreachable is silent, which is answer enough.
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, () => {
      socket.off('error', reject);
      socket.on('error', () => undefined);
      try {
        socket.setRecvBufferSize(receiveBuffer);
      } catch {
        // The size that the kernel gives has to do.
      }
      resolve(socket);
    });
  });
}

function send(socket: Socket, datagrams: readonly Datagram[]): void {
  for (const { to, payload } of datagrams) socket.send(payload, to.port, to.host, () => undefined);
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
