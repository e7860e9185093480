import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { blockBytes, readSignatureBlock, readVersion } from '../../core/image/cernvm-blocks.ts';
import { cacheName } from '../../core/image/cache-name.ts';
import { checkFormat, headBytes, type ImageRole } from '../../core/image/format.ts';
import { retryDelay } from '../../core/image/retry-delay.ts';
import { initrdImage, isoImage, kernelImage, qcow2Image } from './test-images.ts';

const check = (role: ImageRole, image: Buffer, size = image.length): string => {
  const found = checkFormat(role, image.subarray(0, headBytes), size);
  return 'problem' in found ? found.problem : found.format;
};

describe('formats', () => {
  it('are told by their beginning and must fit what the file is for', () => {
    const disk = Buffer.alloc(1024);
    disk.writeUInt16BE(0x55aa, 510);
    assert.equal(check('boot-iso', isoImage()), 'iso9660');
    assert.equal(check('disk', qcow2Image()), 'qcow2');
    assert.equal(check('disk', disk), 'raw');
    assert.equal(check('kernel', kernelImage()), 'bzimage');
    assert.equal(check('initrd', initrdImage()), 'gzip');
    assert.match(check('boot-iso', qcow2Image()), /^in format qcow2; valid is an ISO 9660 image$/);
    assert.match(check('disk', initrdImage()), /^in format gzip; valid is a qcow2 image, or/);
    assert.match(check('disk', Buffer.from('<!DOCTYPE html><html>')), /^an HTML page; valid is/);
    assert.match(check('kernel', Buffer.alloc(0)), /^empty; valid is/);
    assert.match(check('kernel', Buffer.from('abc')), /^begins with 0x616263, which is no known format/);
  });

  it('show when a file has been cut short', () => {
    assert.match(check('boot-iso', isoImage(), 40_000), /cut short: it has 40000 of 40960 bytes/);
    assert.match(check('kernel', kernelImage(), 4000), /cut short: it has 4000 of 4096 bytes/);
    assert.match(check('disk', qcow2Image(), 90_000), /cut short: it has 90000 bytes, and a table ends at/);
    assert.match(check('disk', qcow2Image().subarray(0, 50)), /cut short: it has 50 bytes/);
  });

  it('refuse qcow2 images that name other files, in every way they can', () => {
    const refused = (change: (b: Buffer) => void): string => check('disk', qcow2Image(change));
    assert.match(
      refused((b) => b.writeBigUInt64BE(512n, 8)),
      /backing file, which is refused/,
    );
    assert.match(
      refused((b) => b.writeUInt32BE(8, 16)),
      /backing file, which is refused/,
    );
    assert.match(
      refused((b) => b.writeBigUInt64BE(4n, 72)),
      /external data file/,
    );
    assert.match(
      refused((b) => {
        b.writeUInt32BE(0x6803f857, 104);
        b.writeUInt32BE(5, 108);
        b.writeUInt32BE(0x44415441, 120);
        b.writeUInt32BE(4, 124);
      }),
      /external data file/,
    );
    assert.match(
      refused((b) => b.writeUInt32BE(1, 32)),
      /encrypted/,
    );
    assert.match(
      refused((b) => b.writeBigUInt64BE(1n << 40n, 72)),
      /unknown incompatible features/,
    );
    assert.match(
      refused((b) => b.writeUInt32BE(9, 4)),
      /version 9/,
    );
    assert.match(
      refused((b) => b.writeUInt32BE(40, 20)),
      /clusters of 2\^40/,
    );
    assert.match(
      refused((b) => b.writeUInt32BE(0, 36)),
      /damaged header/,
    );
  });

  it('survive any bytes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('QFI\xfb', '\x7fELF', ''),
        fc.uint8Array({ maxLength: 2048 }),
        fc.constantFrom<ImageRole>('boot-iso', 'disk', 'kernel', 'initrd'),
        (magic, rest, role) => {
          const bytes = Buffer.concat([Buffer.from(magic, 'latin1'), rest]);
          assert.ok(check(role, bytes).length > 0);
        },
      ),
    );
  });
});

describe('CernVM blocks', () => {
  const block = (text: string): Buffer => Buffer.concat([Buffer.from(text), Buffer.alloc(blockBytes - text.length)]);
  const certificate = Buffer.from('PEM').toString('base64');

  it('are read whole, and repaired only where real images are known to be damaged', () => {
    const good = `{"howto": "x <signature>",\n"by": "CN=cvm-sign01.cern.ch",\n"certificate": "${certificate}", "signature": "AQI="}`;
    const damaged = good.replace('<signature>",', '<signature>"').replace('cern.ch",', 'cern.ch" ');
    for (const text of [good, damaged]) assert.deepEqual(readSignatureBlock(block(text)), { certificate: 'PEM', signature: Uint8Array.of(1, 2) });
    assert.match(String(readSignatureBlock(block(good.replace('", "signature', '" "signature')))), /not JSON/);
    assert.equal(readVersion(block('{"ucernvm-version": "2.8", "branch": "HEAD",\n}')), '2.8');
    assert.equal(readVersion(block('{"ucernvm-version": "2.8", "branch": "HEAD", "x": 1}')), '2.8');
    assert.equal(readVersion(block('{"ucernvm-version": "a\\nb"}')), undefined);
  });

  it('never throw', () => {
    assert.match(String(readSignatureBlock(block(''))), /empty/);
    assert.match(String(readSignatureBlock(block('[1]'))), /not a JSON object/);
    assert.match(String(readSignatureBlock(block('{"certificate": "%%%"}'))), /no "certificate" in base64/);
    assert.match(String(readSignatureBlock(block(`{"certificate": "${certificate}", "signature": 7}`))), /no "signature" in base64/);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof readSignatureBlock(bytes) === 'string' && readVersion(bytes) === undefined));
  });
});

describe('names and delays', () => {
  const hash = 'a'.repeat(64);
  it('encode every reserved character, and fall back to a hash', () => {
    assert.equal(cacheName('https://vo.example/a(b)?c', 'boot-iso', true, hash), 'https%3A%2F%2Fvo.example%2Fa%28b%29%3Fc');
    assert.equal(cacheName('https://vo.example/a', 'disk', true, hash), 'https%3A%2F%2Fvo.example%2Fa,disk');
    assert.equal(cacheName('https://vo.example/a', 'disk', false, hash), `https%3A%2F%2Fvo.example%2Fa-${'a'.repeat(32)},disk`);
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true }), fc.boolean(), (url, plain) => {
        const name = cacheName(url, 'kernel', plain, hash);
        return name.length <= 220 && /^[A-Za-z0-9_.~%,-]+$/.test(name) && !/\.(resume|meta|link)$/.test(name);
      }),
    );
  });
  it('double from 10 s to 10 min', () => {
    assert.deepEqual([1, 2, 3, 6, 7, 8, 1e9].map(retryDelay), [10, 20, 40, 320, 600, 600, 600]);
  });
});
