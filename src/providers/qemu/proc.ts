import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

/** What /proc says of a process. */
export interface ProcessFacts {
  readonly state: string;
  /** 0: it has no controlling terminal. */
  readonly terminal: number;
  /** Clock ticks after boot: with the process id and the boot, an identity that no other process ever has. */
  readonly startTicks: number;
  /** User and system time. */
  readonly cpuSeconds: number;
}

/** Linux counts process times in 1/100 s on x86, whatever the kernel's own tick (USER_HZ). */
const ticksPerSecond = 100;

/** Undefined: no such process. */
export function processFacts(pid: number): ProcessFacts | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // ENOENT, or ESRCH when it ends meanwhile
  }
  // The name is in brackets and may contain anything, brackets too.
  const [state = '', ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state, terminal: Number(rest[3]), cpuSeconds: (Number(rest[10]) + Number(rest[11])) / ticksPerSecond, startTicks: Number(rest[18]) };
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
let thisBoot: string | undefined;

/** The process that stands for a machine: while it lives the machine does, and nothing of the machine outlives it by more than moments. */
export interface Launcher {
  readonly pid: number;
  readonly startTicks: number;
  readonly boot: string;
}

const LauncherText = z
  .string()
  .regex(/^[0-9]{1,10} [0-9]{1,15} [0-9a-f-]{36}\n$/)
  .transform((text): Launcher => {
    const [pid, startTicks, boot = ''] = text.trim().split(' ');
    return { pid: Number(pid), startTicks: Number(startTicks), boot };
  });

/** A process as a launcher; undefined: it has ended already. */
export function launcherOf(pid: number): Launcher | undefined {
  const facts = processFacts(pid);
  thisBoot ??= bootId();
  return facts === undefined ? undefined : { pid, startTicks: facts.startTicks, boot: thisBoot };
}

/** Text for the file from which `readLauncher` learns of a process. */
export const launcherNote = ({ pid, startTicks, boot }: Launcher): string => `${pid} ${startTicks} ${boot}\n`;

/** Undefined: not noted, or not completely. */
export function readLauncher(path: string): Launcher | undefined {
  try {
    return LauncherText.safeParse(readFileSync(path, 'latin1')).data;
  } catch {
    return undefined; // not there
  }
}

/** Whether this very process lives; a recycled process id is told apart by its start. */
export function isAlive(launcher: Launcher): boolean {
  thisBoot ??= bootId();
  if (launcher.boot !== thisBoot) return false;
  const facts = processFacts(launcher.pid);
  return facts !== undefined && facts.startTicks === launcher.startTicks && facts.state !== 'Z' && facts.state !== 'X';
}

/** QEMU's process: the launcher itself, or process 1 of the namespace, the only child that runs QEMU. */
export function qemuProcess(launcher: Launcher): number | undefined {
  for (const pid of [launcher.pid, ...children(launcher.pid)]) {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('qemu-system')) return pid;
    } catch {
      // ended meanwhile
    }
  }
  return undefined;
}

function children(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // ended meanwhile
  }
}

/** Processes that work in a directory, as every process of a machine does in its own. A person's shell there has a terminal. */
function processesIn(home: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid) return false;
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === home && processFacts(pid)?.terminal === 0;
      } catch {
        return false; // ended, or somebody else's
      }
    });
}

/**
 * Ends all processes of a machine by force: the launcher, with it its group and the namespaces below, and what QEMU has started
 * in sessions of their own. Resolves with true when they are gone, with false when they are not after `milliseconds`.
 * @param home the provider's directory of the machine, without symbolic links
 */
export async function killMachine(home: string, launcher: Launcher | undefined, milliseconds: number): Promise<boolean> {
  if (launcher !== undefined && isAlive(launcher)) kill(-launcher.pid);
  for (const end = performance.now() + milliseconds; ; await pause(5)) {
    const left = processesIn(home);
    if (left.length === 0 && (launcher === undefined || !isAlive(launcher))) return true;
    if (performance.now() > end) return false;
    left.forEach(kill);
  }
}

function kill(target: number): void {
  try {
    process.kill(target, 'SIGKILL');
  } catch {
    // ESRCH: it has just ended
  }
}
