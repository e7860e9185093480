import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { atMost, type BenchResult, shown } from './result.ts';

const machines = 200;
/** After the last start, until heartbeats and garbage of the filling are behind it. */
const settleMilliseconds = 15_000;
const watchSeconds = 30;
const clockTick = 100; // USER_HZ, fixed in Linux's interface

/** How bin/vacua runs its Node. */
function vacuaFlags(): string[] {
  const flags = /exec "\$node" (.*) "\$root/.exec(readFileSync(join(import.meta.dirname, '../bin/vacua'), 'utf8'))?.[1];
  if (flags === undefined) throw new Error('bin/vacua: no line that begins Node with its flags');
  return flags.split(' ');
}

/** Resident MiB of a process, as the kernel counts it. */
const residentMib = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** Seconds of CPU that a process has used, all threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / clockTick;
}

const compileCache = join(import.meta.dirname, '../var/compile-cache');

/** A daemon as bin/vacua runs it; resolves when all its machines are at work. */
async function daemonWith(count: number): Promise<{ readonly pid: number; end(): Promise<void> }> {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
  const child = fork(join(import.meta.dirname, 'memory-factory.ts'), [String(count)], { execArgv: vacuaFlags(), env });
  await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => Promise.reject(new Error(`the daemon ended with ${code}`)))]);
  return {
    pid: child.pid ?? 0,
    async end() {
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
}

/** Resident memory and idle CPU of a whole daemon with 200 simulated machines, their guests included, seen from outside. */
export async function run(): Promise<BenchResult[]> {
  await (await daemonWith(1)).end(); // fills the compile cache: the first start after an upgrade is 20 MiB larger
  const small = await daemonWith(1);
  await pause(1000);
  const floor = residentMib(small.pid);
  await small.end();

  const began = performance.now();
  const daemon = await daemonWith(machines);
  const filled = (performance.now() - began) / 1000;
  try {
    await pause(settleMilliseconds);
    const before = cpuSeconds(daemon.pid);
    let most = 0;
    for (let second = 0; second < watchSeconds; second++) {
      await pause(1000);
      most = Math.max(most, residentMib(daemon.pid));
    }
    const percent = (100 * (cpuSeconds(daemon.pid) - before)) / watchSeconds;
    return [
      atMost('resident memory, 200 sim machines', most, 'MiB', 120, { floor, note: 'floor: the same daemon with one machine' }),
      atMost('idle CPU, 200 sim machines', percent, '% of a core', 1),
      shown('start of 200 sim machines', filled, 's', { note: 'start of the daemon and a simulated boot of 2 s included' }),
    ];
  } finally {
    await daemon.end();
  }
}
