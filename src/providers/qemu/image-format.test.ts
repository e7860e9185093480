import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { assert as check, property, uint8Array } from 'fast-check';
import { ProviderError } from '../contract.ts';
import { type ImageUse, inspectImage } from './image-format.ts';
import { emptyOverlay } from './qcow2.ts';
import { findTool } from './tools.ts';

const directory = mkdtempSync(join(tmpdir(), 'vacua-image-'));
after(() => rmSync(directory, { recursive: true }));
const path = (name: string): string => join(directory, name);
const file = (name: string, content: Buffer): string => {
  writeFileSync(path(name), content);
  return path(name);
};
const refused = (image: string, use: ImageUse, why: RegExp): void =>
  assert.throws(
    () => inspectImage(image, use, 'prod: image'),
    (error: unknown) => {
      assert.ok(error instanceof ProviderError && error.fault === 'tenant', String(error));
      assert.match(error.message, why);
      return true;
    },
  );
const qcow2 = (about: Partial<{ backing: bigint; features: bigint; version: number; crypt: number; l1: bigint }> = {}): Buffer => {
  const image = emptyOverlay(1 << 20, { file: 'x', format: 'raw' });
  image.writeBigUInt64BE(about.backing ?? 0n, 8);
  image.writeUInt32BE(about.version ?? 3, 4);
  image.writeUInt32BE(about.crypt ?? 0, 32);
  image.writeBigUInt64BE(about.features ?? 0n, 72);
  if (about.l1 !== undefined) image.writeBigUInt64BE(about.l1, 40);
  return image;
};

describe('images before QEMU sees them', () => {
  it('takes raw disks with a boot record, complete qcow2 images, ISO 9660 and kernels', () => {
    const raw = Buffer.alloc(1000);
    raw.writeUInt16BE(0x55aa, 510);
    assert.deepEqual(inspectImage(file('raw', raw), 'disk', 'i'), { format: 'raw', virtualBytes: 1024 });
    assert.deepEqual(inspectImage(file('qcow2', qcow2()), 'disk', 'i'), { format: 'qcow2', virtualBytes: 1 << 20 });
    const iso = Buffer.alloc(40_000);
    iso.write('CD001', 32_769);
    assert.equal(inspectImage(file('iso', iso), 'iso', 'i').format, 'raw');
    const kernel = Buffer.alloc(1024);
    kernel.write('HdrS', 0x202);
    assert.equal(inspectImage(file('kernel', kernel), 'kernel', 'i').format, 'raw');
  });

  it('refuses what refers to other files of the host, and what is broken or something else', () => {
    refused(file('b', qcow2({ backing: 512n })), 'disk', /has a backing file/);
    refused(file('d', qcow2({ features: 4n })), 'disk', /keeps its data in another file/);
    refused(file('c', qcow2({ features: 2n })), 'disk', /corrupt/);
    refused(file('e', qcow2({ crypt: 2 })), 'disk', /encrypted/);
    refused(file('v', qcow2({ version: 9 })), 'disk', /version 9/);
    refused(file('t', qcow2({ l1: 2n ** 63n })), 'disk', /truncated/);
    refused(file('s', qcow2().subarray(0, 60)), 'disk', /truncated/);
    refused(file('html', Buffer.from('<!DOCTYPE html><title>404</title>'.padEnd(2000))), 'disk', /is HTML/);
    refused(file('vmdk', Buffer.from('KDMV'.padEnd(2000))), 'disk', /is VMDK; a disk image must be raw or qcow2/);
    refused(file('text', Buffer.alloc(4096, 'x')), 'disk', /neither qcow2 nor a raw disk/);
    refused(file('none', Buffer.alloc(0)), 'disk', /is empty/);
    refused(file('notiso', Buffer.alloc(40_000)), 'iso', /not an ISO 9660/);
    refused(file('notkernel', Buffer.alloc(4096)), 'kernel', /not an x86 Linux kernel/);
    refused(directory, 'disk', /is not a file/);
  });

  it('never throws anything but its own error, whatever the header holds', () => {
    check(
      property(uint8Array({ maxLength: 120 }), (bytes) => {
        const image = qcow2();
        image.set(bytes, 4);
        try {
          inspectImage(file('fuzz', image), 'disk', 'i');
        } catch (error) {
          assert.ok(error instanceof ProviderError, String(error));
        }
      }),
    );
  });
});

describe('empty overlay', () => {
  it('is what qemu-img takes for an overlay without faults', { skip: findTool('qemu-img') === undefined && 'qemu-img is not installed' }, () => {
    file('base.raw', Buffer.alloc(1 << 20, 'b'));
    for (const bytes of [1 << 20, 10 * 2 ** 30 + 1, 2 ** 42]) {
      const overlay = file('overlay.qcow2', emptyOverlay(bytes, { file: 'base.raw', format: 'raw' }));
      const info = JSON.parse(execFileSync('qemu-img', ['info', '--output=json', overlay], { encoding: 'utf8' })) as Record<string, unknown>;
      assert.deepEqual([info['virtual-size'], info['backing-filename'], info['backing-filename-format']], [Math.ceil(bytes / 512) * 512, 'base.raw', 'raw']);
      execFileSync('qemu-img', ['check', '-q', overlay]);
    }
    const small = file('small.qcow2', emptyOverlay(1 << 20, { file: 'base.raw', format: 'raw' }));
    execFileSync('qemu-img', ['convert', '-O', 'raw', small, path('copy.raw')]);
    assert.ok(readFileSync(path('copy.raw')).equals(Buffer.alloc(1 << 20, 'b')), 'shows the content of its backing file');
  });

  it('refuses sizes and names that the format cannot carry', () => {
    for (const bytes of [0, -1, Number.NaN, 2 ** 43]) assert.throws(() => emptyOverlay(bytes, { file: 'x', format: 'raw' }), RangeError);
    assert.throws(() => emptyOverlay(512, { file: 'x'.repeat(1024), format: 'raw' }), RangeError);
  });
});
