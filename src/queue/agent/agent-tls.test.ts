import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { agentText } from './testing.ts';

const missing = ['openssl', 'curl', 'busybox'].filter((tool) => spawnSync('which', [tool]).status !== 0);

/** The agent's own way to speak HTTP, without the rest of it. */
const http = agentText.slice(0, agentText.indexOf('# --- Machine and job features'));

async function server(t: TestContext): Promise<{ readonly directory: string; readonly port: number; readonly heard: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-agent-tls-'));
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const about = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', ...about]);
  assert.equal(made.status, 0, String(made.stderr));
  const heard: string[] = [];
  const serving = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    let bytes = 0;
    request.on('data', (part: Buffer) => (bytes += part.length));
    request.on('end', () => {
      heard.push(`${request.method} ${request.url} ${bytes} ${request.headers.authorization}`);
      response.writeHead(201).end('word\n');
    });
  });
  await new Promise<void>((done) => serving.listen(0, '127.0.0.1', done));
  t.after(async () => {
    serving.closeAllConnections();
    await new Promise((done) => serving.close(done));
    rmSync(directory, { recursive: true });
  });
  return { directory, port: (serving.address() as AddressInfo).port, heard };
}

function shell(script: string, environment: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('busybox', ['sh', '-c', script], { env: { PATH: process.env['PATH'], ...environment }, stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
    child.on('close', () => resolve(text));
  });
}

for (const way of ['curl', 'nc']) {
  test(`https by ${way === 'nc' ? 'openssl' : way}: files go both ways, to servers with a certificate that holds alone`, {
    skip: missing.join(' ') || false,
  }, async (t) => {
    const { directory, port, heard } = await server(t);
    const ask = (rest: string): string =>
      `${http}\nqueue=https://localhost:${port}/q private=${directory} slot=main session=secret\nchoose_http; http=${way} nc='busybox nc'\nword() { IFS= read -r said; }\n${rest}`;
    const script = ask(
      'head -c 100000 /dev/zero >"$private/big"\nreader=word; request PUT "$queue/outputs/a" "$private/big"; echo "$code $said"; reader=word; request GET "$queue/x"; echo "$code $said"',
    );
    const trusted = join(directory, 'cert.pem');
    assert.equal(await shell(script, { SSL_CERT_FILE: trusted, CURL_CA_BUNDLE: trusted }), '201 word\n201 word\n');
    assert.deepEqual(heard.splice(0), ['PUT /q/outputs/a 100000 Bearer secret', 'GET /q/x 0 Bearer secret']);
    assert.equal(await shell(ask('request GET "$queue/x"; echo "$code"'), {}), '000\n');
    assert.deepEqual(heard, []);
  });
}
