import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { downloadTo, fetchLimited, HttpFetchError, maskUrl, pipeGuard, redirectGuard } from './http-fetch.ts';
import { testCa } from './http/test-ca.ts';
import { version } from './version.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vacua-http-'));
});
after(() => rm(dir, { recursive: true, force: true }));

async function serving<T>(listener: RequestListener, use: (url: string) => Promise<T>, server: Server = createServer(listener)): Promise<T> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

const options = (more: object = {}) => ({ timeoutSeconds: 60, maxBytes: 1000, caDir: join(dir, 'none'), signal: new AbortController().signal, ...more });
const code =
  (wanted: string, text?: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof HttpFetchError, String(error));
    assert.equal(error.code, wanted);
    if (text !== undefined) assert.match(error.message, text);
    return true;
  };

describe('fetchLimited', () => {
  it('names itself and returns status, headers and body', async () => {
    await serving(
      (request, response) => response.setHeader('x-agent', String(request.headers['user-agent'])).end('hello'),
      async (url) => {
        const got = await fetchLimited(`${url}/a`, options());
        assert.deepEqual([got.status, got.headers.get('x-agent'), Buffer.from(got.body).toString()], [200, `Vacua ${version}`, 'hello']);
      },
    );
  });

  it('leaves the status to the caller, without a body', async () => {
    await serving(
      (_request, response) => response.writeHead(404).end('<html>'),
      async (url) => assert.deepEqual(await fetchLimited(url, options()).then((f) => [f.status, f.body.byteLength]), [404, 0]),
    );
  });

  it('follows redirects, but not in circles nor to other protocols, and keeps credentials from other hosts', async () => {
    await serving(
      (request, response) => {
        const target = { '/a': '/b', '/loop': '/loop', '/file': 'file:///etc/passwd?token=secret', '/nowhere': undefined, '/other': 'http://localhost:' }[
          request.url ?? ''
        ];
        if (request.url === '/b') response.end(request.headers.authorization ?? 'none');
        else if (request.url === '/other') response.writeHead(302, { location: `http://localhost:${(request.socket.localPort ?? 0).toString()}/b` }).end();
        else response.writeHead(302, target === undefined ? {} : { location: target }).end();
      },
      async (url) => {
        const text = async (path: string): Promise<string> =>
          Buffer.from((await fetchLimited(url + path, options({ headers: { authorization: 'x' } }))).body).toString();
        assert.equal(await text('/a'), 'x');
        assert.equal(await text('/other'), 'none');
        await assert.rejects(text('/loop'), code('HTTP_REDIRECT', /more than 5/));
        await assert.rejects(text('/file'), code('HTTP_REDIRECT', /file:\/\/\/etc\/passwd\?\*\*\*".*valid are http/));
        await assert.rejects(text('/nowhere'), code('HTTP_REDIRECT', /without a Location/));
      },
    );
  });

  it('connects to no address that is forbidden, be it written, resolved or redirected to', async () => {
    const asked: (readonly [string, number])[] = [];
    const forbidden = (address: string, redirects: number): string | undefined => {
      asked.push([address, redirects]);
      return redirects > 0 ? 'an address of a test' : undefined;
    };
    let requests = 0;
    await serving(
      (request, response) => {
        requests++;
        if (request.url === '/name') response.writeHead(302, { location: `http://localhost:${request.socket.localPort}/end` }).end();
        else if (request.url === '/address') response.writeHead(302, { location: '/end' }).end();
        else response.end('reached');
      },
      async (url) => {
        const { port } = new URL(url);
        const refused = code('HTTP_FORBIDDEN', /leads to (127\.0\.0\.1|::1), an address of a test, which a vacuum pipe may not.*valid: a server elsewhere/);
        await assert.rejects(fetchLimited(`${url}/name`, options({ forbidden })), refused);
        await assert.rejects(fetchLimited(`${url}/address`, options({ forbidden })), refused);
        assert.deepEqual(asked[0], ['127.0.0.1', 0]);
        assert.equal(requests, 2, 'what was forbidden was never asked');
        for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '[::ffff:127.0.0.1]', '[::1]'])
          await assert.rejects(fetchLimited(`http://${host}:${port}/end`, options({ forbidden: pipeGuard('') })), code('HTTP_FORBIDDEN', /a loopback address/));
        await assert.rejects(downloadTo(`${url}/end`, join(dir, 'never'), options({ forbidden: pipeGuard('') })), code('HTTP_FORBIDDEN'));
        assert.equal(requests, 2);
        const reached = await fetchLimited(`http://localhost:${port}/end`, options({ forbidden: pipeGuard('localhost') }));
        assert.equal(Buffer.from(reached.body).toString(), 'reached');
        await assert.rejects(fetchLimited(`${url}/name`, options({ forbidden: redirectGuard('http://vo.example.org/pipe') })), code('HTTP_FORBIDDEN'));
        assert.equal((await fetchLimited(`${url}/name`, options({ forbidden: redirectGuard(url) }))).status, 200);
      },
    );
  });

  it('limits what is announced, what is sent and what it unpacks to', async () => {
    await serving(
      (request, response) => {
        if (request.url === '/announced') response.writeHead(200, { 'content-length': 2000 }).end(Buffer.alloc(2000));
        else if (request.url === '/chunks') response.write(Buffer.alloc(900), () => response.end(Buffer.alloc(900)));
        else response.writeHead(200, { 'content-encoding': request.url?.slice(1) }).end(gzipSync(Buffer.alloc(request.url === '/x-gzip' ? 900 : 100_000)));
      },
      async (url) => {
        await assert.rejects(fetchLimited(`${url}/announced`, options()), code('HTTP_TOO_LARGE', /2000 bytes; valid are at most 1000/));
        await assert.rejects(fetchLimited(`${url}/chunks`, options()), code('HTTP_TOO_LARGE'));
        await assert.rejects(fetchLimited(`${url}/gzip`, options()), code('HTTP_TOO_LARGE', /unpacks/));
        await assert.rejects(fetchLimited(`${url}/br`, options()), code('HTTP_ENCODING', /cannot be unpacked as br/));
        await assert.rejects(fetchLimited(`${url}/toString`, options()), code('HTTP_ENCODING', /"tostring"; valid are/));
        assert.equal((await fetchLimited(`${url}/x-gzip`, options())).body.byteLength, 900);
      },
    );
  });

  it('gives up on the silent, the slow and when told to', async () => {
    await serving(
      (request, response) => void (request.url === '/half' && response.writeHead(200, { 'content-length': 9 }).write('x')),
      async (url) => {
        await assert.rejects(fetchLimited(`${url}/half`, options({ timeoutSeconds: 0.05 })), code('HTTP_TIMEOUT', /not complete after 0.05 s/));
        await assert.rejects(fetchLimited(url, options({ lowSpeed: { bytesPerSecond: 10, seconds: 0.05 } })), code('HTTP_SLOW', /fewer than 10 bytes/));
        await assert.rejects(fetchLimited(url, options({ signal: AbortSignal.abort() })), code('HTTP_ABORTED'));
      },
    );
  });

  it('reports broken connections, refused ones and bad URLs with credentials masked', async () => {
    await serving(
      (_request, response) => void response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy()),
      async (url) => assert.rejects(fetchLimited(url, options()), code('HTTP_TRUNCATED', /after 1 of 9 bytes/)),
    );
    await assert.rejects(
      fetchLimited('http://me:secret@127.0.0.1:1/x', options()),
      code('HTTP_CONNECT', /^http:\/\/\*\*\*@127.0.0.1:1\/x: connection refused$/),
    );
    await assert.rejects(fetchLimited('ftp://host/x', options()), code('HTTP_URL', /valid are http/));
    assert.equal(maskUrl('https://a:b\n@host/p@q'), 'https://***@host/p@q');
    for (const query of ['?token=secret', '?a=1\n&token=secret', '#secret', '?']) assert.equal(maskUrl(`https://host/p${query}`), 'https://host/p?***');
    const secret = 'http://127.0.0.1:1/x?token=secret';
    await assert.rejects(fetchLimited(secret, options()), code('HTTP_CONNECT', /^http:\/\/127.0.0.1:1\/x\?\*\*\*: connection refused$/));
  });

  it('verifies servers against the system and caDir, and never goes back from https to http', async () => {
    const ca = testCa('/DC=org/CN=Test CA');
    const server = ca.issue('/CN=127.0.0.1', { ip: '127.0.0.1' });
    const caDir = await mkdtemp(join(dir, 'ca-'));
    const tls = createTlsServer({ cert: server.certificate, key: server.key }, (request, response) => {
      if (request.url === '/down') response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
      else response.end('secure');
    });
    await serving(
      () => undefined,
      async (plain) => {
        const url = plain.replace('http:', 'https:');
        await assert.rejects(fetchLimited(url, options({ caDir: join(dir, 'none') })), code('HTTP_TLS', /certificate is not accepted.*none/));
        await assert.rejects(fetchLimited(url, options({ caDir })), code('HTTP_TLS'));
        await writeFile(join(caDir, 'abcd1234.0'), ca.certificate);
        assert.equal(Buffer.from((await fetchLimited(url, options({ caDir }))).body).toString(), 'secure');
        await assert.rejects(fetchLimited(`${url}/down`, options({ caDir })), code('HTTP_REDIRECT', /from https to http/));
      },
      tls,
    );
  });
});

describe('downloadTo', () => {
  const content = Buffer.from(Array.from({ length: 500 }, (_v, i) => i & 255));

  it('continues a part by Range and If-Range, and starts anew when the version has changed', async () => {
    let etag = '"v1"';
    const ranges: (string | undefined)[] = [];
    let lose = (): unknown => undefined;
    const losing = options({ onProgress: (bytes: number) => bytes === 200 && lose() });
    await serving(
      (request, response) => {
        ranges.push(request.headers.range);
        if (request.headers['if-range'] === etag) {
          const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1]);
          response.writeHead(206, { etag, 'content-range': `bytes ${from}-499/500`, 'content-length': 500 - from }).end(content.subarray(from));
        } else {
          response.writeHead(200, { etag, 'content-length': 500 });
          if (ranges.length % 2 === 1) {
            response.write(content.subarray(0, 200));
            lose = () => response.destroy();
          } else response.end(content);
        }
      },
      async (url) => {
        const file = join(dir, 'resumed');
        await assert.rejects(downloadTo(url, file, losing), code('HTTP_TRUNCATED', /200 of 500/));
        const seen: (number | undefined)[][] = [];
        const got = await downloadTo(url, file, options({ onProgress: (...a: (number | undefined)[]) => seen.push(a) }));
        assert.deepEqual(got, { modified: true, bytes: 500, validators: { etag: '"v1"' } });
        assert.deepEqual(await readFile(file), content);
        assert.deepEqual(seen[0], [200, 500]);
        assert.equal((await stat(file)).mode & 0o777, 0o600);

        await assert.rejects(downloadTo(url, file, losing), code('HTTP_TRUNCATED'));
        etag = '"v2"';
        assert.deepEqual(await downloadTo(url, file, options()), { modified: true, bytes: 500, validators: { etag: '"v2"' } });
        assert.deepEqual(await readFile(file), content);
        assert.deepEqual(ranges, [undefined, 'bytes=200-', undefined, 'bytes=200-']);
      },
    );
  });

  it('does not believe a 206 that does not fit its part, nor continue after 416', async () => {
    const file = join(dir, 'misfit');
    for (const status of [206, 416]) {
      await writeFile(file, 'part');
      await serving(
        (request, response) => {
          if (request.headers.range === undefined) response.writeHead(200, { 'content-length': 500 }).end(content);
          else response.writeHead(status, { 'content-range': 'bytes 0-1/500', 'content-length': 2 }).end('xx');
        },
        async (url) => {
          await writeFile(`${file}.resume`, JSON.stringify({ url, validator: '"v"' }));
          assert.deepEqual(await downloadTo(url, file, options()), { modified: true, bytes: 500, validators: {} });
          assert.deepEqual(await readFile(file), content);
        },
      );
    }
  });

  it('asks whether the copy at hand is still current', async () => {
    await serving(
      (request, response) =>
        response.writeHead(request.headers['if-none-match'] === '"v"' && request.headers['if-modified-since'] === 'then' ? 304 : 200).end(),
      async (url) =>
        assert.deepEqual(await downloadTo(url, join(dir, 'known'), options({ known: { etag: '"v"', lastModified: 'then' } })), { modified: false }),
    );
  });

  it('refuses other statuses, answers without an end, and those that are too large', async () => {
    await serving(
      (request, response) => {
        if (request.url === '/500') response.writeHead(500).end();
        else if (request.url === '/open') response.socket?.end('HTTP/1.0 200 OK\r\n\r\nabc');
        else response.writeHead(200, { 'content-length': 2000 }).end(Buffer.alloc(2000));
      },
      async (url) => {
        const file = join(dir, 'refused');
        await assert.rejects(downloadTo(`${url}/500`, file, options()), code('HTTP_STATUS', /status 500; valid are 200/));
        await assert.rejects(downloadTo(`${url}/open`, file, options()), code('HTTP_TRUNCATED', /Content-Length/));
        assert.deepEqual(await downloadTo(`${url}/open`, file, options({ framedOnly: false })), { modified: true, bytes: 3, validators: {} });
        await assert.rejects(downloadTo(`${url}/large`, file, options()), code('HTTP_TOO_LARGE'));
        await assert.rejects(stat(file), { code: 'ENOENT' });
      },
    );
  });

  it('says so when the disk is full, before or while writing, and frees what it took', async () => {
    await serving(
      (_request, response) => response.writeHead(200, { 'content-length': 500 }).end(content),
      async (url) => {
        await assert.rejects(downloadTo(url, join(dir, 'room'), options({ minFreeBytes: 2 ** 60 })), code('HTTP_DISK', /are free/));
        await assert.rejects(downloadTo(url, '/dev/null/x', options()), code('HTTP_DISK', /cannot be written to/));
      },
    );
  });

  it('says so when the disk is full while writing, and frees what it took', {
    skip: process.getuid?.() !== 0 && 'needs root to mount a small file system',
  }, async (t) => {
    const small = await mkdtemp(join(dir, 'small-'));
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]).status !== 0) return t.skip('mount is forbidden here');
    try {
      await serving(
        (_request, response) => response.write(Buffer.alloc(50_000), () => response.end(Buffer.alloc(50_000))),
        async (url) => {
          await assert.rejects(downloadTo(url, join(small, 'f'), options({ maxBytes: 1e6 })), code('HTTP_DISK', /no space left/));
          assert.deepEqual(await readdir(small), []);
        },
      );
    } finally {
      spawnSync('umount', [small]);
    }
  });
});
