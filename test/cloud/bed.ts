import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { cloudsFile } from '../../src/providers/openstack/test-bed.ts';

/** Processes of the real OpenStack of test/openstack, by the names of their pid files. */
export type CloudService = 'rabbitmq' | 'nova-compute' | 'keystone';

/** Address of this host in the network of the cloud's guests. */
export const hostAddress = '10.77.0.1';

const state = (): string => dirname(cloudsFile ?? '');
const cachePort = 31_211;

/** kill -9 of one of its services; `repair` brings it back. */
export function killService(name: CloudService): void {
  const [pid = ''] = readFileSync(join(state(), 'pid', name), 'utf8')
    .trim()
    .split(' ');
  // Each was started in a session of its own; workers go with their master.
  process.kill(-Number(pid), 'SIGKILL');
}

/** Runs `up.sh` until everything answers again. Resolves with the seconds that it took. */
export async function repair(): Promise<number> {
  const began = performance.now();
  const script = join(import.meta.dirname, '..', 'openstack', 'up.sh');
  const child = spawn('bash', [script], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, OPENSTACK_STATE: state() } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  // Not `close`: what it starts keeps the pipes.
  const [code] = (await once(child, 'exit')) as [number | null];
  child.stdout.destroy();
  child.stderr.destroy();
  if (code !== 0) throw new Error(`up.sh ended with ${code}: ${said.slice(-2000)}`);
  return (performance.now() - began) / 1000;
}

/** Services forget which tokens they have seen to be good, as they do by themselves after five minutes. */
export async function forgetTokens(): Promise<void> {
  const socket = connect(cachePort, '127.0.0.1');
  socket.end('flush_all\r\nquit\r\n');
  socket.resume();
  await once(socket, 'close');
}
