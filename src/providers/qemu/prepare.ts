import { constants } from 'node:fs';
import { access, chmod, chown, copyFile, link, mkdir, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
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
 */
export async function prepare(order: MachineOrder, owner: Owner, network: Boot['network'], scripts: Scripts): Promise<Omit<Boot, 'accelerator' | 'network'>> {
  const files = machineFiles(order.directory);
  const own = async (path: string, mode: number, kind: 'through' | 'owned'): Promise<void> => {
    if (owner !== undefined) await chown(path, kind === 'owned' ? owner.uid : 0, owner.uid);
    await chmod(path, mode);
  };
  await mkdir(files.home, { mode: 0o700 });
  // Before anything is launched: a crash from here on leaves a handle by which the remains are found.
  await writeFile(`${files.handle}.new`, handleText(order), { mode: 0o600 });
  await rename(`${files.handle}.new`, files.handle);
  await mkdir(files.run, { mode: 0o700 });
  if (owner !== undefined) {
    await own(order.directory, 0o710, 'through');
    await own(files.home, 0o710, 'through');
    await own(files.run, 0o700, 'owned');
  }

  const image = await stage(order.rootImage, files.home, 'image', owner);
  const use = order.model === 'kernel' ? 'kernel' : order.model === 'vm-raw' ? 'disk' : 'iso';
  const facts = await inspectImage(resolve(files.home, image), use, `${order.machinetype}: image ${order.rootImage}`);
  let initrd: string | undefined;
  if (order.model === 'kernel' && order.initrd !== undefined) {
    initrd = await stage(order.initrd, files.home, 'initrd', owner);
    await inspectImage(resolve(files.home, initrd), 'initrd', `${order.machinetype}: initrd ${order.initrd}`);
  }

  const disk = async (name: string, content: Buffer | number): Promise<void> => {
    const path = join(files.home, name);
    const file = await open(path, 'wx', 0o600);
    try {
      await (typeof content === 'number' ? file.truncate(Math.ceil(content / 512) * 512) : file.write(content));
    } finally {
      await file.close();
    }
    await own(path, 0o600, 'owned');
  };
  if (order.model === 'vm-raw')
    await disk(overlayFile, emptyOverlay(Math.max(facts.virtualBytes, order.rootDiskBytes ?? 0), { file: image, format: facts.format }));
  else if (order.model !== 'kernel' || order.rootDiskBytes !== undefined) await disk(rootFile, order.rootDiskBytes ?? defaultRootBytes(order.processors));
  if (order.scratchDiskBytes !== undefined) await disk(scratchFile, order.scratchDiskBytes);

  const data: readonly (readonly [name: string, text: string])[] = [
    ['launch.sh', scripts[network]],
    ['console.sh', scripts.console],
    ...(network === 'namespace' ? namespaceFiles(order) : []),
  ];
  await Promise.all(
    data.map(async ([name, text]) => {
      await writeFile(join(files.home, name), text, { mode: 0o640 });
      if (owner !== undefined) await chown(join(files.home, name), 0, owner.uid);
    }),
  );
  return { image, imageFormat: facts.format, ...(initrd === undefined ? {} : { initrd }) };
}

export const namespaceFiles = (order: Pick<MachineOrder, 'outbound' | 'hostServices'>): [string, string][] => [
  ['net.ip', interfaceCommands],
  ['net.nft', packetFilter({ outbound: order.outbound, hostServices: order.hostServices, hostAddresses: hostAddresses() })],
  ['udhcpd.conf', dhcpConfiguration],
];

/**
 * Makes a cached image reachable under a name in the provider's directory. A hard link, so that the cache may forget the file
 * while it is in use; a copy where the machine's account could not read it; its absolute path where neither is possible.
 */
async function stage(source: string, home: string, name: string, owner: Owner): Promise<string> {
  const target = join(home, name);
  let path: string;
  try {
    path = await realpath(source);
    await access(path, constants.R_OK);
  } catch (cause) {
    throw new ProviderError('IMAGE_MISSING', `image ${source} cannot be read`, { fault: 'host', cause });
  }
  const linked = await link(path, target).then(
    () => true,
    () => false, // another file system, or a file of somebody else's
  );
  if (owner === undefined) return linked ? name : path;
  const readable = ((await stat(path)).mode & 0o004) !== 0;
  if (linked && readable) return name;
  if (!linked && readable && (await passable(dirname(path)))) return path;
  await rm(target, { force: true });
  await copyFile(path, target, constants.COPYFILE_FICLONE);
  await chown(target, 0, owner.uid);
  await chmod(target, 0o640);
  return name;
}

/** Whether every account may pass through a directory and all above it. */
async function passable(directory: string): Promise<boolean> {
  if (((await stat(directory)).mode & 0o001) === 0) return false;
  return directory === '/' || passable(dirname(directory));
}
