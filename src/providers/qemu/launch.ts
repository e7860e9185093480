import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type MachineOrder, ProviderError } from '../contract.ts';
import { type Boot, controlSocket, qemuArguments, qemuCommand } from './arguments.ts';
import { machineFiles } from './handle.ts';
import { groupsArgument, type Owner } from './owner.ts';
import { launcherNote } from './proc.ts';
import { runState } from './qmp.ts';

/** Where the daemon's PATH lacks them: `ip`, `nft` and `udhcpd` are in sbin. Nothing else of its environment reaches a machine. */
export const toolEnvironment = (): NodeJS.ProcessEnv => ({ PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`, LC_ALL: 'C' });

/** How machines are launched on this host; fixed when the provider is opened. */
export interface Manner {
  readonly accelerator: Boot['accelerator'];
  readonly network: Boot['network'];
  /** Machines get user ids of their own. */
  readonly switchUser: boolean;
  /** Machines need a /dev/net/tun of their own, as the host's is closed to them. */
  readonly privateTun: boolean;
}

/**
 * The launcher's command line up to the machine's command, in the machine's `provider` directory (launch-namespace.sh). Root
 * becomes the machine's own account on the way.
 */
export function launchCommand(manner: Manner, owner: Owner, order: Pick<MachineOrder, 'outbound' | 'consoleMaxBytes' | 'hostServices'>): string[] {
  const half = String(Math.max(1, Math.floor(order.consoleMaxBytes / 2)));
  const rest = [order.outbound ? 'yes' : 'no', half, order.hostServices.map((s) => s.port).join(' ')];
  if (owner === undefined) return ['sh', 'launch.sh', 'own', '-', '-', ...rest];
  const uid = String(owner.uid);
  const groups = groupsArgument(manner.accelerator);
  if (manner.network === 'namespace' && manner.privateTun) {
    return ['unshare', '-m', '--propagation', 'private', 'sh', 'launch.sh', 'tun', uid, groups, ...rest];
  }
  return ['setpriv', '--reuid', uid, '--regid', uid, groups, 'sh', 'launch.sh', 'own', '-', '-', ...rest];
}

/**
 * Starts the launcher, detached in a session of its own, and notes who it is; the machine outlives this process. Should the
 * note be lost in a crash, the machine's directory still leads to its processes (killMachine).
 * @param onEnd called when it ends while this process lives
 */
export function launch(order: MachineOrder, boot: Boot, manner: Manner, owner: Owner, onEnd: () => void): ChildProcess {
  const files = machineFiles(order.directory);
  const log = openSync(files.log, 'a', 0o600);
  try {
    const [command = '', ...args] = launchCommand(manner, owner, order);
    const child = spawn(command, [...args, qemuCommand, ...qemuArguments(order, boot)], {
      cwd: files.home,
      detached: true,
      stdio: ['ignore', 'ignore', log],
      env: toolEnvironment(),
    });
    child.once('error', onEnd).once('exit', onEnd).unref();
    const note = child.pid === undefined ? undefined : launcherNote(child.pid);
    if (note !== undefined) writeFileSync(files.launcher, note, { mode: 0o600 });
    return child;
  } finally {
    closeSync(log);
  }
}

/** Resolves when QEMU answers on its control socket; rejects with a ProviderError when its process ends before, or the signal aborts. */
export async function accepted(child: ChildProcess, order: MachineOrder, signal: AbortSignal): Promise<void> {
  const files = machineFiles(order.directory);
  const socket = join(files.home, controlSocket);
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  for (;;) {
    const ended = failure !== undefined || child.exitCode !== null || child.signalCode !== null;
    if (ended || signal.aborted) {
      const why = ended ? (failure?.message ?? `ended with ${child.signalCode ?? `code ${child.exitCode}`}`) : 'did not answer in time';
      const said = lastLines(await readFile(files.log, 'utf8').catch(() => ''));
      throw new ProviderError(ended ? 'QEMU_ENDED' : 'QEMU_SILENT', `QEMU for ${order.name} ${why}${said === '' ? '' : `: ${said}`}`, { fault: 'provider' });
    }
    if (statSync(socket, { throwIfNoEntry: false }) !== undefined) {
      const soon = AbortSignal.any([signal, AbortSignal.timeout(2000)]);
      if ((await runState(dirname(socket), basename(socket), soon).catch(() => undefined)) !== undefined) return;
    }
    await pause(3);
  }
}

/** The end of what QEMU and the launcher said, as one printable line. */
const lastLines = (log: string): string =>
  log
    .split('\n')
    .filter((line) => line !== '' && !/^(sent|received) tapfd=/.test(line))
    .slice(-3)
    .join('; ')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(-600);
