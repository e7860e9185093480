import type { MachineModel } from '../machinetype.ts';
import { isIso, isoHeadBytes, isoProblem } from './iso9660.ts';
import { isQcow2, type Qcow2, readQcow2 } from './qcow2.ts';

/** What a file is for. */
export type ImageRole = 'boot-iso' | 'disk' | 'kernel' | 'initrd';
export type ImageFormat = 'iso9660' | 'qcow2' | 'raw' | 'bzimage' | 'arm64-image' | 'elf' | 'gzip' | 'bzip2' | 'xz' | 'lzma' | 'lzo' | 'lz4' | 'zstd' | 'cpio';

/** Bytes from the start that {@link checkFormat} wants to see: what QEMU calls the first cluster, at most. */
export const headBytes = Math.max(isoHeadBytes, 65_536);

/** Role of the root image; undefined: models whose images an engine of containers fetches (spec/factory.md §11.4). */
export const rootRole = (model: MachineModel): ImageRole | undefined =>
  (({ cernvm3: 'boot-iso', cernvm4: 'boot-iso', 'vm-raw': 'disk', kernel: 'kernel', docker: undefined, singularity: undefined }) as const)[model];

const expected: Readonly<Record<ImageRole, { readonly formats: readonly string[]; readonly text: string }>> = {
  'boot-iso': { formats: ['iso9660'], text: 'an ISO 9660 image' },
  disk: { formats: ['qcow2', 'raw'], text: 'a qcow2 image, or a raw disk with a boot sector' },
  kernel: { formats: ['bzimage', 'arm64-image', 'elf'], text: 'a Linux kernel (bzImage, arm64 Image or ELF)' },
  initrd: { formats: ['gzip', 'bzip2', 'xz', 'lzma', 'lzo', 'lz4', 'zstd', 'cpio'], text: 'a cpio archive, plain or compressed' },
};

const magic: readonly (readonly [string, string, number])[] = [
  ['elf', '7f454c46', 0],
  ['gzip', '1f8b', 0],
  ['xz', 'fd377a585a00', 0],
  ['zstd', '28b52ffd', 0],
  ['lz4', '02214c18', 0],
  ['lz4', '04224d18', 0],
  ['lzo', '894c5a4f000d0a1a0a', 0],
  ['lzma', '5d0000', 0],
  ['bzip2', '425a68', 0],
  ['cpio', '303730373031', 0],
  ['cpio', '303730373032', 0],
  ['bzimage', '48647253', 0x202],
  ['arm64-image', '41524d64', 56],
  ['VMDK', '4b444d56', 0],
  ['VMDK', '23204469736b2044657363', 0],
  ['VHDX', '7668647866696c65', 0],
  ['VHD', '636f6e6563746978', 0],
  ['VDI', '7f10dabe', 0x40],
  ['zip', '504b0304', 0],
  ['tar', '7573746172', 257],
  ['raw', '55aa', 510],
];

export type FormatCheck = { readonly format: ImageFormat; readonly qcow2?: Qcow2 } | { readonly problem: string };

/** Whether a file can serve its role, from its first {@link headBytes} bytes (or all, when shorter) and its size. */
export function checkFormat(role: ImageRole, head: Uint8Array, fileBytes: number): FormatCheck {
  const format = identify(role, head);
  const { formats, text } = expected[role];
  if (format === undefined || !formats.includes(format))
    return { problem: `${fileBytes === 0 ? 'empty' : format === undefined ? looksLike(head) : `in format ${format}`}; valid is ${text}` };
  if (format === 'qcow2') {
    const qcow2 = readQcow2(head, fileBytes);
    return typeof qcow2 === 'string' ? { problem: qcow2 } : { format, qcow2 };
  }
  const problem = format === 'iso9660' ? isoProblem(head, fileBytes) : format === 'bzimage' ? kernelProblem(head, fileBytes) : undefined;
  return problem === undefined ? { format: format as ImageFormat } : { problem };
}

/** A hybrid ISO has a boot sector as well, and a raw disk may begin with anything: what the role wants is tried first. */
function identify(role: ImageRole, head: Uint8Array): string | undefined {
  if (isQcow2(head)) return 'qcow2';
  if (isIso(head) && role !== 'kernel') return 'iso9660';
  return magic.find(([, bytes, at]) => hex(head, at, bytes.length / 2) === bytes)?.[0];
}

/** From the boot protocol: set-up sectors at 0x1f1, size of the rest in 16-byte units at 0x1f4. */
function kernelProblem(head: Uint8Array, fileBytes: number): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const needed = ((view.getUint8(0x1f1) || 4) + 1) * 512 + view.getUint32(0x1f4, true) * 16;
  return needed > fileBytes ? `a Linux kernel cut short: it has ${fileBytes} of ${needed} bytes` : undefined;
}

function looksLike(head: Uint8Array): string {
  const start = String.fromCharCode(...head.subarray(0, 200))
    .trimStart()
    .toLowerCase();
  if (start.startsWith('<!doctype html') || start.startsWith('<html')) return 'an HTML page';
  return `begins with 0x${hex(head, 0, 8)}, which is no known format`;
}

const hex = (bytes: Uint8Array, from: number, length: number): string =>
  Array.from(bytes.subarray(from, from + length), (b) => b.toString(16).padStart(2, '0')).join('');
