import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importPKCS8, SignJWT } from 'jose';
import { readIni } from '../../core/config/ini.ts';
import type { Meets } from '../../core/jobs/classes.ts';
import { addLocalToken, createLocalTokens } from '../auth/local-tokens.ts';
import { makeTenantKey } from '../auth/tenant-keys.ts';
import { queuePlaces } from '../config/places.ts';
import { readQueue } from '../config/read.ts';
import type { QueueConfiguration } from '../config/settings.ts';
import { meetsOf } from '../open.ts';
import type { JobStore } from '../store.ts';
import { SqliteStore } from '../store/sqlite-store.ts';
import { FakeQueueClock, TestDirectory } from '../testing.ts';
import { siteFacts } from './advertiser.ts';
import { queueApp } from './app.ts';
import { type RunningQueue, serveQueue } from './serve.ts';

/** A queue server with two tenants, red and blue, on a clock of the test. */
export interface TestQueue extends AsyncDisposable {
  readonly directory: TestDirectory;
  readonly configuration: QueueConfiguration;
  readonly clock: FakeQueueClock;
  readonly running: RunningQueue;
  readonly log: readonly object[];
  /** Local tokens: `root` runs the queue; ann and amy are of red, bob is of blue. */
  readonly tokens: Readonly<Record<'root' | 'ann' | 'amy' | 'bob', string>>;
  /** Asks the app without a socket. */
  ask(method: string, path: string, about?: Asking): Promise<Response>;
  /** A token of a machine, made with the private key of its tenant. */
  machineToken(claims?: Readonly<Record<string, unknown>>, by?: string): Promise<string>;
  /** Opens a session for a machine and returns its secret. */
  session(machine?: string, claims?: Readonly<Record<string, unknown>>): Promise<string>;
  stop(): Promise<void>;
}

export interface Asking {
  readonly token?: string;
  readonly type?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestQueueOptions {
  readonly conf?: string;
  /** Of an earlier server, which goes on where that ended. */
  readonly directory?: TestDirectory;
  readonly clock?: FakeQueueClock;
  readonly store?: (path: string, meets: Meets) => JobStore;
}

const about = { hostName: 'queue.example.org', version: '0.0.0' };

export async function testQueue({
  conf = '',
  directory = new TestDirectory(),
  clock = new FakeQueueClock(),
  store: make,
}: TestQueueOptions = {}): Promise<TestQueue> {
  const places = queuePlaces(directory.path);
  for (const tenant of ['red', 'blue']) makeTenantKey(places, tenant);
  const { configuration, problems } = readQueue({
    files: [readIni('queue.conf', `[queue]\nlisten = 127.0.0.1:0\n${conf}`)],
    queueDir: directory.path,
    tenantsIn: () => ['blue', 'red'],
  });
  if (configuration === undefined) throw new Error(JSON.stringify(problems));
  createLocalTokens(places.tokens, 'root');
  const root = readFileSync(places.tokens, 'utf8').trim().split('\n').at(-1)?.split(' ')[0] ?? '';
  const tokens = {
    root,
    ann: addLocalToken(places.tokens, 'ann', ['red']),
    amy: addLocalToken(places.tokens, 'amy', ['red']),
    bob: addLocalToken(places.tokens, 'bob', ['blue']),
  };
  const path = join(directory.path, 'queue.sqlite');
  const meets = meetsOf(configuration, siteFacts({ configuration, ...about }));
  const store = make?.(path, meets) ?? new SqliteStore(path, { meets });
  await store.open();
  const log: object[] = [];
  const write = (fields: object, message: string): void => void log.push({ ...fields, message });
  const running = await serveQueue({ configuration, store, log: { info: write, warn: write }, user: 'root', clock, ...about });
  const app = queueApp(running.deps);
  let stopped: Promise<void> | undefined;
  let nonces = 0;

  const queue: TestQueue = {
    directory,
    configuration,
    clock,
    running,
    log,
    tokens,
    async ask(method, target, { token, type, body, headers } = {}) {
      return app.request(target, {
        method,
        headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }), ...(type !== undefined && { 'content-type': type }) },
        ...(body !== undefined && { body: body as string }),
      });
    },
    async machineToken(claims = {}, by = 'red') {
      const now = Math.floor(clock.now() / 1000);
      const whole = {
        iss: 'factory.example.org',
        sub: 'machine-1',
        aud: 'vacua-queue',
        jti: `token ${++nonces}`,
        iat: now,
        nbf: now,
        exp: now + 7200,
        tenant: 'red',
        site: 'lab.example.org',
        machinetype: 'red-prod',
        environments: [],
        ...claims,
      };
      const key = await importPKCS8(readFileSync(places.privateKey(by), 'utf8'), 'EdDSA');
      return new SignJWT(whole).setProtectedHeader({ alg: 'EdDSA' }).sign(key);
    },
    async session(machine = 'machine-1', claims = {}) {
      const token = await queue.machineToken({ sub: machine, ...claims }, String(claims['tenant'] ?? 'red'));
      const answer = await queue.ask('POST', '/agent/v1/sessions', { token, body: `nonce=${String(++nonces).padStart(32, '0')}\n` });
      return (await answer.text()).trim().replace(/^session=/, '');
    },
    stop: () => (stopped ??= running.stop()),
    async [Symbol.asyncDispose]() {
      await queue.stop();
      directory[Symbol.dispose]();
    },
  };
  return queue;
}

export const jdl = (text: string): Asking => ({ type: 'application/vnd.jdl', body: text });
/** What an agent says that has room for everything. */
export const facts = 'processors=4\nmemory_mb=4000\ndisk_mb=10000\ntime_left=7000\n';

/** The header lines of a job, and its script. */
export async function readJob(answer: Response): Promise<{ readonly fields: URLSearchParams; readonly script: string }> {
  const text = await answer.text();
  const end = text.indexOf('\n\n');
  const fields = new URLSearchParams();
  for (const line of text.slice(0, end).split('\n')) fields.append(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
  return { fields, script: text.slice(end + 2) };
}
