import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exampleMachinetype, exampleSettings } from '../../core/guest/fixture.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Settings } from '../../core/settings.ts';
import { fetchLimited } from '../http-fetch.ts';
import { layout } from '../layout.ts';
import { type FetchLimited, HostContextualiser } from './contextualiser.ts';
import { example, HandClock } from './fixture.ts';

interface Stage {
  readonly files: string;
  readonly userData: () => Promise<string>;
  readonly publicKey: () => Promise<string>;
  readonly userDataMode: () => Promise<number>;
  prepare(machinetype?: Partial<Machinetype>, settings?: Partial<Settings>): Promise<void>;
}

async function staged(fetch: FetchLimited, work: (stage: Stage) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'vacua-context-'));
  try {
    const places = layout(join(root, 'state'));
    const files = join(places.machinetype('vo'), 'files');
    await mkdir(files, { recursive: true });
    await writeFile(join(root, 'outside'), 'secret of the host');
    await writeFile(join(root, 'key.pub'), 'ssh-ed25519 AAAA root\n');
    const contextualiser = new HostContextualiser({ layout: places, clock: new HandClock(), fetch });
    const settings = { ...exampleSettings, rootPublicKey: join(root, 'key.pub'), caDir: '/nowhere', userDataFallback: false } as unknown as Settings;
    await work({
      files,
      userData: () => readFile(places.userData(example.id), 'utf8'),
      publicKey: () => readFile(places.rootPublicKey(example.id), 'utf8'),
      userDataMode: async () => (await stat(places.userData(example.id))).mode & 0o777,
      prepare: (machinetype, more) =>
        contextualiser.prepare(example, { ...exampleMachinetype, filesDir: files, ...machinetype }, { ...settings, ...more }, new AbortController().signal),
    });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const answering =
  (status: number, text: string): FetchLimited =>
  async () => ({ status, headers: new Headers(), body: Buffer.from(text) });
const unreachable: FetchLimited = async () => {
  throw new Error('https://vo.example.org/user_data: connection refused');
};

describe('HostContextualiser', () => {
  it('fetches the template anew for each machine, says who asks, and fills it in', () => {
    const seen: unknown[] = [];
    const fetch: FetchLimited = async (url, { headers, timeoutSeconds, caDir }) => {
      seen.push([url, headers?.['user-agent']?.replace(/[\d.]+$/, 'N'), timeoutSeconds, caDir]);
      return answering(200, '#!/bin/sh\n# ##user_data_uuid## ##user_data_space## ##user_data_option_queue##\n')(url, {} as never);
    };
    return staged(fetch, async (stage) => {
      await stage.prepare();
      await stage.prepare();
      assert.equal(await stage.userData(), `#!/bin/sh\n# ${example.id} vac01.example.com short\n`);
      assert.equal(await stage.userDataMode(), 0o600);
      assert.equal(await stage.publicKey(), 'ssh-ed25519 AAAA root\n');
      const once = ['https://vo.example.org/user_data', 'Vacua N', 30, '/nowhere'];
      assert.deepEqual(seen, [once, once]);
    });
  });

  it('hands no error page to a machine', () =>
    staged(answering(404, '<html>'), async (stage) => {
      await assert.rejects(stage.prepare(), { message: 'user_data: https://vo.example.org/user_data: HTTP status 404; 200 is needed' });
      await assert.rejects(stage.userData(), { code: 'ENOENT' });
    }));

  it('uses the last good copy when the server fails and the site allows it, and only then', () => {
    let fetch = answering(200, 'good');
    return staged(
      (...given) => fetch(...given),
      async (stage) => {
        await stage.prepare({}, { userDataFallback: true });
        for (const broken of [unreachable, answering(503, 'busy')]) {
          fetch = broken;
          await stage.prepare({}, { userDataFallback: true });
          assert.equal(await stage.userData(), 'good');
          await assert.rejects(stage.prepare({}, { userDataFallback: false }), /connection refused|HTTP status 503/);
        }
        fetch = answering(410, 'gone');
        await assert.rejects(stage.prepare({}, { userDataFallback: true }), /HTTP status 410/);
        fetch = unreachable;
        await assert.rejects(stage.prepare({ userData: 'https://vo.example.org/other' }, { userDataFallback: true }), /connection refused/);
      },
    );
  });

  it('asks nothing of its own host for a pipe, and uses no copy then', async () => {
    let requests = 0;
    const server = createServer((_request, response) => response.end(`secret ${++requests}`));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    try {
      const userData = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await staged(fetchLimited, async (stage) => {
        await stage.prepare({ userData }, { userDataFallback: true });
        assert.equal(await stage.userData(), 'secret 1');
        const pipe = { host: '', names: ['userData'] } as const;
        await assert.rejects(stage.prepare({ userData, pipe }, { userDataFallback: true }), /^Error: user_data: .* leads to 127\.0\.0\.1, a loopback address/);
        assert.equal(requests, 1);
        await stage.prepare({ userData, pipe: { host: '127.0.0.1', names: ['userData'] } });
        assert.equal(await stage.userData(), 'secret 2');
        await stage.prepare({ userData, pipe: { host: '', names: ['rootImage'] } });
        assert.equal(await stage.userData(), 'secret 3');
      });
    } finally {
      await new Promise((done) => server.close(done));
    }
  });

  it('reads local templates and files, relative ones below the machinetype alone', () =>
    staged(unreachable, async (stage) => {
      await writeFile(join(stage.files, 'template'), '[##user_data_option_cert##|##user_data_file_cert##|##user_data_url##]');
      await writeFile(join(stage.files, 'cert'), 'CERT');
      const userDataFiles = new Map([['cert', 'cert']]);
      await stage.prepare({ userData: 'template', userDataFiles });
      assert.equal(await stage.userData(), '[CERT|CERT|]');
      await stage.prepare({ userData: join(stage.files, 'template') });
      assert.equal(await stage.userData(), '[||]');
      await symlink('../../../../outside', join(stage.files, 'link'));
      for (const userData of ['../../../../outside', 'link']) {
        await assert.rejects(stage.prepare({ userData }), /user_data: .*lies outside .*files, where relative names belong/);
        await assert.rejects(stage.prepare({ userData: 'template', userDataFiles: new Map([['cert', userData]]) }), /user_data_file_cert: .*lies outside/);
      }
      await assert.rejects(stage.prepare({ userData: '.' }), /user_data: /);
      await assert.rejects(stage.prepare({ userData: 'template', userDataFiles: new Map([['cert', 'missing']]) }), /user_data_file_cert: .*ENOENT/);
    }));

  it('starts without a public key that cannot be read, and without user data when there is no template', () =>
    staged(unreachable, async (stage) => {
      const { userData: _, ...plain } = exampleMachinetype;
      await writeFile(join(stage.files, 'template'), 'text');
      await stage.prepare({ userData: 'template' }, { rootPublicKey: '/nowhere/key.pub' });
      await assert.rejects(stage.publicKey(), { code: 'ENOENT' });
      await stage.prepare({ ...plain, userData: undefined } as unknown as Machinetype);
      await assert.rejects(stage.userData(), { code: 'ENOENT' });
    }));

  it('fails, naming the option, when a proxy is wanted that cannot be made', () =>
    staged(answering(200, '##user_data_option_x509_proxy##'), async (stage) => {
      await assert.rejects(stage.prepare({ userDataProxy: true }), /^Error: user_data_proxy: .*x509cert\.pem: ENOENT/);
    }));
});
