import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type MachineOrder, ProviderError } from '../contract.ts';
import { type Boot, controlSocket, qemuArguments, qemuCommand } from './arguments.ts';
import { logName, machineFiles } from './handle.ts';
import { groupsArgument, type Owner } from './owner.ts';
import { launcherNote, launcherOf } from './proc.ts';
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

/** What of an order the launcher must know before the machine's command. */
export type Outline = Pick<MachineOrder, 'outbound' | 'consoleMaxBytes' | 'hostServices'>;

/**
 * The launcher's command line up to the machine's command, in the machine's `provider` directory (launch-namespace.sh). Root
 * becomes the machine's own account on the way.
 */
export function launchCommand(manner: Manner, owner: Owner, order: Outline): string[] {
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
 * Starts a launcher in its directory, detached in a session of its own, so that the machine outlives this process.
 * @param command what it becomes; empty: it waits for that, with the channel `channelOf`
 */
export function start(home: string, manner: Manner, owner: Owner, about: Outline, command: readonly string[]): ChildProcess {
  const log = openSync(join(home, logName), 'a', 0o600);
  try {
    const [program = '', ...args] = launchCommand(manner, owner, about);
    return spawn(program, [...args, ...command], {
      cwd: home,
      detached: true,
      stdio: ['ignore', 'ignore', log, ...(command.length === 0 ? (['pipe'] as const) : [])],
      env: toolEnvironment(),
    });
  } finally {
    closeSync(log);
  }
}

/** The daemon's end of the only connection to a launcher that waits: when it closes, the launcher ends. */
export const channelOf = (waiting: ChildProcess): Socket => waiting.stdio[3] as Socket;

/** A command in the form in which a waiting launcher reads it (launch-namespace.sh). */
export function spoken(command: readonly string[]): string {
  const lines = command.flatMap((word) => {
    const parts = word.split('\n');
    return parts.map((part, i) => `${i === parts.length - 1 ? '=' : '+'}${part}`);
  });
  return `${[String(command.length), ...lines].join('\n')}\n`;
}

/**
 * Starts a machine whose files are all there, by a launcher that waits in them or by a new one, and notes who it is. Should the
 * note be lost in a crash, the machine's directory still leads to its processes (killMachine).
 * @param onEnd called when it ends while this process lives
 */
export function launch(order: MachineOrder, boot: Boot, manner: Manner, owner: Owner, waiting: ChildProcess | undefined, onEnd: () => void): ChildProcess {
  const files = machineFiles(order.directory);
  const command = [qemuCommand, ...qemuArguments(order, boot)];
  if (waiting !== undefined) {
    const channel = channelOf(waiting);
    channel.end(spoken(command), () => channel.destroy());
  }
  const child = waiting ?? start(files.home, manner, owner, order, command);
  child.once('error', onEnd).once('exit', onEnd).unref();
  const launcher = child.pid === undefined ? undefined : launcherOf(child.pid);
  if (launcher !== undefined) writeFileSync(files.launcher, launcherNote(launcher), { mode: 0o600 });
  return child;
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
