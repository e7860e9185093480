import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';

/** A PostgreSQL of its own for tests: a cluster in a temporary directory that listens on a unix socket alone. */
export interface TestPostgres {
  /** Creates an empty database and returns its URL. */
  database(name: string): Promise<string>;
  /** As an administrator does it: open connections are ended. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes everything. */
  close(): Promise<void>;
}

const where = '/usr/lib/postgresql';
/** The server refuses to run as root; Debian's package brings a user for it. */
const user = 'postgres';

function programs(): string | undefined {
  const versions = existsSync(where) ? readdirSync(where).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((v) => join(where, v, 'bin')).find((bin) => existsSync(join(bin, 'postgres')) && existsSync(join(bin, 'initdb')));
}

/** Why tests with a real PostgreSQL cannot run here; false: they can. For the `skip` of a test, which prints it. */
export function withoutPostgres(): string | false {
  return programs() === undefined ? `no PostgreSQL in ${where}; install Debian's package postgresql` : false;
}

/** As the user of PostgreSQL where this process is root. The kernel ends it with this process, however that ends. */
const asUser = (program: string, args: readonly string[]): [string, string[]] => [
  'setpriv',
  ['--pdeathsig=INT', ...(process.getuid?.() === 0 ? [`--reuid=${user}`, `--regid=${user}`, '--clear-groups'] : []), program, ...args],
];

async function ownerId(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (flag: string): Promise<number> => {
    const child = spawn('id', [flag, user], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await once(child, 'close');
    return Number(text);
  };
  return { uid: await id('-u'), gid: await id('-g') };
}

/** `durable`: waits for the disk as in earnest; tests need not. */
export async function testPostgres({ durable = false }: { readonly durable?: boolean } = {}): Promise<TestPostgres> {
  const bin = programs();
  if (bin === undefined) throw new Error(String(withoutPostgres()));
  const dir = mkdtempSync(join(tmpdir(), 'vacua-pg-'));
  const owner = await ownerId();
  if (owner !== undefined) chownSync(dir, owner.uid, owner.gid);
  const data = join(dir, 'data');
  const initdb = spawn(...asUser(join(bin, 'initdb'), ['-D', data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']), {
    cwd: dir,
    stdio: 'ignore',
  });
  const [code] = (await once(initdb, 'close')) as [number | null];
  if (code !== 0) throw new Error(`initdb ended with ${code}`);
  const url = (name: string): string => `postgres://${user}@localhost/${name}?host=${dir}`;
  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${dir}`,
    'max_connections=60',
    ...(durable ? ['shared_buffers=256MB'] : ['shared_buffers=64MB', 'fsync=off']),
  ];
  let server: ChildProcess | undefined;

  /** Runs one statement as soon as the server lets it. */
  async function administer(statement: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      const client = new Client({ connectionString: url('postgres') });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.query(statement);
        return;
      } catch (error) {
        if (tries > 300 || server?.exitCode !== null) throw error;
        await pause(50);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }
  async function start(): Promise<void> {
    server = spawn(...asUser(join(bin ?? '', 'postgres'), ['-D', data, ...settings.flatMap((s) => ['-c', s])]), { cwd: dir, stdio: 'ignore' });
    await administer('SELECT 1');
  }
  async function stop(): Promise<void> {
    if (server === undefined || server.exitCode !== null) return;
    const ended = once(server, 'close');
    server.kill('SIGINT');
    await ended;
  }
  /** Also when the tests end by an error. */
  const onExit = (): void => {
    server?.kill('SIGQUIT');
    rmSync(dir, { recursive: true, force: true });
  };
  process.on('exit', onExit);
  await start();
  return {
    start,
    stop,
    async database(name) {
      await administer(`CREATE DATABASE "${name}"`);
      return url(name);
    },
    async close() {
      process.off('exit', onExit);
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
