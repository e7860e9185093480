import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { OpenStackApi } from '../../core/cloud/settings.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { instant, later, type MachineId } from '../../core/units.ts';
import type { CloudImage, MachineOrder, RemoteOrder } from '../contract.ts';
import { OpenStackProvider } from './index.ts';
import { cloudNamed, cloudsFile, RawCloud, until, withoutCloud } from './test-bed.ts';
import { fails, never, orderOf } from './test-kit.ts';

const tag = randomBytes(4).toString('hex');
const spaces: string[] = [];
const open: OpenStackProvider[] = [];
const root = mkdtempSync(join(tmpdir(), 'vacua-real-'));

function providerOf(api: OpenStackApi, space: string, about: { readonly directoryOf?: (id: MachineId) => string } = {}): OpenStackProvider {
  const readSecret = async (secret: { from: string; text?: string }): Promise<string> => secret.text ?? '';
  const provider = new OpenStackProvider({ api, space, manager: 'real', readSecret, now: () => instant(Date.now()), consoleMaxBytes: 65_536, ...about });
  spaces.push(space);
  open.push(provider);
  return provider;
}

const fresh = (remote: Partial<RemoteOrder> = {}, about: Partial<MachineOrder> = {}): MachineOrder => {
  const now = instant(Date.now());
  return orderOf({ createdAt: now, shutdownTime: later(now, 600), ...remote }, about);
};
const nameOf = (what: string): string => `${what}-${tag}.example.com`;
const sighted = async (provider: OpenStackProvider, id: MachineId) => (await provider.list(never())).sightings.find((s) => s.id === id);

describe('OpenStack provider at a real cloud', { skip: withoutCloud, concurrency: false }, () => {
  let raw: RawCloud;
  before(async () => {
    raw = await RawCloud.open('demo');
  });
  after(async () => {
    for (const provider of open) await provider.close();
    for (const cloud of ['demo', 'tiny']) {
      const client = await RawCloud.open(cloud);
      for (const space of new Set(spaces)) await client.remove((await client.serversOf(space)).map((s) => s.id));
    }
    const { body } = await raw.ask('image', 'GET', `/images?vacua_space=${nameOf('images')}`);
    for (const image of (body as { images: { id: string }[] }).images) await raw.ask('image', 'DELETE', `/images/${image.id}`);
    rmSync(root, { recursive: true });
  });

  it('a check with everything in order finds nothing wrong, also with an application credential', async () => {
    const type = { name: 'prod', rootImage: 'image:tiny', minProcessors: 1, maxProcessors: 1, cloud: { flavorNames: ['t1.nano'] } } as unknown as Machinetype;
    for (const cloud of ['demo', 'demo-appcred']) {
      const provider = providerOf(cloudNamed(cloud, { securityGroups: ['default'], zones: ['nova'] }), nameOf('check'));
      for await (const finding of provider.verify([type], never())) assert.equal(finding.state, 'ok', `${finding.what}: ${finding.text}`);
    }
  });

  it('a wrong password, a wrong secret, an unknown project and a region that is not there are ours', async () => {
    const demo = cloudNamed('demo');
    const appcred = cloudNamed('demo-appcred');
    const text = { from: 'text', text: 'wrong' } as const;
    for (const [api, code] of [
      [{ ...demo, login: { ...demo.login, password: text } }, 'CREDENTIALS_REFUSED'],
      [{ ...appcred, login: { ...appcred.login, secret: text } }, 'CREDENTIALS_REFUSED'],
      [{ ...demo, login: { ...demo.login, project: 'no-such' } }, 'CREDENTIALS_REFUSED'],
      [{ ...demo, region: 'RegionTwo' }, 'NO_COMPUTE_SERVICE'],
    ] as const) {
      await assert.rejects(providerOf(api as OpenStackApi, nameOf('refused')).list(never()), fails(code, { fault: 'host', whole: true }));
    }
  });

  it('a token signs in until it is revoked', async () => {
    const mine = await RawCloud.open('demo');
    const { login, ...demo } = cloudNamed('demo');
    if (login.method !== 'password') throw new Error('cloud demo has no password');
    const { project, projectDomain } = login;
    const api = (): OpenStackApi => ({ ...demo, login: { method: 'token', token: { from: 'text', text: mine.token }, project, projectDomain } });
    assert.equal((await providerOf(api(), nameOf('token')).list(never())).complete, true);
    const headers = { 'x-auth-token': mine.token, 'x-subject-token': mine.token };
    assert.equal((await fetch(`${demo.authUrl}/auth/tokens`, { method: 'DELETE', headers })).status, 204);
    await assert.rejects(providerOf(api(), nameOf('token')).list(never()), fails('CREDENTIALS_REFUSED', { fault: 'host', whole: true }));
  });

  it('an image that is not there, a flavor that is not there, a network that is not there', async () => {
    const provider = providerOf(cloudNamed('demo'), nameOf('missing'));
    await assert.rejects(provider.create(fresh({ image: { kind: 'named', name: 'in:tiny,other' } }), never()), fails('IMAGE_MISSING', { fault: 'tenant' }));
    await assert.rejects(provider.create(fresh({ flavor: 'no-such' }), never()), fails('FLAVOR_MISSING', { fault: 'host' }));
    const nowhere = providerOf(cloudNamed('demo', { networks: ['85001bd1-0000-4630-b1b6-d92ce985f748'] }), nameOf('missing'));
    await assert.rejects(nowhere.create(fresh(), never()), fails('NETWORK_MISSING', { fault: 'host', whole: true }));
    const group = providerOf(cloudNamed('demo', { securityGroups: ['nosg'] }), nameOf('missing'));
    await assert.rejects(group.create(fresh(), never()), fails('SECURITY_GROUP_MISSING', { fault: 'host', whole: true }));
    const zone = providerOf(cloudNamed('demo', { zones: ['mars'] }), nameOf('missing'));
    await assert.rejects(zone.create(fresh(), never()), fails('ZONE_MISSING', { fault: 'host', whole: true }));
    await assert.rejects(provider.create(fresh({ userData: Buffer.alloc(49_150) }), never()), fails('USER_DATA_TOO_LARGE', { fault: 'tenant' }));
  });

  it('the longest user data is taken', async () => {
    const provider = providerOf(cloudNamed('demo'), nameOf('userdata'));
    const order = fresh({ userData: Buffer.alloc(49_149, '#') });
    await provider.create(order, never());
    await provider.destroy(order.id, never());
  });

  it('a flavor that fits nowhere is accepted, fails for want of capacity, and is removed', async () => {
    const provider = providerOf(cloudNamed('demo'), nameOf('impossible'));
    const order = fresh({ flavor: 't1.impossible' });
    await provider.create(order, never());
    await until('it has failed', async () => (await sighted(provider, order.id))?.power === 'failed');
    const seen = await sighted(provider, order.id);
    assert.deepEqual([seen?.failure, seen?.lack], ['No valid host was found.', 'capacity']);
    await provider.destroy(order.id, never());
    assert.deepEqual(await raw.serversOf(nameOf('impossible')), []);
  });

  it('a quota that is used up', async () => {
    const provider = providerOf(cloudNamed('tiny'), nameOf('quota'));
    const [first, second] = [fresh(), fresh()];
    await provider.create(first, never());
    await assert.rejects(provider.create(second, never()), fails('QUOTA_EXCEEDED', { fault: 'provider', lack: 'quota', whole: true }));
    const { offer } = await provider.list(never());
    assert.deepEqual([offer?.quota.machines, offer?.used.machines, offer?.quota.processors], [1, 1, 1]);
    await provider.destroy(first.id, never());
  });

  it('two managers that make one machine at the same time end with one', async () => {
    const space = nameOf('racing');
    const [a, b] = [providerOf(cloudNamed('demo'), space), providerOf(cloudNamed('demo'), space)];
    const order = fresh();
    await Promise.all([a.create(order, never()), b.create(order, never())]);
    await until('one is left', async () => {
      const [seen] = await Promise.all([a.list(never()), b.list(never())]);
      assert.equal(seen.sightings.length, 1);
      return (await raw.serversOf(space)).length === 1;
    });
    await b.destroy(order.id, never());
    assert.deepEqual(await raw.serversOf(space), []);
  });

  it('an answer that we did not wait for: the machine is found again and made once', async () => {
    const space = nameOf('lost');
    const [first, second] = [providerOf(cloudNamed('demo'), space), providerOf(cloudNamed('demo'), space)];
    const order = fresh();
    const abort = new AbortController();
    const given = first.create(order, abort.signal).catch(fails('ABORTED'));
    await until('it is in the cloud', async () => (await raw.serversOf(space)).length > 0, 30);
    abort.abort();
    await given;
    await second.create(order, never());
    assert.equal((await raw.serversOf(space)).length, 1);
    await second.destroy(order.id, never());
  });

  it('key pair, zone, metadata and console of a real machine; the console is kept when it goes', async () => {
    const directory = mkdtempSync(join(root, 'machine-'));
    const space = nameOf('console');
    const provider = providerOf(cloudNamed('demo', { zones: ['nova'] }), space, { directoryOf: () => directory });
    const blob = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), randomBytes(32)]).toString('base64');
    const order = fresh({
      rootPublicKey: `ssh-ed25519 ${blob} root@manager`,
      userData: Buffer.from('#!/bin/sh\necho RESULT=42\n'),
      metadata: new Map([['jobfeatures', 'https://x/']]),
    });
    await provider.create(order, never());
    await until('it has booted', async () => Buffer.from(await provider.console(order.id)).includes('RESULT=42'));
    const text = Buffer.from(await provider.console(order.id)).toString();
    assert.ok(text.includes(`ssh-ed25519 ${blob}`), 'the guest has the key');
    const seen = await sighted(provider, order.id);
    assert.deepEqual(
      [seen?.power, seen?.zone, seen?.marks?.machinetype, seen?.marks?.createdAt],
      ['running', 'nova', 'prod', Math.floor((order.remote?.createdAt ?? 0) / 1000) * 1000],
    );
    assert.match(seen?.address ?? '', /^10\.77\.0\./);
    const [server] = await raw.serversOf(space);
    assert.equal(server?.metadata['jobfeatures'], 'https://x/');
    await provider.destroy(order.id, never());
    assert.match(readFileSync(join(directory, 'console.log'), 'utf8'), /RESULT=42/);
    assert.equal(statSync(join(directory, 'console.log')).mode & 0o777, 0o600);
    const keys = ((await raw.ask('compute', 'GET', '/os-keypairs')).body as { keypairs: { keypair: { name: string; public_key: string } }[] }).keypairs;
    const mine = keys.filter((k) => k.keypair.public_key.includes(blob));
    assert.equal(mine.length, 1);
    for (const k of mine) await raw.ask('compute', 'DELETE', `/os-keypairs/${k.keypair.name}`);
  });

  it('an image of the cache is uploaded once, boots, is replaced when its source changes, and goes when nothing needs it', async () => {
    const space = nameOf('images');
    const provider = providerOf(cloudNamed('demo'), space);
    const path = join(root, 'disk.qcow2');
    copyFileSync(join(dirname(cloudsFile ?? ''), 'image', 'tiny.qcow2'), path);
    const image: CloudImage = { kind: 'file', path, source: 'https://example.com/disk.qcow2' };
    const images = async () =>
      (
        (await raw.ask('image', 'GET', `/images?vacua_space=${space}`)).body as {
          images: { id: string; status: string; disk_format: string; visibility: string }[];
        }
      ).images;
    const [one, two] = [fresh({ image }), fresh({ image })];
    await Promise.all([provider.create(one, never()), provider.create(two, never())]);
    const [first] = await images();
    assert.deepEqual(
      (await images()).map((i) => [i.status, i.disk_format, i.visibility]),
      [['active', 'qcow2', 'private']],
    );
    await until('it boots', async () => Buffer.from(await provider.console(one.id)).includes('testbed-guest: ready'));
    await provider.destroy(two.id, never());

    truncateSync(path, statSync(path).size + 65_536);
    const three = fresh({ image });
    await provider.create(three, never());
    assert.equal((await images()).length, 2);
    await provider.list(never());
    await provider.destroy(three.id, never());
    assert.equal((await images()).length, 2, 'the old one is in use');
    await provider.destroy(one.id, never());
    await until('the old one is gone', async () => {
      await provider.list(never());
      return (await images()).length === 1;
    });
    assert.ok((await images()).every((i) => i.id !== first?.id));
  });
});
