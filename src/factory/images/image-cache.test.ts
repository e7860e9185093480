import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, link, readdir, readFile, rename, stat, truncate, unlink } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { layout } from '../layout.ts';
import { downloadTo, HttpFetchError } from '../http-fetch.ts';
import { initrdImage, isoImage, kernelImage, qcow2Image } from './test-images.ts';
import { World } from './test-world.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const send = (response: ServerResponse, body: Buffer, headers: Record<string, string> = {}): unknown =>
  response.writeHead(200, { 'content-length': String(body.length), ...headers }).end(body);
const cached = async (world: World): Promise<string[]> => (await readdir(layout(world.directory).images)).filter((name) => name !== 'meta' && name !== 'tmp');
const part = (world: World): Promise<string[]> => readdir(join(layout(world.directory).images, 'tmp'));

describe('image cache', () => {
  it('downloads what is wanted, once for all machinetypes, into private directories', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage());
    const [one, two] = [world.machinetype({ name: 'one' }), world.machinetype({ name: 'two', model: 'cernvm4' })];
    assert.deepEqual(world.images.preparation(one), { ready: false, why: 'its image has not been looked for yet' });
    world.want(one, two);
    world.want(one, two);
    await world.ready(one);
    await world.ready(two);
    const { rootImage } = await world.images.files(one);
    assert.deepEqual(await world.images.files(two), { rootImage });
    assert.deepEqual(await readFile(rootImage), isoImage());
    assert.equal(rootImage, join(layout(world.directory).images, encodeURIComponent(`${world.url}/a.iso`)));
    assert.deepEqual(world.requests, ['/a.iso']);
    assert.equal((await stat(layout(world.directory).images)).mode & 0o777, 0o700);
  });

  it('shares one download between machinetypes that demand different things of one URL', async () => {
    await using world = await World.open();
    const image = isoImage(7);
    world.serve = (_request, response) => send(response, image, { etag: '"v"' });
    const plain = world.machinetype({ name: 'plain' });
    const pinned = world.machinetype({ name: 'pinned', rootImageSha256: sha256(image) });
    const wrong = world.machinetype({ name: 'wrong', rootImageSha256: 'ab'.repeat(32) });
    world.want(plain, pinned, wrong);
    await world.ready(plain);
    await world.ready(pinned);
    const why = await world.refused(wrong, /SHA-256/);
    assert.match(why, new RegExp(`${world.url}/a.iso: its SHA-256 is ${sha256(image)}; valid is ${'ab'.repeat(32)}.*; next try at \\d\\d:\\d\\d:\\d\\d UTC$`));
    await assert.rejects(world.images.files(wrong), /SHA-256/);
    assert.deepEqual(world.requests, ['/a.iso']);
  });

  it('asks nothing of its own host for a pipe, nor lends it what the site has from there', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage());
    const [own, tenants] = [world.machinetype({ name: 'own' }), world.machinetype({ name: 'vo-prod', pipe: { host: '', names: ['rootImage'] } })];
    const here = world.machinetype({ name: 'here-prod', pipe: { host: '127.0.0.1', names: ['rootImage'] } });
    world.want(own, tenants, here);
    await world.ready(own);
    await world.ready(here);
    assert.match(await world.refused(tenants, /loopback/), /leads to 127\.0\.0\.1, a loopback address, which a vacuum pipe may not make this host ask/);
    assert.deepEqual(world.requests, ['/a.iso', '/a.iso']);
    assert.notEqual((await world.images.files(own)).rootImage, (await world.images.files(here)).rootImage);
  });

  it('asks again after ten minutes, not per want, and keeps the copy on 304', async () => {
    await using world = await World.open();
    const asked: (string | undefined)[] = [];
    world.serve = (request, response) => {
      asked.push(request.headers['if-none-match']);
      if (request.headers['if-none-match'] === '"v1"') response.writeHead(304).end();
      else send(response, isoImage(), { etag: '"v1"' });
    };
    const machinetype = world.machinetype({});
    world.want(machinetype);
    await world.ready(machinetype);
    await world.clock.advance(599);
    world.want(machinetype);
    await world.clock.advance(1);
    await world.clock.advance(0);
    assert.deepEqual(asked, [undefined, '"v1"']);
    assert.equal((await world.images.files(machinetype)).rootImage.length > 0, true);
  });

  it('takes a new version over without touching the one that machines hold', async () => {
    await using world = await World.open();
    let fill = 1;
    world.serve = (_request, response) => send(response, isoImage(fill), { etag: `"${fill}"` });
    const machinetype = world.machinetype({});
    world.want(machinetype);
    await world.ready(machinetype);
    const { rootImage } = await world.images.files(machinetype);
    await link(rootImage, join(world.directory, 'held'));
    fill = 2;
    await world.clock.advance(600);
    await world.clock.advance(0);
    assert.deepEqual(await readFile((await world.images.files(machinetype)).rootImage), isoImage(2));
    assert.deepEqual(await readFile(join(world.directory, 'held')), isoImage(1));
  });

  it('never asks again for a pinned image', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage());
    const machinetype = world.machinetype({ rootImageSha256: sha256(isoImage()).toUpperCase() });
    world.want(machinetype);
    await world.ready(machinetype);
    await world.clock.advance(86_400);
    await world.clock.advance(0);
    await world.restart();
    world.want(machinetype);
    await world.ready(machinetype);
    assert.deepEqual(world.requests, ['/a.iso']);
  });

  it('uses the last good copy when the server is down, says so, and does so after a restart', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage(), { etag: '"v"' });
    const machinetype = world.machinetype({});
    world.want(machinetype);
    await world.ready(machinetype);
    await world.stopServer();
    await world.clock.advance(600);
    assert.match(
      await world.until(() => world.images.notes()[0]),
      /connection refused; next try at .* UTC; until then the copy of 2023-11-14T22:13:20.000Z is used/,
    );
    await world.images.files(machinetype);
    await world.restart();
    world.want(machinetype);
    await world.ready(machinetype);
    assert.deepEqual(await readFile((await world.images.files(machinetype)).rootImage), isoImage());
  });

  it('keeps the good copy when a new version is refused, and does not download that version again', async () => {
    await using world = await World.open();
    let [body, etag] = [isoImage(), '"good"'];
    world.serve = (request, response) => (request.headers['if-none-match'] === etag ? response.writeHead(304).end() : send(response, body, { etag }));
    const machinetype = world.machinetype({});
    world.want(machinetype);
    await world.ready(machinetype);
    [body, etag] = [Buffer.from('<html>moved</html>'), '"bad"'];
    await world.clock.advance(600);
    const sent = world.requests.length;
    assert.match(await world.until(() => world.images.notes()[0]), /an HTML page; valid is an ISO 9660 image/);
    await world.clock.advance(10);
    await world.until(() => world.requests.length > sent + 1);
    await world.clock.advance(0);
    assert.match(world.images.notes()[0] ?? '', /an HTML page/);
    assert.deepEqual(await readFile((await world.images.files(machinetype)).rootImage), isoImage());
    [body, etag] = [isoImage(9), '"mended"'];
    await world.clock.advance(20);
    await world.until(() => world.images.notes().length === 0);
    assert.deepEqual(await readFile((await world.images.files(machinetype)).rootImage), isoImage(9));
  });

  it('continues a download that broke off, after 10 s, also in a new process, but not after a new boot', async () => {
    for (const reboot of [false, true]) {
      let lose = (): unknown => undefined;
      await using world = await World.open((url, file, options) => {
        const onProgress = (bytes: number, total: number | undefined): void => {
          options.onProgress?.(bytes, total);
          if (bytes === 10_000) lose();
        };
        return downloadTo(url, file, { ...options, onProgress });
      });
      const image = isoImage(3);
      const ranges: (string | undefined)[] = [];
      world.serve = (request, response) => {
        ranges.push(request.headers.range);
        if (request.headers.range !== undefined) {
          const from = Number(request.headers.range.slice(6, -1));
          response
            .writeHead(206, { etag: '"v"', 'content-length': image.length - from, 'content-range': `bytes ${from}-${image.length - 1}/${image.length}` })
            .end(image.subarray(from));
        } else if (ranges.length > 1) send(response, image, { etag: '"v"' });
        else {
          response.writeHead(200, { etag: '"v"', 'content-length': image.length }).write(image.subarray(0, 10_000));
          lose = () => response.destroy();
        }
      };
      const machinetype = world.machinetype({});
      world.want(machinetype);
      assert.match(await world.refused(machinetype, /next try/), /the connection broke after 10000 of 40960 bytes/);
      if (reboot) world.clock.bootId = 'boot-2';
      await world.restart();
      world.want(machinetype);
      await world.ready(machinetype);
      assert.deepEqual(await readFile((await world.images.files(machinetype)).rootImage), image);
      assert.deepEqual(ranges, [undefined, reboot ? undefined : 'bytes=10000-']);
      assert.deepEqual(await part(world), []);
    }
  });

  it('shows progress, and names failure and next try, waiting longer each time', async () => {
    let attempts = 0;
    let fail: (error: Error) => void = () => undefined;
    await using world = await World.open((url, _file, options) => {
      attempts++;
      options.onProgress?.(174e6, 512e6);
      return new Promise((_resolve, reject) => {
        fail = reject;
        options.signal.addEventListener('abort', () => reject(new HttpFetchError('HTTP_ABORTED', url, 'stopped')));
      });
    });
    const machinetype = world.machinetype({});
    world.want(machinetype);
    await world.until(() => attempts === 1);
    assert.deepEqual(world.images.preparation(machinetype), { ready: false, why: `downloading ${world.url}/a.iso 33 % of 512 MB` });
    fail(new HttpFetchError('HTTP_DISK', `${world.url}/a.iso`, 'cannot be written to /x: ENOSPC: no space left on device'));
    assert.match(await world.refused(machinetype, /next try/), /no space left on device; next try at 22:13:30 UTC/);
    await world.clock.advance(10);
    await world.until(() => attempts === 2);
    assert.match(JSON.stringify(world.images.preparation(machinetype)), /33 % of 512 MB \(the last try failed: .*no space left/);
    fail(new Error('odd'));
    await world.refused(machinetype, /a.iso: odd; next try at 22:13:50 UTC/);
    await world.clock.advance(19);
    assert.equal(attempts, 2);
    await world.clock.advance(1);
    await world.until(() => attempts === 3);
  });

  it('runs two downloads at a time, and none for what is not wanted any more', async () => {
    const running = new Set<string>();
    await using world = await World.open((url, _file, options) => {
      running.add(url);
      return new Promise((_resolve, reject) => {
        options.signal.addEventListener('abort', () => (running.delete(url), reject(new Error('stopped'))));
      });
    });
    const all = ['a', 'b', 'c'].map((name) => world.machinetype({ name, rootImage: `${world.url}/${name}` }));
    world.want(...all);
    await world.until(() => running.size === 2);
    const runs = (machinetype: { rootImage?: string }): boolean => running.has(machinetype.rootImage ?? '');
    const third = all.find((machinetype) => !runs(machinetype));
    const first = all.find(runs);
    assert.ok(first !== undefined && third !== undefined);
    await world.refused(third, /waiting for other downloads/);
    world.want(...all.filter((machinetype) => machinetype !== first));
    await world.until(() => runs(third));
    assert.deepEqual([running.size, runs(first)], [2, false]);
  });

  it('removes images an hour after the last want, and what earlier processes left', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage(), { etag: '"v"' });
    const [a, b] = ['a', 'b'].map((name) => world.machinetype({ name, rootImage: `${world.url}/${name}` }));
    assert.ok(a !== undefined && b !== undefined);
    world.want(a, b);
    await world.ready(a);
    await world.ready(b);
    await world.restart();
    world.want(a);
    await world.ready(a);
    assert.equal((await cached(world)).length, 2);
    await world.clock.advance(3599);
    world.want(a);
    await world.clock.advance(1);
    const gone = async (): Promise<boolean> => (await cached(world)).length === 1;
    while (!(await gone())) world.want(a);
    await world.images.files(a);
  });

  it('notices that a copy has been removed or changed behind its back', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage(), { etag: '"v"' });
    const machinetype = world.machinetype({});
    world.want(machinetype);
    await world.ready(machinetype);
    const { rootImage } = await world.images.files(machinetype);
    await unlink(rootImage);
    await assert.rejects(world.images.files(machinetype));
    await world.ready(machinetype);
    assert.equal((await world.images.files(machinetype)).rootImage, rootImage);
    assert.deepEqual(world.requests, ['/a.iso', '/a.iso']);
  });

  it('believes nothing of a copy that is not as it was, but verifies it again after a restart', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage(), { etag: '"v"' });
    const machinetype = world.machinetype({});
    world.want(machinetype);
    await world.ready(machinetype);
    const { rootImage } = await world.images.files(machinetype);
    await world.images.close();
    await truncate(rootImage, 35_000);
    await world.restart();
    world.want(machinetype);
    await world.ready(machinetype);
    assert.deepEqual(await readFile(rootImage), isoImage());
    assert.equal(world.requests.length, 2);
    await world.stopServer();
    await world.images.close();
    await copyFile(rootImage, `${rootImage}.moved`);
    await rename(`${rootImage}.moved`, rootImage);
    await world.restart();
    world.want(machinetype);
    await world.ready(machinetype);
    await world.images.files(machinetype);
  });

  it('refuses what servers should not send, each with a precise text', async () => {
    await using world = await World.open();
    const truncated = qcow2Image().subarray(0, 327_680);
    const backed = qcow2Image((b) => b.writeBigUInt64BE(512n, 8));
    world.serve = (request, response) => {
      const answers: Record<string, () => unknown> = {
        '/missing': () => response.writeHead(404).end(),
        '/loop': () => response.writeHead(302, { location: '/loop' }).end(),
        '/oversize': () => response.writeHead(200, { 'content-length': String(65e9) }).write('x'),
        '/truncated': () => send(response, truncated),
        '/backed': () => send(response, backed),
        '/endless': () => response.socket?.end('HTTP/1.0 200 OK\r\n\r\nabc'),
        '/kernel': () => send(response, kernelImage()),
      };
      answers[request.url ?? '']?.();
    };
    const expected: Record<string, RegExp> = {
      missing: /\/missing: status 404; valid are 200; next try/,
      loop: /more than 5 redirects/,
      oversize: /announces 65000000000 bytes; valid are at most 64000000000/,
      truncated: /a qcow2 image cut short: it has 327680 bytes, and its data continue at 327680/,
      backed: /backing file, which is refused; valid is one that stands alone/,
      endless: /announces no length/,
      kernel: /in format bzimage; valid is a qcow2 image/,
    };
    const all = Object.keys(expected).map((name) => world.machinetype({ name, model: 'vm-raw', rootImage: `${world.url}/${name}` }));
    world.want(...all);
    for (const machinetype of all) await world.refused(machinetype, expected[machinetype.name] ?? /^$/);
    assert.deepEqual(await cached(world), []);
    assert.deepEqual(await part(world), []);
  });

  it('serves kernel and initial RAM disk together', async () => {
    await using world = await World.open();
    world.serve = (request, response) => send(response, request.url === '/k' ? kernelImage() : initrdImage());
    const machinetype = world.machinetype({ model: 'kernel', rootImage: `${world.url}/k`, initrd: `${world.url}/i`, initrdSha256: sha256(initrdImage()) });
    world.want(machinetype);
    await world.ready(machinetype);
    const { rootImage, initrd } = await world.images.files(machinetype);
    assert.deepEqual([await readFile(rootImage), await readFile(initrd ?? '')], [kernelImage(), initrdImage()]);
  });

  it('says which machinetypes it cannot serve at all', async () => {
    await using world = await World.open();
    const { rootImage: _none, ...bare } = world.machinetype({});
    const why = (machinetype: typeof bare): string => JSON.stringify(world.images.preparation(machinetype));
    assert.match(why(bare), /root_image is not set/);
    assert.match(why({ ...bare, model: 'docker' }), /machine_model docker takes its image from a container engine.*valid are cernvm3/);
    assert.match(why(world.machinetype({ rootImage: 'docker://x/y' })), /scheme that is not served; valid are http/);
    assert.match(why(world.machinetype({ rootImage: 'http://' })), /is no valid URL/);
    world.want(world.machinetype({ targetShare: 0 }));
    assert.match(why(world.machinetype({ targetShare: 0 })), /target_share is 0, so its image is not fetched/);
    assert.match(why(world.machinetype({ rootImage: '../../etc/passwd' })), /leaves its directory, which is refused/);
  });

  it('does not show credentials, neither in texts nor in file names', async () => {
    await using world = await World.open();
    world.serve = (_request, response) => send(response, isoImage());
    const machinetype = world.machinetype({ rootImage: world.url.replace('//', '//user:secret@') });
    world.want(machinetype);
    await world.ready(machinetype);
    assert.doesNotMatch((await world.images.files(machinetype)).rootImage, /secret/);
  });
});
