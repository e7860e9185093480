import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { testCa } from '../http/test-ca.ts';
import { cernvmSignature } from './cernvm-signature.ts';
import { requireDn } from './signer.ts';
import { isoImage, signedImage } from './test-images.ts';
import { World } from './test-world.ts';

const dn = '/DC=ch/DC=cern/OU=computers/CN=cvm-sign01.cern.ch';
const now = 1_700_000_000_000; // as in World
const ca = testCa('/DC=ch/DC=cern/CN=Test Root', now);
const middle = ca.issue('/DC=ch/DC=cern/CN=Test CA', { authority: true });
const signer = middle.issue(dn);

async function withCas(): Promise<World> {
  const world = await World.open();
  await mkdir(world.settings().caDir);
  await writeFile(join(world.settings().caDir, 'root.pem'), ca.certificate);
  await writeFile(join(world.settings().caDir, '12ab34cd.0'), middle.certificate);
  return world;
}

describe('CernVM signatures', () => {
  it('are enforced with image_signing_dn, also on images with the known damage', async () => {
    await using world = await withCas();
    for (const [name, damage] of [
      ['whole', {}],
      ['damaged', { metadata: true, signature: true }],
    ] as const) {
      const image = signedImage(isoImage(), signer, damage);
      world.serve = (_request, response) => response.writeHead(200, { 'content-length': image.length }).end(image);
      const machinetype = world.machinetype({ rootImage: `${world.url}/${name}`, imageSigningDn: 'CN=cvm-sign\\d+\\.cern\\.ch' });
      world.want(machinetype);
      await world.ready(machinetype);
      const { rootImage } = await world.images.files(machinetype);
      assert.deepEqual(await cernvmSignature(rootImage, world.settings().caDir, new Date(now)), {
        ok: true,
        lines: [`${rootImage}: the signature is valid`, `DN       ${dn}`, 'version  2.8-6.cernvm.x86_64'],
      });
    }
  });

  it('are refused when forged, of a foreign chain, expired, by another signer, or not there', async () => {
    await using world = await withCas();
    const good = signedImage(isoImage(), signer);
    const forged = Buffer.from(good);
    forged.writeUInt8(1, 100);
    const stranger = testCa('/DC=ch/DC=cern/CN=Test Root', now).issue(dn);
    const notAnAuthority = middle.issue('/CN=host', {}).issue(dn);
    const images: Record<string, readonly [Buffer, RegExp]> = {
      forged: [forged, /does not fit the content/],
      'other-key': [signedImage(isoImage(), { certificate: signer.certificate, key: stranger.key }), /does not fit the content/],
      stranger: [signedImage(isoImage(), stranger), /does not come from a CA in .*ca; its issuer is \/DC=ch\/DC=cern\/CN=Test Root/],
      'not-a-ca': [signedImage(isoImage(), notAnAuthority), /does not come from a CA/],
      'self-signed': [signedImage(isoImage(), testCa(dn, now)), /does not come from a CA/],
      expired: [signedImage(isoImage(), middle.issue(dn, { days: -1 })), /is valid only from/],
      other: [signedImage(isoImage(), middle.issue('/CN=somebody')), /signed by \/CN=somebody, which image_signing_dn "cvm-sign" does not match/],
      unsigned: [Buffer.concat([isoImage(0, 64), Buffer.alloc(32_768)]), /no signature: the last 32 KiB are empty/],
      short: [isoImage(), /no signature: it has 40960 bytes; valid are more than 65536/],
    };
    const all = Object.keys(images).map((name) => world.machinetype({ name, rootImage: `${world.url}/${name}`, imageSigningDn: 'cvm-sign' }));
    world.serve = (request, response) => {
      const image = images[request.url?.slice(1) ?? '']?.[0] ?? Buffer.alloc(0);
      response.writeHead(200, { 'content-length': image.length }).end(image);
    };
    world.want(...all);
    for (const machinetype of all) await world.refused(machinetype, images[machinetype.name]?.[1] ?? /^$/);
  });

  it('hold for files of this host too, and need a CA directory', async () => {
    await using world = await World.open();
    const file = join(world.directory, 'image');
    await writeFile(file, signedImage(isoImage(), signer));
    const machinetype = world.machinetype({ rootImage: file, imageSigningDn: 'cvm-sign' });
    world.want(machinetype);
    await world.refused(machinetype, /cannot be checked, because .*ca holds no CA certificates/);
    assert.equal((await cernvmSignature(file, world.settings().caDir, new Date(now))).ok, false);
    assert.match((await cernvmSignature('/nonexistent', '/', new Date(now))).lines[0] ?? '', /ENOENT/);
    await mkdir(world.settings().caDir);
    for (const [name, { certificate }] of [
      ['a.pem', ca],
      ['b.pem', middle],
    ] as const)
      await writeFile(join(world.settings().caDir, name), certificate);
    world.clock.advanceIdle(10);
    world.want(machinetype);
    await world.ready(machinetype);
  });

  it('are checked again every day: a CA that was withdrawn counts no more', async () => {
    await using world = await withCas();
    const image = signedImage(isoImage(), signer);
    world.serve = (_request, response) => response.writeHead(200, { 'content-length': image.length, etag: '"v"' }).end(image);
    const machinetype = world.machinetype({ imageSigningDn: 'cvm-sign' });
    world.want(machinetype);
    await world.ready(machinetype);
    await writeFile(join(world.settings().caDir, 'root.pem'), '');
    await world.clock.advance(86_400);
    await world.refused(machinetype, /does not come from a CA/);
  });

  it('are not matched with patterns that never end', () => {
    requireDn(dn, '^/DC=ch/');
    assert.throws(() => requireDn(dn, '^(([a-zA-Z0-9=/.-])+)+!$'), /cannot be used: .*timed out/);
    assert.throws(() => requireDn(dn, '('), /cannot be used: .*Invalid regular expression/);
  });
});
