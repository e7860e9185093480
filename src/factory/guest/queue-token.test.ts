import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { exampleMachinetype, exampleSettings } from '../../core/guest/fixture.ts';
import { demandClaims } from '../../core/jobs/agent-token.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Settings } from '../../core/settings.ts';
import { instant } from '../../core/units.ts';
import { layout } from '../layout.ts';
import { HostContextualiser } from './contextualiser.ts';
import { example, HandClock } from './fixture.ts';
import { signToken } from './queue-token.ts';

const pem = { type: 'pkcs8', format: 'pem' } as const;
const keys = {
  EdDSA: generateKeyPairSync('ed25519').privateKey.export(pem),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(pem),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pem),
};

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vacua-token-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const claims = demandClaims({ factory: 'wn01.example.com', tenant: 'red', jti: 'j1' }, instant(1_700_000_000_000));

test('a token is signed with whatever kind of key the tenant has', async (t) => {
  const filesDir = await folder(t);
  for (const [alg, key] of Object.entries(keys)) {
    await writeFile(join(filesDir, 'key.pem'), key, { mode: 0o600 });
    const token = await signToken(claims, { file: 'key.pem', filesDir });
    assert.equal(decodeProtectedHeader(token).alg, alg);
    const { payload } = await jwtVerify(token, createPublicKey(key), { currentDate: new Date(1_700_000_100_000), audience: 'vacua-demand' });
    assert.deepEqual(payload, {
      iss: 'wn01.example.com',
      sub: 'wn01.example.com',
      aud: 'vacua-demand',
      jti: 'j1',
      tenant: 'red',
      iat: 1_700_000_000,
      nbf: 1_700_000_000,
      exp: 1_700_000_300,
    });
  }
});

test('a key that is missing, readable by others, no key or of an unsuitable kind is refused, and never quoted', async (t) => {
  const filesDir = await folder(t);
  const sign = (file: string): Promise<string> => signToken(claims, { file, filesDir });
  const write = (name: string, text: string | Buffer, mode = 0o600): Promise<void> => writeFile(join(filesDir, name), text, { mode });
  await assert.rejects(sign('missing.pem'), /missing\.pem: ENOENT/);
  await write('open.pem', keys.EdDSA);
  await chmod(join(filesDir, 'open.pem'), 0o640);
  await assert.rejects(sign('open.pem'), /has mode 0640, so others can read or change it; run: chmod 0600 .*open\.pem/);
  await write('none.pem', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n');
  await assert.rejects(
    sign('none.pem'),
    (error: Error) => /none\.pem: holds no private key/.test(error.message) && !JSON.stringify(error).includes('c2VjcmV0') && error.cause === undefined,
  );
  for (const [name, key, kind] of [
    ['small.pem', generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey, 'rsa 1024 bits'],
    ['curve.pem', generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey, 'ec secp384r1'],
    ['x.pem', generateKeyPairSync('x25519').privateKey, 'x25519'],
  ] as const) {
    await write(name, key.export(pem));
    await assert.rejects(sign(name), new RegExp(`${name}: is a key of the kind ${kind}; valid: Ed25519, P-256, or RSA`));
  }
  await symlink('../../../../../../etc/hostname', join(filesDir, 'link.pem'));
  await assert.rejects(sign('link.pem'), /lies outside .*where relative names belong/);
});

async function contextualised(t: TestContext, machinetype: Partial<Machinetype>, key = keys.EdDSA): Promise<string> {
  const places = layout(await folder(t));
  const filesDir = join(places.machinetype('vo'), 'files');
  await mkdir(filesDir, { recursive: true });
  await writeFile(join(filesDir, 'template'), '##user_data_option_queue_token##');
  await writeFile(join(filesDir, 'key.pem'), key, { mode: 0o600 });
  const environments = [{ name: 'sl6', tags: ['VO-x-SL6'], appName: 'SL6', appVersion: '6.4', machinetypes: ['vo-prod'] }] as never;
  const contextualiser = new HostContextualiser({ layout: places, clock: new HandClock(), environments: () => environments });
  const settings = { ...exampleSettings, rootPublicKey: '/nowhere', caDir: '/nowhere' } as unknown as Settings;
  const type = { ...exampleMachinetype, filesDir, userData: 'template', ...machinetype };
  await contextualiser.prepare(example, type, settings, new AbortController().signal);
  return readFile(places.userData(example.id), 'utf8');
}

test('each machine gets a token of its own, which ends ten minutes after its lifetime', async (t) => {
  const machinetype = { tenant: 'red', queueTokenKey: 'key.pem', environments: ['plain'] };
  const [token, other] = [await contextualised(t, machinetype), await contextualised(t, machinetype)];
  const options = { currentDate: new Date(1_700_000_100_000), audience: 'vacua-queue', issuer: 'wn01.example.com' };
  const { payload } = await jwtVerify(token, createPublicKey(keys.EdDSA), options);
  const { jti, ...rest } = payload;
  assert.deepEqual(rest, {
    iss: 'wn01.example.com',
    sub: example.id,
    aud: 'vacua-queue',
    iat: 1_700_000_100,
    nbf: 1_700_000_100,
    exp: 1_700_087_000,
    tenant: 'red',
    site: 'example.com',
    machinetype: 'vo-prod',
    environments: ['plain', 'sl6', 'VM-sl6', 'VO-x-SL6', 'SL6-6.4'],
  });
  assert.match(jti ?? '', /^[0-9a-f-]{36}$/);
  assert.notEqual((await jwtVerify(other, createPublicKey(keys.EdDSA), options)).payload.jti, jti);
});

test('no machine is made when its token cannot be', async (t) => {
  await assert.rejects(contextualised(t, { tenant: 'red', queueTokenKey: 'other.pem' }), /^Error: queue_token_key: .*other\.pem: ENOENT/);
  assert.equal(await contextualised(t, {}), '', 'a machinetype without a key gets none');
});
