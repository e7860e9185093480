import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type MachineOrder, ProviderError } from '../contract.ts';
import { type Boot, controlSocket, qemuArguments, qemuCommand } from './arguments.ts';
import { machineFiles } from './handle.ts';
import { groupsArgument, type Owner } from './owner.ts';
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

/** Arguments of the launch scripts before the command (launch-namespace.sh). */
export const scriptArguments = (manner: Manner, owner: Owner, order: Pick<MachineOrder, 'outbound' | 'consoleMaxBytes' | 'hostServices'>): string[] => [
  'launch.sh',
  'start',
  owner === undefined ? '-' : String(owner.uid),
  owner === undefined ? '-' : groupsArgument(manner.accelerator),
  owner !== undefined && manner.privateTun ? 'private' : 'shared',
  order.outbound ? 'yes' : 'no',
  String(Math.max(1, Math.floor(order.consoleMaxBytes / 2))),
  order.hostServices.map((s) => s.port).join(' '),
];

/**
 * Starts the launcher, detached in a session of its own, and returns it; the machine outlives this process.
 * @param onEnd called when it ends while this process lives
 */
export function launch(order: MachineOrder, boot: Boot, manner: Manner, owner: Owner, onEnd: () => void): ChildProcess {
  const files = machineFiles(order.directory);
  const log = openSync(files.log, 'a', 0o600);
  try {
    const child = spawn('sh', [...scriptArguments(manner, owner, order), qemuCommand, ...qemuArguments(order, boot)], {
      cwd: files.home,
      detached: true,
      stdio: ['ignore', 'ignore', log],
      env: toolEnvironment(),
    });
    child.once('error', onEnd).once('exit', onEnd).unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** Resolves when QEMU answers on its control socket; rejects with a ProviderError when its process ends before, or the signal aborts. */
export async function accepted(child: ChildProcess, order: MachineOrder, signal: AbortSignal): Promise<void> {
  const files = machineFiles(order.directory);
  const directory = join(files.home, dirname(controlSocket));
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
    const soon = AbortSignal.any([signal, AbortSignal.timeout(2000)]);
    const state = await runState(directory, basename(controlSocket), soon).catch(() => undefined);
    if (state !== undefined) return;
    await pause(4);
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
