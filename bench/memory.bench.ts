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

/** Resident MiB of a process, as the kernel counts it. */
const residentMib = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** Seconds of CPU that a process has used, all threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / clockTick;
}

/** Resident memory and idle CPU of a whole daemon with 200 simulated machines, their guests included, seen from outside. */
export async function run(): Promise<BenchResult[]> {
  const floor = residentMib(process.pid);
  const daemon = fork(join(import.meta.dirname, 'memory-factory.ts'), [String(machines)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const pid = daemon.pid ?? 0;
  try {
    const began = performance.now();
    await Promise.race([once(daemon, 'message'), once(daemon, 'exit').then(([code]) => Promise.reject(new Error(`the daemon ended with ${code}`)))]);
    const filled = (performance.now() - began) / 1000;
    await pause(settleMilliseconds);
    const before = cpuSeconds(pid);
    let most = 0;
    for (let second = 0; second < watchSeconds; second++) {
      await pause(1000);
      most = Math.max(most, residentMib(pid));
    }
    const percent = (100 * (cpuSeconds(pid) - before)) / watchSeconds;
    return [
      atMost('resident memory, 200 sim machines', most, 'MiB', 120, { floor, note: 'floor: Node with the bench alone' }),
      atMost('idle CPU, 200 sim machines', percent, '% of a core', 1),
      shown('start of 200 sim machines', filled, 's', { note: 'simulated boot of 2 s and start of the daemon included' }),
    ];
  } finally {
    if (daemon.connected) daemon.disconnect();
    if (daemon.exitCode === null) await once(daemon, 'exit');
  }
}
