import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { qemuCommand } from './arguments.ts';
import { machineFiles } from './handle.ts';
import { type Manner, launchCommand, toolEnvironment } from './launch.ts';
import { namespaceFiles, type Scripts } from './prepare.ts';
import { canSwitchUser, machineOwner } from './owner.ts';

export type Probe = { readonly works: true } | { readonly works: false; readonly why: string };
const fails = (why: string): Probe => ({ works: false, why });

interface Ran {
  /** Exit code, or the signal that ended it. */
  readonly end: number | string;
  /** It was ended because its time was up. */
  readonly late: boolean;
  readonly output: string;
  readonly error?: Error;
}

/** Runs a command until it ends, says something that matches, or the time is up. Output is bounded. */
function run(command: string, args: readonly string[], about: { readonly cwd?: string; readonly until?: RegExp; readonly milliseconds: number }): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: about.cwd, stdio: ['ignore', 'pipe', 'pipe'], env: toolEnvironment(), detached: true });
    let output = '';
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // ended meanwhile
      }
    };
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end();
    }, about.milliseconds);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('latin1').on('data', (text: string) => {
        if (output.length < 65_536) output += text;
        if (about.until?.test(output) === true) end();
      });
    }
    const done = (ran: Ran): void => {
      clearTimeout(timer);
      resolve(ran);
    };
    child.on('error', (error) => done({ end: -1, late, output, error }));
    child.on('close', (code, signal) => done({ end: signal ?? code ?? -1, late, output }));
  });
}

const lastLine = (text: string): string => (text.trim().split('\n').at(-1) ?? '').replaceAll(/[^\x20-\x7e]/g, '?').slice(-160);

/**
 * Boots something for a moment: a kernel to the point where it looks for its root file system, or, where no kernel can be
 * read, the firmware to its end. That /dev/kvm exists proves nothing: guests may hang under it (spec/hypervisor.md §1).
 */
export async function probeKvm(kernel: string = `/boot/vmlinuz-${release()}`, milliseconds = 6000): Promise<Probe> {
  if (!existsSync('/dev/kvm')) return fails('/dev/kvm does not exist');
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return fails('/dev/kvm is closed to this user (group kvm)');
  }
  let boot = ['-chardev', 'stdio,id=out,signal=off', '-device', 'isa-debugcon,iobase=0x402,chardev=out'];
  let until = /No bootable device/;
  try {
    accessSync(kernel, constants.R_OK);
    boot = ['-serial', 'stdio', '-kernel', kernel, '-append', 'console=ttyS0 panic=-1'];
    until = /Unable to mount root fs/;
  } catch {
    // none, or for root only: the firmware must do
  }
  const args = [
    '-accel',
    'kvm',
    '-cpu',
    'host',
    '-machine',
    'q35',
    '-m',
    '256M',
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-no-reboot',
    '-sandbox',
    'on',
    ...boot,
  ];
  const ran = await run(qemuCommand, args, { until, milliseconds });
  if (until.test(ran.output)) return { works: true };
  return fails(ran.error?.message ?? (ran.late ? 'a probe boot hung' : `a probe boot failed: ${lastLine(ran.output) || ran.end}`));
}

/** What root and ordinary users start from; `network` and `accelerator` are found out after it. */
export function callerManner(): Pick<Manner, 'switchUser' | 'privateTun'> {
  const tun = statSync('/dev/net/tun', { throwIfNoEntry: false });
  return { switchUser: canSwitchUser(), privateTun: tun === undefined || (tun.mode & 0o006) !== 0o006 };
}

function mayUse(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false; // absent or not permitted: the same for whoever needs it
  }
}

/** Goes the whole way of a machine's launch, with `true` in place of QEMU. */
export async function probeNamespace(stateDir: string, manner: Pick<Manner, 'switchUser' | 'privateTun'>, scripts: Scripts): Promise<Probe> {
  if (!manner.switchUser && !mayUse('/dev/net/tun')) return fails('/dev/net/tun is closed to this user; open it as root: chmod 0666 /dev/net/tun');
  const directory = await mkdtemp(join(stateDir, 'probe-'));
  try {
    const files = machineFiles(directory);
    const owner = manner.switchUser ? machineOwner(stateDir, 999) : undefined;
    await mkdir(files.run, { recursive: true });
    const order = { outbound: true, hostServices: [], consoleMaxBytes: 4096 };
    for (const [name, text] of [['launch.sh', scripts.namespace], ['console.sh', scripts.console], ...namespaceFiles(order)] as const) {
      await writeFile(join(files.home, name), text, { mode: 0o644 });
    }
    if (owner !== undefined) {
      for (const [path, uid] of [
        [directory, 0],
        [files.home, 0],
        [files.run, owner.uid],
      ] as const) {
        await chown(path, uid, owner.uid);
        await chmod(path, 0o710);
      }
    }
    const [command = '', ...args] = launchCommand({ ...manner, accelerator: 'tcg', network: 'namespace' }, owner, { ...order, outbound: false });
    const ran = await run(command, [...args, 'true'], { cwd: files.home, milliseconds: 10_000 });
    if (ran.end === 0) return { works: true };
    return fails(ran.error?.message ?? (ran.late ? 'a trial took more than 10 s' : lastLine(ran.output) || `a trial ended with ${ran.end}`));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
