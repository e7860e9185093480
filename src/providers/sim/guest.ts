import { request } from 'node:http';
import { later, type Seconds, seconds } from '../../core/units.ts';
import type { EndCause } from '../../core/machine.ts';
import type { SimClock } from './clock.ts';
import { seeded, seedOf } from './script.ts';
import type { SimGuest } from './world.ts';

/** What a simulated guest does, read from its user data. */
export interface GuestScript {
  /** Age at which it ends. */
  readonly run: Seconds;
  readonly ends: EndCause;
  /** Its shutdown message; empty: it leaves none. */
  readonly message: string;
  /** Name of the job output that it renews every `every` seconds. */
  readonly heartbeat?: string;
  readonly every: Seconds;
}

const causes: readonly EndCause[] = ['power-off', 'reset', 'panic', 'vanished'];

/**
 * Reads a line such as `#sim run=120 ends=reset heartbeat=heartbeat every=30 message=300 Nothing to do`, `message` last.
 * Anything absent or unreadable takes its default: a run of one to ten minutes drawn from the id, power-off, `200 Success`.
 */
export function guestScript(userData: string, id: string): GuestScript {
  const line = /^#sim (.*)$/m.exec(userData)?.[1] ?? '';
  const message = /(?:^| )message=(.*)$/.exec(line)?.[1] ?? '200 Success';
  const words = new Map(
    line
      .replace(/(?:^| )message=.*$/, '')
      .split(' ')
      .map((word): [string, string] => [word.split('=')[0] ?? '', word.slice(word.indexOf('=') + 1)]),
  );
  const number = (name: string, fallback: number): Seconds => {
    const value = Number(words.get(name) ?? Number.NaN);
    return seconds(Number.isFinite(value) && value >= 0 ? value : fallback);
  };
  const heartbeat = words.get('heartbeat');
  return {
    run: number('run', 60 + 540 * seeded(seedOf(id))()),
    ends: causes.find((c) => c === words.get('ends')) ?? 'power-off',
    message,
    every: seconds(Math.max(1, number('every', 60))),
    ...(heartbeat === undefined ? {} : { heartbeat }),
  };
}

/** One request to the guest service; the body of a 2xx answer, or undefined. Never rejects. */
function ask(socketPath: string, method: 'GET' | 'PUT', host: string, path: string, body = ''): Promise<string | undefined> {
  return new Promise((resolve) => {
    const fail = (): void => resolve(undefined);
    const headers = { host, connection: 'close', ...(method === 'PUT' ? { 'content-length': Buffer.byteLength(body) } : {}) };
    const call = request({ socketPath, method, path, headers, timeout: 10_000 }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('error', fail);
      answer.on('end', () => resolve((answer.statusCode ?? 500) < 300 ? Buffer.concat(parts).toString() : undefined));
    });
    call.on('error', fail);
    call.on('timeout', () => call.destroy());
    call.end(body);
  });
}

/** Seconds for which a guest asks for its user data: after a restart of the daemon its world is there before the guest service is. */
const patience = 60;

async function userData(socketPath: string, pause: () => Promise<void>, over: AbortSignal): Promise<string> {
  for (let tries = 0; tries < patience && !over.aborted; tries++) {
    const text = await ask(socketPath, 'GET', '169.254.169.254', '/latest/user-data');
    if (text !== undefined) return text;
    await pause();
  }
  return '';
}

/** A guest as an agent would be: fetches its user data, renews its heartbeat, leaves a shutdown message, powers off. */
export const servedGuest =
  (clock: SimClock): SimGuest =>
  async ({ order, age, asked, gone }) => {
    const sleep = (duration: number, signal: AbortSignal): Promise<void> => clock.sleepUntil(later(clock.wall(), duration), signal);
    const put = (name: string, body: string): Promise<string | undefined> => ask(order.guestSocket, 'PUT', '169.254.169.253', `/joboutputs/${name}`, body);
    const over = AbortSignal.any([asked, gone]);
    const script = guestScript(await userData(order.guestSocket, () => sleep(1, over), over), order.id);
    while (age() < script.run && !over.aborted) {
      if (script.heartbeat !== undefined) await put(script.heartbeat, `${age()}\n`);
      const left = script.run - age();
      await sleep(script.heartbeat === undefined ? left : Math.min(script.every, left), over);
    }
    if (gone.aborted) return 'vanished';
    if (asked.aborted) return 'power-off';
    if (script.message !== '') await put('shutdown_message', script.message);
    return script.ends;
  };
