import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from '../src/factory/space/testing.ts';
import { atMost, type BenchResult, shown } from './result.ts';

const factories = 1000;
const types = 2;
const dead = 0.01;
const loss = 0.01;

interface Refreshed {
  readonly wall: number;
  readonly cpu: number;
  readonly heard: number;
}

const start = (file: string, ...args: readonly number[]): ChildProcess =>
  fork(join(import.meta.dirname, file), args.map(String), { execArgv: process.execArgv });

/** A factory learns of 1,000 others on loopback addresses, 1 % of them dead and 1 % of all datagrams lost (docs/benchmarks.md). */
export async function run(): Promise<BenchResult[]> {
  const port = await freePort();
  const answerers = start('space-answerers.ts', port, factories, types, dead, loss);
  try {
    await once(answerers, 'message');
    const refresher = start('space-refresher.ts', port, factories, factories * dead);
    const [sent] = (await once(refresher, 'message')) as [readonly Refreshed[]];
    const [first, ...warm] = sent as readonly [Refreshed, ...Refreshed[]];
    const worst = (of: (r: Refreshed) => number): number => Math.max(...warm.map(of));
    const all = factories * (1 - dead);
    const missing = all - Math.min(...warm.map((r) => r.heard));
    const note = `${types} machinetypes; worst of ${warm.length}${missing > 0 ? `; ${missing} factories were never heard` : ''}`;
    const wall = atMost('refresh of 1,000 factories', missing > 0 ? Number.POSITIVE_INFINITY : worst((r) => r.wall), 's', 1, { note });
    return [
      wall,
      atMost(
        'refresh of 1,000 factories, CPU',
        worst((r) => r.cpu),
        's',
        0.2,
        { note: 'of the factory that asks, user and system' },
      ),
      shown('the same, first after a start', first.cpu, 's', { note: `CPU; ${first.wall.toFixed(2)} s in all` }),
    ];
  } finally {
    answerers.disconnect();
  }
}
