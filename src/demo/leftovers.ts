import { readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Directories of demonstrations, `demo-*` below `var/`. Each names its owner, so that a later demonstration can tell one that
 * runs from one that was killed. A process is the same only with the same start time: process ids are used again.
 */
export interface Owner {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly started: string;
  readonly bootId: string;
}

/** Start time of a process from `/proc/PID/stat`; undefined: there is none. */
export function startOf(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The command in brackets may hold blanks and brackets itself; field 22 is the 20th after it.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

const bootId = (): string => (readIfThere('/proc/sys/kernel/random/boot_id') ?? '').trim();
const ownerFile = (directory: string): string => join(directory, 'owner.json');

export function writeOwner(directory: string): void {
  const owner: Owner = { pid: process.pid, started: startOf(process.pid) ?? '', bootId: bootId() };
  writeFileSync(ownerFile(directory), JSON.stringify(owner));
}

/** Demonstration directories of this account (of any, for root) below `varDir` whose owner has gone. */
export function abandoned(varDir: string): readonly string[] {
  return readdirSync(varDir)
    .filter((name) => name.startsWith('demo-'))
    .map((name) => join(varDir, name))
    .filter((directory) => isOurs(directory) && !hasOwner(directory));
}

const isOurs = (directory: string): boolean => process.getuid?.() === 0 || statSync(directory).uid === process.getuid?.();

function hasOwner(directory: string): boolean {
  const text = readIfThere(ownerFile(directory));
  if (text === undefined || text === '') return false;
  const owner = JSON.parse(text) as Partial<Owner>;
  return owner.bootId === bootId() && owner.pid !== undefined && startOf(owner.pid) === owner.started;
}

/** Processes whose command line or working directory names this directory or something below it, this process excepted. */
export function processesOf(directory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => workingDirectory(name).startsWith(`${directory}/`) || (readIfThere(`/proc/${name}/cmdline`) ?? '').includes(directory))
    .map(Number);
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ''; // it has ended, or is another user's and so none of ours
  }
}

/** Mount points at or below the directory. */
export function mountsOf(directory: string): readonly string[] {
  const mounts = readIfThere('/proc/self/mounts') ?? '';
  return mounts
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path === directory || path.startsWith(`${directory}/`));
}

/**
 * Removes what demonstrations that were killed have left below `varDir`: their servers first, so that nothing is started anew, then machines.
 * `removeMachines` is told the state directory of each.
 */
export async function removeAbandoned(varDir: string, removeMachines: (stateDir: string) => Promise<void>, print: (line: string) => void): Promise<void> {
  for (const directory of abandoned(varDir)) {
    print(`removing what an earlier demonstration left: ${directory}`);
    for (const pid of processesOf(directory)) if (isServer(pid)) kill(pid);
    await removeMachines(join(directory, 'state'));
    sweep(directory);
  }
}

/** A program of this project, as opposed to a machine. */
const isServer = (pid: number): boolean => (readIfThere(`/proc/${pid}/cmdline`) ?? '').split('\0').some((word) => word.startsWith(sources));
const sources = resolve(import.meta.dirname, '..');

/** Ends what still runs for a directory, by process id, and removes it. */
export function sweep(directory: string): void {
  for (const pid of processesOf(directory)) kill(pid);
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself in between.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Undefined when the file, or the process that it describes, is not there or not ours to read. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
