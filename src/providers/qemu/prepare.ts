import { accessSync, chmodSync, chownSync, constants, linkSync, mkdirSync, realpathSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type MachineOrder, ProviderError } from '../contract.ts';
import type { Boot } from './arguments.ts';
import { defaultRootBytes, overlayFile, rootFile, scratchFile } from './disks.ts';
import { handleText, machineFiles } from './handle.ts';
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
 * Everything a machine needs before its launcher runs. Layout and rights, `M` being the machine's own account (docs/networking.md):
 * the machine's directory and `provider` may be passed through by M, `provider/run` and the disks are M's, the rest is the daemon's.
 * Small files are written synchronously: two dozen turns through the thread pool cost more than they take.
 */
export async function prepare(order: MachineOrder, owner: Owner, network: Boot['network'], scripts: Scripts): Promise<Omit<Boot, 'accelerator' | 'network'>> {
  const files = machineFiles(order.directory);
  const own = (path: string, mode: number, uid = 0): void => {
    if (owner === undefined) return;
    chownSync(path, uid, owner.uid);
    chmodSync(path, mode);
  };
  const write = (name: string, content: string | Buffer, mode: number, uid = 0): void => {
    writeFileSync(join(files.home, name), content, { mode: 0o600, flag: 'wx' });
    own(join(files.home, name), mode, uid);
  };
  mkdirSync(files.home, { mode: 0o700 });
  mkdirSync(files.run, { mode: 0o700 });
  // Before anything is launched: whatever happens from here on, it says what this was.
  writeFileSync(files.handle, handleText(order), { mode: 0o600 });
  own(order.directory, 0o710);
  own(files.home, 0o710);
  own(files.run, 0o700, owner?.uid);

  const image = await stage(order.rootImage, files.home, 'image', owner);
  const use = order.model === 'kernel' ? 'kernel' : order.model === 'vm-raw' ? 'disk' : 'iso';
  const facts = inspectImage(resolve(files.home, image), use, `${order.machinetype}: image ${order.rootImage}`);
  let initrd: string | undefined;
  if (order.model === 'kernel' && order.initrd !== undefined) {
    initrd = await stage(order.initrd, files.home, 'initrd', owner);
    inspectImage(resolve(files.home, initrd), 'initrd', `${order.machinetype}: initrd ${order.initrd}`);
  }

  const emptyDisk = (name: string, bytes: number): void => {
    write(name, '', 0o600, owner?.uid);
    truncateSync(join(files.home, name), Math.ceil(bytes / 512) * 512);
  };
  if (order.model === 'vm-raw') {
    write(overlayFile, emptyOverlay(Math.max(facts.virtualBytes, order.rootDiskBytes ?? 0), { file: image, format: facts.format }), 0o600, owner?.uid);
  } else if (order.model !== 'kernel' || order.rootDiskBytes !== undefined) emptyDisk(rootFile, order.rootDiskBytes ?? defaultRootBytes(order.processors));
  if (order.scratchDiskBytes !== undefined) emptyDisk(scratchFile, order.scratchDiskBytes);

  write('launch.sh', scripts[network], 0o640);
  write('console.sh', scripts.console, 0o640);
  if (network === 'namespace') for (const [name, text] of namespaceFiles(order)) write(name, text, 0o640);
  return { image, imageFormat: facts.format, ...(initrd === undefined ? {} : { initrd }) };
}

/** Files that the namespace launcher reads, by name. */
export const namespaceFiles = (order: Pick<MachineOrder, 'outbound' | 'hostServices'>): [string, string][] => [
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
