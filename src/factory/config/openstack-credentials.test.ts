import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { credentialsMark, openstackCloud } from './openstack-credentials.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vacua-clouds-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const around = (env: Readonly<Record<string, string>> = {}) => ({ env, home: join(dir, 'home'), etc: join(dir, 'etc'), cwd: join(dir, 'cwd') });
const write = async (path: string, text: string): Promise<string> => {
  const file = join(dir, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text, { mode: 0o600 });
  return file;
};
const clouds = `# Comment
clouds:
  demo:
    region_name: RegionOne
    interface: internal
    cacert: /ca.pem
    auth:
      auth_url: https://k.example.com:5000
      username: alice
      password: hunter2
      project_name: p
      user_domain_name: Default
      project_domain_id: 4711
  app:
    auth_type: v3applicationcredential
    auth: { auth_url: "https://k.example.com/v3", application_credential_id: i, application_credential_secret: hunter2 }
  token:
    auth_type: token
    auth: { auth_url: "https://k.example.com/v3", token: hunter2, project_id: abc }
  odd: { auth_type: v3oidcpassword, auth: { auth_url: "https://k.example.com/v3" } }
  unsafe: { verify: false, auth: { auth_url: "https://k.example.com/v3", username: u, password: hunter2, project_name: p } }
  vendor: { profile: big, auth: { username: u, password: hunter2, project_name: p } }
  half: { auth: { auth_url: "https://k.example.com/v3", username: u, project_name: p } }
`;
const text = (secret: string) => ({ from: 'text', text: secret });

describe('clouds.yaml', () => {
  it('password, application credential, token', async () => {
    await write('cwd/clouds.yaml', clouds);
    const read = (name: string) => {
      const found = openstackCloud(name, around());
      return found && 'api' in found ? found.api : assert.fail(JSON.stringify(found));
    };
    assert.deepEqual(read('demo'), {
      authUrl: 'https://k.example.com:5000/v3',
      login: { method: 'password', username: 'alice', userDomain: 'Default', password: text('hunter2'), project: 'p', projectDomain: 'id:4711' },
      interface: 'internal',
      region: 'RegionOne',
      caFile: '/ca.pem',
    });
    assert.deepEqual(read('app').login, { method: 'application-credential', id: 'i', secret: text('hunter2') });
    assert.deepEqual(read('token').login, { method: 'token', token: text('hunter2'), project: 'id:abc', projectDomain: 'id:default' });
  });

  it('the search path: the variable, here, the home directory; secure.yaml adds what is secret', async () => {
    await write('home/.config/openstack/clouds.yaml', clouds.replace('username: alice', 'username: home'));
    const user = (env = {}) => {
      const found = openstackCloud('demo', around(env));
      return found && 'api' in found && found.api.login.method === 'password' ? found.api.login : assert.fail(JSON.stringify(found));
    };
    assert.equal(user().username, 'home');
    await write('cwd/clouds.yml', clouds.replace('username: alice', 'username: here').replace('      password: hunter2\n', ''));
    await write('cwd/secure.yaml', 'clouds: { demo: { auth: { password: hunter3 } } }');
    assert.deepEqual([user().username, user().password], ['here', text('hunter3')]);
    const named = await write('else/x.yaml', clouds);
    assert.equal(user({ OS_CLIENT_CONFIG_FILE: named }).username, 'alice');
    const mark = credentialsMark(around());
    assert.match(mark, /cwd\/clouds\.yml/);
    await write('cwd/secure.yaml', 'clouds: { demo: { auth: { password: "hunter four" } } }');
    assert.notEqual(credentialsMark(around()), mark);
  });

  it('a file that others can read is told', async () => {
    const file = await write('cwd/clouds.yaml', clouds);
    assert.deepEqual(openstackCloud('demo', around())?.notes, []);
    await rm(file);
    await writeFile(file, clouds, { mode: 0o644 });
    assert.match(openstackCloud('demo', around())?.notes?.join() ?? '', /clouds.yaml can be read by others than its owner; valid: mode 0600/);
  });

  for (const [name, line, message] of [
    ['dmo', 0, /there is no cloud "dmo" in this file; did you mean demo\?; valid: demo, app/],
    ['odd', 20, /auth_type "v3oidcpassword" is not supported; valid: password, v3password, v3applicationcredential, token, v3token/],
    ['unsafe', 21, /verify: false is refused/],
    ['vendor', 22, /a profile is not looked up/],
    ['half', 23, /password is missing, which password needs/],
  ] as const) {
    it(`${name} is refused, with its place`, async () => {
      const file = await write('cwd/clouds.yaml', clouds);
      const found = openstackCloud(name, around());
      assert.ok(found && 'wrong' in found);
      assert.match(found.wrong, message);
      assert.deepEqual([found.place?.file, found.place?.line], [file, line]);
      assert.doesNotMatch(JSON.stringify(found), /hunter2/);
    });
  }

  for (const [what, content, line, message] of [
    ['no YAML', 'clouds:\n  a: [\n  password: hunter2\n', undefined, /is not YAML \([a-z ]+\)/],
    ['another document', '- clouds', 0, /has no mapping clouds/],
    [
      'aliases without end',
      `a: &a [x]\n${'bcdefghi'.split('').reduce((all, c, i) => `${all}${c}: &${c} [${`*${'abcdefghi'[i]}, `.repeat(9)}]\n`, '')}clouds: *i\n`,
      0,
      /too many aliases/,
    ],
  ] as const) {
    it(`${what} is refused`, async () => {
      await write('cwd/clouds.yaml', content);
      const found = openstackCloud('demo', around());
      assert.ok(found && 'wrong' in found);
      assert.match(found.wrong, message);
      if (line !== undefined) assert.equal(found.place?.line, line);
      assert.doesNotMatch(found.wrong, /hunter2/);
    });
  }

  it('no file at all: the places are told', () => {
    const found = openstackCloud('demo', around());
    assert.ok(found && 'wrong' in found);
    assert.match(found.wrong, /there is no clouds.yaml with the cloud "demo"; looked for .*cwd\/clouds.yaml, .*etc\/openstack\/clouds.yml$/);
  });
});

describe('OS_* variables', () => {
  it('a password stays in its variable', () => {
    const env = {
      OS_AUTH_URL: 'https://k.example.com/v2.0',
      OS_USERNAME: 'u',
      OS_PASSWORD: 'hunter2',
      OS_TENANT_NAME: 'p',
      OS_REGION_NAME: 'R',
      OS_INTERFACE: 'publicURL',
    };
    const found = openstackCloud(undefined, around(env));
    assert.deepEqual(found, {
      api: {
        authUrl: 'https://k.example.com/v3',
        login: {
          method: 'password',
          username: 'u',
          userDomain: 'id:default',
          password: { from: 'environment', variable: 'OS_PASSWORD' },
          project: 'p',
          projectDomain: 'id:default',
        },
        interface: 'public',
        region: 'R',
      },
      notes: ['OS_AUTH_URL: version 2 of the identity service is gone; read as …/v3'],
    });
  });
  it('OS_CLOUD names an entry; nothing says nothing; what is missing is named', async () => {
    await write('cwd/clouds.yaml', clouds);
    const found = openstackCloud(undefined, around({ OS_CLOUD: 'app', OS_AUTH_URL: 'https://other.example.com' }));
    assert.ok(found && 'api' in found && found.api.login.method === 'application-credential');
    assert.equal(openstackCloud(undefined, around()), undefined);
    const half = openstackCloud(undefined, around({ OS_AUTH_URL: 'https://k.example.com', OS_AUTH_TYPE: 'v3applicationcredential' }));
    assert.deepEqual(half, { wrong: 'OS_APPLICATION_CREDENTIAL_ID is missing, which v3applicationcredential needs' });
  });
});
