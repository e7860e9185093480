import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { guestSocketName, serviceSocket } from '../providers/contract.ts';
import type { SimGuest } from '../providers/sim/world.ts';
import { hangMark, integrate, resultFile } from './job.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One request from inside a machine to the socket `name`, which is all of the network that it has. */
type Ask = (name: string, method: 'GET' | 'PUT' | 'POST', path: string, body?: string, token?: string) => Promise<Answer>;

/** Jobs that a simulated machine does before it ends. */
const jobsPerMachine = 3;

/**
 * What the agent does, for machines that are not booted: fetches the same user data and speaks the same protocol (src/queue/agent-protocol.md) through
 * the machine's own sockets. `work`: milliseconds that a job appears to take.
 */
export const agentGuest =
  (work: number): SimGuest =>
  async ({ order, asked, gone }) => {
    const over = AbortSignal.any([asked, gone]);
    // Through a descriptor, because the path of a socket may not be longer than 107 bytes (unix(7)).
    const directory = await open(order.directory);
    const ask: Ask = (name, method, path, body, token) =>
      askOnce({ socketPath: `/proc/self/fd/${directory.fd}/${name}`, method, path, signal: over }, body, token);
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
  const queue = serviceSocket(Number(new URL(variable(userData, 'queue')).port));
  const opened = await ask(queue, 'POST', '/agent/v1/sessions', `nonce=${randomBytes(16).toString('hex')}\n`, variable(userData, 'token'));
  if (opened.status !== 201) return `500 the queue does not accept the token of this machine: ${opened.text}`;
  const session = opened.text.trim().replace(/^session=/, '');
  for (let count = 0; count < jobsPerMachine; count++) {
    const given = await ask(queue, 'POST', '/agent/v1/jobs?wait=0', 'processors=1\nmemory_mb=128\ntime_left=600\n', session);
    if (given.status === 204) return count === 0 ? '300 no job for this machine' : `200 ${count} jobs done`;
    if (given.status !== 200) return `600 the queue answered ${given.status}`;
    const lease = `/agent/v1/leases/${/^lease=(.*)$/m.exec(given.text)?.[1] ?? ''}`;
    await ask(queue, 'POST', `${lease}/begin`, '', session);
    if (given.text.includes(`${hangMark}=`) && given.text.includes("VACUA_JOB_RUN='1'")) await sleep(3_600_000, undefined, { signal });
    await work();
    const { hits, state } = integrate({ seed: argument(given.text, 'seed'), points: argument(given.text, 'n') });
    await ask(queue, 'PUT', `${lease}/outputs/${resultFile}`, `${hits} ${state}\n`, session);
    await ask(queue, 'POST', `${lease}/finish`, 'result=exited\nexit=0\nwall=0\n', session);
    await heartbeat(`${count + 1}\n`);
  }
  return `200 ${jobsPerMachine} jobs done`;
}

/** `-v NAME=NUMBER` among the arguments of awk in the script of a job. */
const argument = (script: string, name: string): number => Number(new RegExp(`'${name}=(\\d+)'`).exec(script)?.[1]);

/** `NAME='VALUE'` from the head of the agent, after substitution. */
const variable = (userData: string, name: string): string => new RegExp(`^${name}='([^']*)'$`, 'm').exec(userData)?.[1] ?? '';

interface Request {
  readonly socketPath: string;
  readonly method: string;
  readonly path: string;
  readonly signal: AbortSignal;
}

function askOnce(to: Request, body = '', token?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const headers = { host: '169.254.169.253', connection: 'close', ...(to.method === 'GET' ? {} : { 'content-length': body.length }), ...authorization };
    const call = request({ ...to, headers }, (response) => {
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
