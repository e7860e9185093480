import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { EndCause } from '../../core/machine.ts';
import type { Power, Sighting } from '../../core/observed.ts';
import { instant, type MachineId, seconds } from '../../core/units.ts';
import { controlSocket } from './arguments.ts';
import { machineFiles, readHandle } from './handle.ts';
import { isAlive, processFacts, qemuProcess, readLauncher } from './proc.ts';
import { runState } from './qmp.ts';

/** QEMU's `ShutdownCause` as its trace prints it (qapi/run-state.json). */
const reasons: ReadonlyMap<string, EndCause> = new Map([
  ['2', 'killed'],
  ['4', 'killed'],
  ['6', 'power-off'],
  ['7', 'reset'],
  ['8', 'panic'],
]);

/** Greatest part of the log that is read for the reason: it is written once, and QEMU says little else. */
const logPart = 65_536;

/** Why the guest ended, from what QEMU wrote before it stopped. Works for a daemon that was not there at that moment. */
export function notedCause(log: string): EndCause | undefined {
  let fd: number;
  try {
    fd = openSync(log, 'r');
  } catch {
    return undefined; // not launched yet
  }
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, logPart));
    const text = buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, Math.max(0, size - logPart)));
    return causeIn(text);
  } finally {
    closeSync(fd);
  }
}

/** A reset that ends a machine has no request of its own in the trace: QEMU just stops, as `shutdown`. */
export function causeIn(log: string): EndCause | undefined {
  const reason = /^qemu_system_shutdown_request reason=([0-9]+)$/m.exec(log)?.[1];
  if (reason !== undefined) return reasons.get(reason) ?? 'unknown';
  const stopped = /^vm_state_notify running 0 reason [0-9]+ \((shutdown|guest-panicked)\)$/m.exec(log)?.[1];
  return stopped === undefined ? undefined : stopped === 'shutdown' ? 'reset' : 'panic';
}

/** QEMU's process ids by machine; found once. */
export type Processes = Map<MachineId, number>;

/**
 * What is true of one machine now; undefined: it has no part here. Never rejects: what cannot be learned before the signal
 * aborts is power `unknown`.
 */
export async function sight(id: MachineId, directory: string, processes: Processes, signal: AbortSignal): Promise<Sighting | undefined> {
  const files = machineFiles(directory);
  const home = statSync(files.home, { throwIfNoEntry: false });
  if (home?.isDirectory() !== true) return undefined;
  const order = readHandle(files.handle);
  const launcher = readLauncher(files.launcher);
  const known = { id, ...(order?.id === id ? { order } : {}) };
  if (launcher === undefined) return { ...known, power: 'off', cause: 'never-started' };
  const startedAt = statSync(files.launcher, { throwIfNoEntry: false })?.mtimeMs;
  const facts = { ...known, ...(startedAt === undefined ? {} : { startedAt: instant(Math.floor(startedAt)) }) };
  if (!isAlive(launcher)) {
    processes.delete(id);
    return { ...facts, power: 'off', cause: notedCause(files.log) ?? 'vanished' };
  }
  const pid = processes.get(id) ?? qemuProcess(launcher);
  const cpu = pid === undefined ? undefined : processFacts(pid)?.cpuSeconds;
  if (pid !== undefined) processes.set(id, pid);
  const alive = { ...facts, ...(cpu === undefined ? {} : { cpuSeconds: seconds(cpu) }) };
  const cause = notedCause(files.log);
  if (cause !== undefined) return { ...alive, power: 'off', cause };
  try {
    return { ...alive, ...powerOf(await runState(join(files.home, dirname(controlSocket)), basename(controlSocket), signal)) };
  } catch {
    // It may just have ended; otherwise it is silent, which proves nothing.
    return isAlive(launcher) ? { ...alive, power: 'unknown' } : { ...facts, power: 'off', cause: notedCause(files.log) ?? 'vanished' };
  }
}

/** QEMU's RunState in the words of the contract. */
export function powerOf(state: string): { readonly power: Power; readonly cause?: EndCause } {
  switch (state) {
    case 'running':
    case 'prelaunch':
      return { power: 'running' };
    case 'guest-panicked':
      return { power: 'off', cause: 'panic' };
    case 'shutdown':
      return { power: 'off', cause: 'unknown' };
    default:
      return { power: 'paused' };
  }
}
