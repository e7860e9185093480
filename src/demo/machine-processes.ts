import { readdirSync, readFileSync } from 'node:fs';

/** Ids of the QEMU processes of a machine; empty: it has none. */
export const machineProcesses = (id: string): readonly number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && isMachine(pid, id))
    .map(Number);

function isMachine(pid: string, id: string): boolean {
  try {
    const [command = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return command.includes('qemu-system') && args.includes(id);
  } catch {
    return false; // it has ended
  }
}
