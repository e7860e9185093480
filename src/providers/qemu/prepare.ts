import { accessSync, chmodSync, chownSync, constants, linkSync, mkdirSync, realpathSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type MachineOrder, ProviderError } from '../contract.ts';
import type { Boot } from './arguments.ts';
import { defaultRootBytes, overlayFile, rootFile, scratchFile } from './disks.ts';
import { handleText, machineFiles, runName } from './handle.ts';
import { inspectImage } from './image-format.ts';
import { dhcpConfiguration, hostAddresses, interfaceCommands, packetFilter } from './network.ts';
import type { Owner } from './owner.ts';
import { emptyOverlay } from './qcow2.ts';

/** Constant scripts, read once; each machine runs a copy, so that an upgrade of the sources does not reach into a running shell. */
export interface Scripts {
  readonly namespace: string;
  readonly restricted: string;
  readonly console: string;
}

/**
 * Makes a `provider` directory with all that its launcher reads. Layout and rights, `M` being the machine's own account
 * (docs/networking.md): the machine's directory and `provider` may be passed through by M, `provider/run` and the disks are M's,
 * the rest is the daemon's. Small files are written synchronously: two dozen turns through the thread pool cost more than they take.
 */
export function layDown(home: string, owner: Owner, network: Boot['network'], scripts: Scripts, launcherFiles: readonly LauncherFile[]): void {
  const run = join(home, runName);
  mkdirSync(home, { mode: 0o700 });
  mkdirSync(run, { mode: 0o700 });
  own(owner, home, 0o710);
  own(owner, run, 0o700, owner?.uid);
  for (const [name, text] of [['launch.sh', scripts[network]], ['console.sh', scripts.console], ...launcherFiles] as const) {
    write(owner, join(home, name), text, 0o640);
  }
}

/** Adds what makes the directory that of one machine, first of all the note of what it is: nothing has been launched yet. */
export async function furnish(order: MachineOrder, owner: Owner): Promise<Omit<Boot, 'accelerator' | 'network'>> {
  const files = machineFiles(order.directory);
  writeFileSync(files.handle, handleText(order), { mode: 0o600 });
  own(owner, order.directory, 0o710);

  const image = await stage(order.rootImage, files.home, 'image', owner);
  const use = order.model === 'kernel' ? 'kernel' : order.model === 'vm-raw' ? 'disk' : 'iso';
  const facts = inspectImage(resolve(files.home, image), use, `${order.machinetype}: image ${order.rootImage}`);
  let initrd: string | undefined;
  if (order.model === 'kernel' && order.initrd !== undefined) {
    initrd = await stage(order.initrd, files.home, 'initrd', owner);
    inspectImage(resolve(files.home, initrd), 'initrd', `${order.machinetype}: initrd ${order.initrd}`);
  }

  const disk = (name: string, content: string | Buffer): void => write(owner, join(files.home, name), content, 0o600, owner?.uid);
  const emptyDisk = (name: string, bytes: number): void => {
    disk(name, '');
    truncateSync(join(files.home, name), Math.ceil(bytes / 512) * 512);
  };
  if (order.model === 'vm-raw') {
    disk(overlayFile, emptyOverlay(Math.max(facts.virtualBytes, order.rootDiskBytes ?? 0), { file: image, format: facts.format }));
  } else if (order.model !== 'kernel' || order.rootDiskBytes !== undefined) emptyDisk(rootFile, order.rootDiskBytes ?? defaultRootBytes(order.processors));
  if (order.scratchDiskBytes !== undefined) emptyDisk(scratchFile, order.scratchDiskBytes);
  return { image, imageFormat: facts.format, ...(initrd === undefined ? {} : { initrd }) };
}

function own(owner: Owner, path: string, mode: number, uid = 0): void {
  if (owner === undefined) return;
  chownSync(path, uid, owner.uid);
  chmodSync(path, mode);
}

function write(owner: Owner, path: string, content: string | Buffer, mode: number, uid = 0): void {
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
  own(owner, path, mode, uid);
}

export type LauncherFile = readonly [name: string, text: string];

/** Files that the namespace launcher reads, by name. */
export const namespaceFiles = (order: Pick<MachineOrder, 'outbound' | 'hostServices'>): LauncherFile[] => [
  ['net.ip', interfaceCommands],
  ['net.nft', packetFilter({ outbound: order.outbound, hostServices: order.hostServices, hostAddresses: hostAddresses() })],
  ['udhcpd.conf', dhcpConfiguration],
];

/**
 * Makes a cached image reachable under a name in the provider's directory. A hard link, so that the cache may forget the file
 * while it is in use; a copy where the machine's account could not read it; its absolute path where neither is needed.
 */
async function stage(source: string, home: string, name: string, owner: Owner): Promise<string> {
  const target = join(home, name);
  let path: string;
  try {
    path = realpathSync(source);
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw new ProviderError('IMAGE_MISSING', `image ${source} cannot be read`, { fault: 'host', cause });
  }
  let linked = true;
  try {
    linkSync(path, target);
  } catch {
    linked = false; // another file system, or a file of somebody else's
  }
  if (owner === undefined) return linked ? name : path;
  const readable = (statSync(path).mode & 0o004) !== 0;
  if (linked && readable) return name;
  if (!linked && readable && passable(dirname(path))) return path;
  await rm(target, { force: true });
  await copyFile(path, target, constants.COPYFILE_FICLONE);
  chownSync(target, 0, owner.uid);
  chmodSync(target, 0o640);
  return name;
}

/** Whether every account may pass through a directory and all above it. */
const passable = (directory: string): boolean => (statSync(directory).mode & 0o001) !== 0 && (directory === '/' || passable(dirname(directory)));
