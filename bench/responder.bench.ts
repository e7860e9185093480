import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../src/factory/space/testing.ts';
import { atMost, type BenchResult, quantile } from './result.ts';

const rate = 1000;
const duration = 5;

interface Load {
  readonly sent: number;
  readonly unanswered: number;
  readonly latencies: readonly number[];
}

const start = (file: string, ...args: readonly (string | number)[]): ChildProcess =>
  fork(join(import.meta.dirname, file), args.map(String), { execArgv: process.execArgv });
const load = async (port: number, each: number, seconds: number): Promise<Load> =>
  ((await once(start('responder-load.ts', '127.22.0.1', port, '127.22.0.2', each, seconds), 'message')) as [Load])[0];

/** p99 of the same load on a bare socket: what the host and the load generator cost by themselves. */
async function floorLatency(): Promise<number> {
  const port = await freePort();
  const bare = start('responder-bare.ts', port);
  try {
    await once(bare, 'message');
    return quantile((await load(port, rate, 2)).latencies, 0.99);
  } finally {
    bare.disconnect();
  }
}

/** A factory with 64 machines of ten types is asked for machinetypes and machines in turn (docs/benchmarks.md). */
export async function run(): Promise<BenchResult[]> {
  const floor = await floorLatency();
  const port = await freePort();
  const factory = start('responder-factory.ts', port);
  const cpu = async (): Promise<number> => {
    factory.send('cpu');
    const [{ user, system }] = (await once(factory, 'message')) as [NodeJS.CpuUsage];
    return (user + system) / 1e6;
  };
  try {
    await once(factory, 'message');
    await load(port, 200, 1);
    const before = await cpu();
    const { sent, unanswered, latencies } = await load(port, rate, duration);
    const used = (await cpu()) - before;
    return [
      atMost('answer to a query, 64 machines, 1,000/s', quantile(latencies, 0.99), 'ms', 5, {
        floor,
        note: 'p99, until the last of 10 or 64 messages has come',
      }),
      atMost('queries not answered in full', (100 * unanswered) / sent, '%', 0, { note: `of ${sent}` }),
      atMost('CPU of the responder at 1,000/s', (100 * used) / duration, '% of a core', 30, { note: `${((1000 * used) / sent).toFixed(3)} ms per query` }),
    ];
  } finally {
    factory.disconnect();
  }
}
