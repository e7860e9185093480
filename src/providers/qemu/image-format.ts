import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { ProviderError } from '../contract.ts';

export type ImageFormat = 'raw' | 'qcow2';
/** What an image must be to boot with a machine model. */
export type ImageUse = 'disk' | 'iso' | 'kernel' | 'initrd';

export interface ImageFacts {
  readonly format: ImageFormat;
  /** Bytes that the guest sees. */
  readonly virtualBytes: number;
}

/** Reads as much as exists of `length` bytes at `at`. */
function bytes(file: number, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(file, buffer, 0, length, at));
}

const foreign: readonly (readonly [name: string, magic: string])[] = [
  ['VMDK', 'KDMV'],
  ['VMDK descriptor', '# Disk DescriptorFile'],
  ['VDI', '<<< '],
  ['VHDX', 'vhdxfile'],
  ['VHD', 'conectix'],
  ['QED', 'QED\0'],
  ['LUKS', 'LUKS\xba\xbe'],
  ['gzip', '\x1f\x8b'],
  ['xz', '\xfd7zXZ'],
  ['zstd', '\x28\xb5\x2f\xfd'],
  ['HTML', '<!'],
  ['HTML', '<html'],
];

/**
 * Looks into an untrusted image before QEMU does. The format is never guessed by QEMU, and an image that refers to other
 * files is refused: its "backing file" could be any file of the host. Throws a ProviderError of the tenant.
 */
export function inspectImage(path: string, use: ImageUse, called: string): ImageFacts {
  const refuse = (text: string): never => {
    throw new ProviderError('IMAGE_FORMAT', `${called}: ${text}`, { fault: 'tenant' });
  };
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(file);
    if (!facts.isFile()) refuse('is not a file');
    if (facts.size === 0) refuse('is empty');
    const head = bytes(file, 0, 1024);
    const raw: ImageFacts = { format: 'raw', virtualBytes: Math.ceil(facts.size / 512) * 512 };
    switch (use) {
      case 'initrd':
        return raw;
      case 'kernel':
        if (head.toString('latin1', 0x202, 0x206) !== 'HdrS' && head.toString('latin1', 0, 4) !== '\x7fELF')
          refuse('is not an x86 Linux kernel (bzImage or ELF)');
        return raw;
      case 'iso':
        if (bytes(file, 32_769, 5).toString('latin1') !== 'CD001') refuse('is not an ISO 9660 image');
        return raw;
      default:
    }
    if (head.toString('latin1', 0, 4) === 'QFI\xfb') return { format: 'qcow2', virtualBytes: qcow2Size(head, facts.size, refuse) };
    const known = foreign.find(([, magic]) => head.toString('latin1', 0, magic.length).toLowerCase() === magic.toLowerCase());
    if (known !== undefined) refuse(`is ${known[0]}; a disk image must be raw or qcow2`);
    if (head[510] !== 0x55 || head[511] !== 0xaa) refuse('is neither qcow2 nor a raw disk with a boot record');
    return raw;
  } finally {
    closeSync(file);
  }
}

/** Virtual size, after the checks that QEMU would make too late or not at all (docs/interop/qcow2.txt of QEMU). */
function qcow2Size(head: Buffer, fileSize: number, refuse: (text: string) => never): number {
  if (head.length < 72) return refuse('is a truncated qcow2 image');
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return refuse(`is qcow2 version ${version}; 2 or 3 are supported`);
  if (head.readBigUInt64BE(8) !== 0n) return refuse('has a backing file; an image must be complete in itself (qemu-img convert makes it so)');
  if (head.readUInt32BE(32) !== 0) return refuse('is encrypted');
  if (version === 3) {
    if (head.length < 104) return refuse('is a truncated qcow2 image');
    const features = head.readBigUInt64BE(72);
    if ((features & 4n) !== 0n) return refuse('keeps its data in another file; an image must be complete in itself (qemu-img convert makes it so)');
    if ((features & 2n) !== 0n) return refuse('is marked as corrupt');
  }
  const tables = [
    [head.readBigUInt64BE(40), BigInt(head.readUInt32BE(36)) * 8n],
    [head.readBigUInt64BE(48), BigInt(head.readUInt32BE(56)) << BigInt(Math.min(21, head.readUInt32BE(20)))],
  ] as const;
  if (tables.some(([at, length]) => at + length > BigInt(fileSize))) return refuse(`is truncated: its tables lie beyond its ${fileSize} bytes`);
  const size = head.readBigUInt64BE(24);
  if (size === 0n || size > 2n ** 44n) return refuse(`has a disk of ${size} bytes; 1 to 2^44 are supported`);
  return Number(size);
}
