import { open } from 'node:fs/promises';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { guestSocketName, serviceSocket } from '../providers/contract.ts';
import type { SimGuest } from '../providers/sim/world.ts';
import { integrate } from './job.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One request from inside a machine to the socket `name`, which is all of the network that it has. */
type Ask = (name: string, method: 'GET' | 'PUT' | 'POST', path: string, body?: string) => Promise<Answer>;

/**
 * The agent of agent.sh for machines that are not booted: fetches the same user data and speaks the same protocol through
 * the machine's own sockets. `work`: milliseconds that a job appears to take.
 */
export const agentGuest =
  (work: number): SimGuest =>
  async ({ order, asked, gone }) => {
    const over = AbortSignal.any([asked, gone]);
    // Through a descriptor, because the path of a socket may not be longer than 107 bytes (unix(7)).
    const directory = await open(order.directory);
    const ask: Ask = (name, method, path, body) => askOnce(`/proc/self/fd/${directory.fd}/${name}`, method, path, over, body);
    try {
      const message = await live(ask, () => sleep(work, undefined, { signal: over }), over);
      await ask(guestSocketName, 'PUT', '/joboutputs/shutdown_message', message);
    } catch (error) {
      // Asked to end, or removed: no more words from this machine. Anything else is a fault of the guest.
      if (!over.aborted) throw error;
    } finally {
      await directory.close();
    }
    return 'power-off';
  };

/** Resolves to the shutdown message. */
async function live(ask: Ask, work: () => Promise<unknown>, signal: AbortSignal): Promise<string> {
  const heartbeat = (text: string): Promise<Answer> => ask(guestSocketName, 'PUT', '/joboutputs/heartbeat', text);
  const { text: userData } = await ask(guestSocketName, 'GET', '/latest/user-data');
  const start = await ask(guestSocketName, 'GET', '/jobfeatures/jobstart_secs');
  if (start.status !== 200) return '500 no machine or job features';
  await heartbeat('started\n');
  const queue = serviceSocket(Number(new URL(variable(userData, 'QUEUE')).port));
  const jobs = Number(variable(userData, 'JOBS'));
  for (let count = 0; count < jobs; count++) {
    const lease = await ask(queue, 'POST', '/leases');
    if (lease.status === 204) return `300 no more work, ${count} jobs done`;
    if (lease.status !== 201) return `600 the queue answered ${lease.status}`;
    const [token, , kind, seed, points] = lease.text.trim().split(' ');
    if (kind === 'hang') await sleep(3_600_000, undefined, { signal });
    await work();
    const { hits, state } = integrate({ seed: Number(seed), points: Number(points) });
    await ask(queue, 'PUT', `/leases/${token}/result`, `${hits} ${state}\n`);
    await heartbeat(`${count + 1}\n`);
  }
  return `200 ${jobs} jobs done`;
}

/** `NAME='VALUE'` from the head of agent.sh, after substitution. */
const variable = (userData: string, name: string): string => new RegExp(`^${name}='([^']*)'$`, 'm').exec(userData)?.[1] ?? '';

function askOnce(socketPath: string, method: string, path: string, signal: AbortSignal, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host: '169.254.169.253', connection: 'close', ...(method === 'PUT' ? { 'content-length': body.length } : {}) };
    const call = request({ socketPath, method, path, headers, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}
