import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** A file for an initial RAM disk. */
interface Member {
  /** Relative to the root, in a directory that is there. */
  readonly name: string;
  readonly mode: number;
  readonly data: string;
}

const hex = (n: number): string => n.toString(16).padStart(8, '0');
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

/** A cpio archive in the form `newc`, which the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst). */
function archive(members: readonly Member[]): Buffer {
  return Buffer.concat(
    [...members, { name: 'TRAILER!!!', mode: 0, data: '' }].flatMap(({ name, mode, data }, i) => {
      const bytes = Buffer.from(data);
      // inode, mode, links, uid, gid, time, size, four device numbers, length of the name, checksum
      const fields = [i + 1, mode, 1, 0, 0, 1, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
      return [padded(Buffer.from(`070701${fields.map(hex).join('')}${name}\0`)), padded(bytes)];
    }),
  );
}

/** Makes another guest of the mini guest: its initial RAM disk, and after it one with a further command. The kernel unpacks both. */
export function withCommand(initrd: string, made: string, command: { readonly name: string; readonly script: string }): void {
  const member = { name: `usr/local/bin/${command.name}`, mode: 0o100755, data: command.script };
  writeFileSync(made, Buffer.concat([readFileSync(initrd), gzipSync(archive([member]))]));
}
