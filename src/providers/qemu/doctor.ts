import { readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callerManner, probeKvm, probeNamespace } from './probe.ts';
import { findTool, installCommand, missingTools, tools } from './tools.ts';

/** One thing that QEMU machines want of this host. */
export interface HostFinding {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, as a sentence. */
  readonly text: string;
  /** A command, or an instruction, that brings it. */
  readonly remedy?: string;
}

/** What this host lacks for QEMU machines and how to get it. Reads and probes only; takes some seconds where KVM hangs. */
export async function hostReport(): Promise<readonly HostFinding[]> {
  const programs = tools.map((tool): HostFinding => {
    const path = findTool(tool.command);
    const needed =
      tool.for === 'always'
        ? 'machines cannot be made without it'
        : `needed for the namespace network${tool.for === 'outbound' ? ' with outbound connections' : ''}`;
    return path === undefined
      ? { name: tool.command, ok: false, text: `not installed; ${needed}`, remedy: installCommand([tool]) }
      : { name: tool.command, ok: true, text: path };
  });
  const usable = missingTools(['always', 'namespace']).length === 0;
  return [...programs, await kvm(), usable ? await namespaces() : { name: 'namespaces', ok: false, text: 'not tried: programs are missing' }, memory()];
}

async function kvm(): Promise<HostFinding> {
  if (findTool('qemu-system-x86_64') === undefined) return { name: 'kvm', ok: false, text: 'not tried: QEMU is missing' };
  const probe = await probeKvm();
  if (probe.works) return { name: 'kvm', ok: true, text: 'a probe boot succeeded' };
  const remedy = probe.why.includes('group kvm')
    ? 'add the factory’s user to the group kvm: usermod -aG kvm USER'
    : probe.why.includes('does not exist')
      ? 'enable virtualisation in the firmware and load the module: modprobe kvm_intel or kvm_amd'
      : 'a host that is itself a virtual machine needs working nested virtualisation; ask its provider';
  return { name: 'kvm', ok: false, text: `${probe.why}; machines are emulated`, remedy };
}

async function namespaces(): Promise<HostFinding> {
  const directory = await mkdtemp(join(tmpdir(), 'vacua-doctor-'));
  try {
    await mkdir(join(directory, 'state'));
    const text = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8');
    const scripts = { namespace: await text('launch-namespace.sh'), restricted: '', console: await text('console.sh') };
    const probe = await probeNamespace(join(directory, 'state'), callerManner(), scripts);
    if (probe.works) return { name: 'namespaces', ok: true, text: 'a machine’s network namespace can be made' };
    return { name: 'namespaces', ok: false, text: `${probe.why}; machines get the restricted network`, remedy: namespaceRemedy() };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The usual reasons, most common first. */
function namespaceRemedy(): string {
  const sysctl = (name: string): string | undefined => {
    try {
      return readFileSync(`/proc/sys/${name}`, 'latin1').trim();
    } catch {
      return undefined; // this kernel does not have it
    }
  };
  if (sysctl('kernel/unprivileged_userns_clone') === '0') return 'sysctl -w kernel.unprivileged_userns_clone=1';
  if (sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1') return 'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
  if (sysctl('user/max_user_namespaces') === '0') return 'sysctl -w user.max_user_namespaces=15000';
  const tun = statSync('/dev/net/tun', { throwIfNoEntry: false });
  if (tun === undefined) return 'modprobe tun';
  if ((tun.mode & 0o006) !== 0o006 && process.getuid?.() !== 0) return 'chmod 666 /dev/net/tun (as root), or run the factory as root';
  return 'run the factory as root, or allow user namespaces to its user';
}

function memory(): HostFinding {
  const kib = Number(/^MemAvailable:\s+([0-9]+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? 0);
  const text = `${Math.round(kib / 1024)} MiB available`;
  return kib >= 512 * 1024
    ? { name: 'memory', ok: true, text }
    : { name: 'memory', ok: false, text: `${text}; a machine wants some hundred`, remedy: 'lower mb_per_processor or total_processors' };
}
