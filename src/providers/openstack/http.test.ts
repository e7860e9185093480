import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createPlain, type RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Http } from './http.ts';
import { fails, never } from './test-kit.ts';

const closers: (() => void)[] = [];
async function listen(server: Server & { closeAllConnections(): void }): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
const get = (url: string, withinSeconds = 30) => ({ method: 'GET', url, headers: {}, withinSeconds }) as const;

describe('connections of a space', () => {
  const root = mkdtempSync(join(tmpdir(), 'vacua-http-'));
  after(() => {
    for (const close of closers) close();
    rmSync(root, { recursive: true });
  });

  it('only certificates of the CA file are accepted, for the right host', async () => {
    const [key, cert] = [join(root, 'key.pem'), join(root, 'cert.pem')];
    const subject = ['-subj', '/CN=cloud', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', ...subject],
      { stdio: 'ignore' },
    );
    const port = await listen(createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => response.end('fine')));
    const [trusting, other] = [new Http(cert), new Http()];
    assert.equal((await trusting.send(get(`https://127.0.0.1:${port}/`), never())).text, 'fine');
    await assert.rejects(other.send(get(`https://127.0.0.1:${port}/`), never()), fails('CERTIFICATE_REFUSED', { fault: 'host', whole: true }));
    await assert.rejects(trusting.send(get(`https://localhost:${port}/`), never()), fails('CERTIFICATE_REFUSED', { fault: 'host', whole: true }));
    await Promise.all([trusting.close(), other.close()]);
  });

  it('silence ends at the deadline of the request or of the caller, and a flood at its limit', async () => {
    const flood: RequestListener = (request, response) => {
      if (request.url === '/silent') return;
      const part = Buffer.alloc(1024 ** 2, 32);
      const pour = (): void => {
        while (!response.destroyed && response.write(part));
        if (!response.destroyed) response.once('drain', pour);
      };
      pour();
    };
    const port = await listen(createPlain(flood));
    const http = new Http();
    await assert.rejects(http.send(get(`http://127.0.0.1:${port}/silent`, 0.05), never()), fails('NO_ANSWER', { fault: 'provider', whole: true }));
    const abort = new AbortController();
    const given = http.send(get(`http://127.0.0.1:${port}/silent`), abort.signal);
    setImmediate(() => abort.abort());
    await assert.rejects(given, fails('ABORTED'));
    await assert.rejects(http.send(get(`http://127.0.0.1:${port}/flood`), never()), fails('ANSWER_TOO_LARGE', { fault: 'provider', whole: true }));
    await http.close();
  });
});
