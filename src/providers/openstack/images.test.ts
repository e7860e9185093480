import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { CloudImage } from '../contract.ts';
import { StandIn } from './stand-in.ts';
import { fails, kit, never, orderOf, space } from './test-kit.ts';

describe('images of the cache', () => {
  let cloud: StandIn;
  const root = mkdtempSync(join(tmpdir(), 'vacua-images-'));
  const path = join(root, 'disk.img');
  const image: CloudImage = { kind: 'file', path, source: 'https://example.com/disk.img' };
  before(async () => {
    cloud = await StandIn.open();
  });
  after(async () => {
    await cloud.close();
    rmSync(root, { recursive: true });
  });
  beforeEach(() => {
    cloud.heal();
    cloud.servers.length = 0;
    cloud.images.length = 0;
    cloud.asked.length = 0;
    writeFileSync(path, Buffer.alloc(100_000, 1));
  });

  it('one upload for each content, in chunks, however many machines and managers want it', async () => {
    const { provider } = kit(cloud.api());
    await Promise.all(Array.from({ length: 5 }, () => provider.create(orderOf({ image }), never())));
    const uploads = cloud.asked.filter((a) => a.method === 'PUT');
    assert.deepEqual(
      uploads.map((u) => [u.body.length, u.headers['transfer-encoding'], u.headers['content-type']]),
      [[100_000, 'chunked', 'application/octet-stream']],
    );
    const [stored] = cloud.images;
    assert.deepEqual(
      [stored?.['name'], stored?.['disk_format'], stored?.['visibility'], stored?.['vacua_space'], String(stored?.['vacua_sha256']).length],
      ['https://example.com/disk.img', 'raw', 'private', space, 64],
    );
    const other = kit(cloud.api());
    await other.provider.create(orderOf({ image }), never());
    assert.equal(cloud.count('PUT', /file/), 1);
    await Promise.all([provider.close(), other.provider.close()]);
  });

  it('a changed source is uploaded anew; the old image goes when no server of ours needs it', async () => {
    const { provider } = kit(cloud.api());
    const first = orderOf({ image });
    await provider.create(first, never());
    const server = cloud.servers[0];
    if (server !== undefined) server['image'] = { id: cloud.images[0]?.['id'] };
    const old = String(cloud.images[0]?.['id']);
    writeFileSync(path, Buffer.alloc(100_001, 2));
    await provider.create(orderOf({ image }), never());
    assert.equal(cloud.images.length, 2);
    await provider.list(never());
    await provider.close();
    assert.equal(cloud.images.length, 2, 'in use');
    const next = kit(cloud.api());
    await next.provider.create(orderOf({ image }), never());
    await next.provider.destroy(first.id, never());
    await next.provider.list(never());
    await next.provider.close();
    assert.deepEqual(
      cloud.images.map((i) => i['id'] === old),
      [false],
    );
  });

  it('an image with our properties in another project is not believed', async () => {
    const { provider } = kit(cloud.api());
    await provider.create(orderOf({ image }), never());
    const [stored] = cloud.images;
    if (stored !== undefined) stored['owner'] = 'somebody';
    const other = kit(cloud.api());
    await other.provider.create(orderOf({ image }), never());
    assert.equal(cloud.count('PUT', /file/), 2);
    await Promise.all([provider.close(), other.provider.close()]);
  });

  it('what a broken upload leaves is removed, and the next machine tries again', async () => {
    const { provider } = kit(cloud.api());
    cloud.next('PUT', /file/, { status: 500, body: { message: 'broken', code: '500 Internal Server Error' } });
    await assert.rejects(provider.create(orderOf({ image }), never()), fails('SERVER_ERROR', { fault: 'provider' }));
    assert.deepEqual(cloud.images, []);
    cloud.answer((a) =>
      a.method === 'GET' && /v2\/images\/0/.test(a.path)
        ? { status: 200, body: { ...cloud.images[0], os_hash_algo: 'sha512', os_hash_value: 'other' } }
        : undefined,
    );
    await assert.rejects(provider.create(orderOf({ image }), never()), fails('IMAGE_GARBLED', { fault: 'provider' }));
    cloud.heal();
    cloud.always('GET', /v2\/images\/0/, { status: 200, body: { id: 'x', status: 'importing', created_at: '2026-11-20T14:03:02Z' } });
    await assert.rejects(provider.create(orderOf({ image }), never()), fails('IMAGE_NOT_ACTIVE', { fault: 'provider' }));
    assert.deepEqual(cloud.images, []);
    cloud.heal();
    await provider.create(orderOf({ image }), never());
    await provider.close();
  });

  it('a file that is not there is ours', async () => {
    const { provider } = kit(cloud.api());
    await assert.rejects(
      provider.create(orderOf({ image: { kind: 'file', path: join(root, 'none'), source: 'x' } }), never()),
      fails('IMAGE_FILE_UNREADABLE', { fault: 'host' }),
    );
    await provider.close();
  });
});
