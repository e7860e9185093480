import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface GuestImages {
  readonly kernel: string;
  readonly initrd: string;
  /** Disk for `vm-raw`. */
  readonly disk: string;
  /** Boot ISO for `cernvm3`. */
  readonly iso: string;
}

/**
 * The small guest of tests and demonstration, in `<repository>/var/guest`; README and guest/README.md say what it is.
 * @throws Error naming the command that builds it
 */
export function guestImages(): GuestImages {
  const root = resolve(import.meta.dirname, '../../..');
  const directory = join(root, 'var', 'guest');
  const file = (name: string): string => join(directory, name);
  const images: GuestImages = { kernel: file('vmlinuz'), initrd: file('initrd'), disk: file('mini.qcow2'), iso: file('mini.iso') };
  const missing = Object.values(images).filter((path) => !existsSync(path));
  if (missing.length > 0) throw new Error(`guest image ${missing[0]} is not built; run: ${join(root, 'guest', 'build.sh')} mini ${directory}`);
  return images;
}
