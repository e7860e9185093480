import { sign } from 'node:crypto';
import type { TestCa } from '../http/test-ca.ts';

/** For tests: smallest files that pass as images, and a server's view of them. */

export function isoImage(fill = 0, blocks = 20): Buffer {
  const image = Buffer.alloc(blocks * 2048, fill);
  image.fill(0, 0x8000, 0x8000 + 2048);
  image.write('\x01CD001\x01', 0x8000, 'latin1');
  image.writeUInt32LE(blocks, 0x8000 + 80);
  image.writeUInt16LE(2048, 0x8000 + 128);
  return image;
}

/** A qcow2 of one used cluster: header, refcount table and block, L1, L2, data. `change` may damage it. */
export function qcow2Image(change: (image: Buffer) => void = () => undefined): Buffer {
  const cluster = 65_536;
  const image = Buffer.alloc(6 * cluster);
  image.write('QFI\xfb', 0, 'latin1');
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(16, 20);
  image.writeBigUInt64BE(1n << 20n, 24);
  image.writeUInt32BE(1, 36);
  image.writeBigUInt64BE(BigInt(3 * cluster), 40);
  image.writeBigUInt64BE(BigInt(cluster), 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(4, 96);
  image.writeUInt32BE(104, 100);
  image.writeBigUInt64BE(BigInt(2 * cluster), cluster);
  for (let i = 0; i < 6; i++) image.writeUInt16BE(1, 2 * cluster + 2 * i);
  image.writeBigUInt64BE((1n << 63n) | BigInt(4 * cluster), 3 * cluster);
  image.writeBigUInt64BE((1n << 63n) | BigInt(5 * cluster), 4 * cluster);
  image.write('data', 5 * cluster);
  change(image);
  return image;
}

export function kernelImage(): Buffer {
  const image = Buffer.alloc(4096);
  image.writeUInt8(1, 0x1f1);
  image.writeUInt32LE((4096 - 1024) / 16, 0x1f4);
  image.writeUInt16LE(0xaa55, 510);
  image.write('HdrS', 0x202);
  return image;
}

export const initrdImage = (): Buffer => Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4]);

/** A CernVM image: content, metadata block, signature block. `damage` repeats the errors of real images (spec/factory.md §15). */
export function signedImage(
  content: Buffer,
  signer: Pick<TestCa, 'certificate' | 'key'>,
  damage: { readonly metadata?: boolean; readonly signature?: boolean } = {},
): Buffer {
  const metadata = Buffer.alloc(32_768);
  metadata.write(`{\n  "ucernvm-version" : "2.8-6.cernvm.x86_64",\n  "branch": "HEAD"${damage.metadata === true ? ',' : ''}\n}\n`);
  const body = Buffer.concat([content, metadata]);
  const comma = damage.signature === true ? '' : ',';
  const block = Buffer.alloc(32_768);
  block.write(
    `{\n"howto-verify": "openssl dgst -signature <signature>"${comma}\n"signed-by": "CN=cvm-sign01.cern.ch"${comma}\n` +
      `"certificate": "${Buffer.from(signer.certificate).toString('base64')}",\n"signature": "${sign('sha256', body, signer.key).toString('base64')}"\n}\n`,
  );
  return Buffer.concat([body, block]);
}
