import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isoImage, qcow2Image } from './test-images.ts';
import { World } from './test-world.ts';

describe('images that are files of this host', () => {
  it('are taken from an absolute path or from below the files directory', async () => {
    await using world = await World.open();
    await mkdir(join(world.directory, 'files/sub'), { recursive: true });
    await writeFile(join(world.directory, 'files/sub/a.iso'), isoImage());
    const relative = world.machinetype({ rootImage: 'sub/a.iso' });
    const absolute = world.machinetype({ rootImage: join(world.directory, 'files/sub/a.iso') });
    world.want(relative, absolute);
    for (const machinetype of [relative, absolute]) {
      await world.ready(machinetype);
      assert.deepEqual(await world.images.files(machinetype), { rootImage: join(world.directory, 'files/sub/a.iso') });
    }
  });

  it('are refused when missing, odd, wrong, or outside their directory', async () => {
    await using world = await World.open();
    const files = join(world.directory, 'files');
    await mkdir(join(files, 'directory'), { recursive: true });
    await writeFile(join(world.directory, 'secret.iso'), isoImage());
    await symlink('../secret.iso', join(files, 'escape'));
    await writeFile(join(files, 'page'), '<html>');
    await writeFile(join(files, 'good'), isoImage());
    spawnSync('mkfifo', [join(files, 'fifo')]);
    const refused: Record<string, RegExp> = {
      missing: /missing: no such file \(.*files\/missing\); next try at/,
      directory: /not a regular file/,
      fifo: /not a regular file/,
      escape: /leads to .*secret.iso, outside .*files, which is refused/,
      page: /an HTML page; valid is/,
    };
    for (const [name, text] of Object.entries(refused)) {
      const machinetype = world.machinetype({ rootImage: name });
      world.want(machinetype);
      await world.refused(machinetype, text);
      await assert.rejects(world.images.files(machinetype), /: /);
    }
    const pinned = world.machinetype({ rootImage: 'good', rootImageSha256: '00'.repeat(32) });
    world.want(pinned);
    await world.refused(pinned, new RegExp(`good: its SHA-256 is ${createHash('sha256').update(isoImage()).digest('hex')}; valid is 0000`));
  });

  it('are verified again when they change, and missing ones looked for again, without a turn for nothing', async () => {
    await using world = await World.open();
    const path = join(world.directory, 'image.iso');
    const machinetype = world.machinetype({ rootImage: path });
    let news = 0;
    world.images.onChange(() => news++);
    world.want(machinetype);
    await world.refused(machinetype, /no such file/);
    await assert.rejects(world.images.files(machinetype), /no such file/);
    assert.equal(news, 1);
    await writeFile(path, isoImage());
    world.want(machinetype);
    await world.ready(machinetype);
    await rm(path);
    await writeFile(path, qcow2Image());
    await assert.rejects(world.images.files(machinetype), /in format qcow2; valid is an ISO 9660 image/);
    assert.equal(world.images.preparation(machinetype).ready, false);
  });
});
