import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { unlimitedProcessors } from '../machinetype.ts';
import type { Configuration } from '../settings.ts';
import { cloudMachinetypeTable } from './cloud-machinetype-options.ts';
import { commandTable, ec2Table, openstackTable, spaceTable } from './cloud-options.ts';
import type { FoundCloud } from './environment.ts';
import { planDiff, planLines } from './plan.ts';
import { maskedConfiguration } from './show.ts';
import { configured, settings } from './testing.ts';

const name = 'cloud01.example.com';
const openstack = `[space ${name}]
api = openstack
url = https://keystone.example.com:5000/v3
project_name = vacua
username = vacua
password = hunter2
`;
const machinetype = (own = 'prod', more = ''): string =>
  `[machinetype ${name} ${own}]\ntarget_share = 1\nroot_image = image:debian\nuser_data = https://x.example/u\nbackoff_seconds = 600\nfizzle_seconds = 300\n${more}`;

const space = (text: string, of = name): { readonly own: Configuration | undefined; readonly lines: readonly string[] } => {
  const { configuration, lines } = configured(text);
  return { own: configuration?.spaces?.get(of), lines };
};
const usable = (text: string, of = name): Configuration => {
  const { own, lines } = space(text, of);
  assert.ok(own, lines.join('\n'));
  return own;
};

describe('a vcycle.conf', () => {
  it('works as it is, and every old name is told with the present one', async () => {
    const text = await readFile(join(import.meta.dirname, '..', '..', '..', 'examples', 'vcycle.conf'), 'utf8');
    const { configuration, lines } = configured(text, {}, {}, ['vcycle.conf']);
    assert.deepEqual(lines, [
      'vcycle.conf:8:1: tenancy_name: old name of project_name (warning)',
      'vcycle.conf:15:1: network_uuid: old name of networks (warning)',
      'vcycle.conf:18:1: max_processors: old name of processors_limit (warning)',
      'vcycle.conf:27:1: cernvm_signing_dn: old name of image_signing_dn (warning)',
      'vcycle.conf:28:1: flavor_name: old name of flavor_names (warning)',
      'vcycle.conf:29:1: cpu_per_machine: old name of min_processors (warning)',
      'vcycle.conf:34:1: x509dn: old name of https_x509dn (warning)',
      'vcycle.conf:43:1: log_machineoutputs: has no effect: outputs are kept with the machine for machines_dir_days (warning)',
      'vcycle.conf:51:1: [machinetype vcycle01.example.org bob-test]: completes a machinetype of a pipe which has not been read yet (warning)',
    ]);
    assert.equal(configuration?.host, false);
    const one = configuration?.spaces?.get('vcycle01.example.org');
    const { settings: s } = one ?? assert.fail();
    assert.deepEqual(
      [s.space, s.provider, s.stateDir, s.gocdbSitename],
      ['vcycle01.example.org', 'openstack', '/var/lib/vacua/spaces/vcycle01.example.org', 'EXAMPLE-SITE'],
    );
    assert.deepEqual(s.cloud?.api, {
      kind: 'openstack',
      authUrl: 'https://keystone.example.org:5000/v3',
      login: {
        method: 'password',
        username: 'vcycle',
        userDomain: 'id:default',
        password: { from: 'text', text: 'secret' },
        project: 'vcycle',
        projectDomain: 'id:default',
      },
      region: 'RegionOne',
      interface: 'public',
      zones: ['nova'],
      securityGroups: ['default', 'vcycle'],
      networks: ['6c1b9e0a-4a3e-4d0b-8f55-0d1f3d1a7c11'],
      configDrive: false,
    });
    assert.deepEqual(
      [s.cloud?.processorsLimit, s.cloud?.rampPercent, s.cloud?.startingLimit, s.cloud?.guest.url],
      [100, undefined, 3600, 'https://vcycle.example.org'],
    );
    const alice = one?.machinetypes.get('alice-prod');
    assert.deepEqual([alice?.minProcessors, alice?.maxProcessors, alice?.machinesDirDays, alice?.heartbeat, alice?.userDataProxy], [2, 4, 3, 900, true]);
    assert.deepEqual(alice?.cloud, { flavorNames: ['m1.medium'], httpsX509dn: '/DC=org/DC=example/CN=pilot', hs06PerProcessor: 10.5 });
    assert.equal(alice?.filesDir, '/var/lib/vacua/spaces/vcycle01.example.org/machinetypes/alice-prod/files');
    assert.deepEqual(configuration?.spaces?.get('vcycle02.example.org')?.settings.cloud?.api, {
      kind: 'ec2',
      endpoint: 'https://ec2.example.org/services/cloud',
      region: 'example-1',
      accessKey: { from: 'text', text: 'AKIAEXAMPLE' },
      secretKey: { from: 'file', path: '/etc/vacua/ec2-secret-key' },
      signingService: 'ec2',
      subnets: [],
      securityGroups: [],
      spot: false,
    });
  });

  it('names of spaces are folded; sections of several files are one', () => {
    const { configuration } = configured([openstack.replace(name, 'Cloud01.Example.com'), `[space ${name}]\nprocessors_limit = 7\n`]);
    assert.equal(configuration?.spaces?.get(name)?.settings.cloud?.processorsLimit, 7);
  });

  it('a host name without a dot is no obstacle when this host makes no machines', () => {
    const { configuration, lines } = configured(openstack, {}, { hostName: 'manager' });
    assert.deepEqual(
      [configuration?.settings.factoryName, configuration?.spaces?.get(name)?.settings.cloud?.manager],
      ['manager', 'manager'],
      lines.join('\n'),
    );
  });

  it('[settings] without vac_space gives what the site says of its spaces', () => {
    const { configuration, lines } = configured(`[settings]\nstate_dir = /srv/vacua\nfactory_name = m.example.com\ncycle_seconds = 20\n${openstack}`);
    assert.deepEqual(lines, []);
    const own = configuration?.spaces?.get(name)?.settings;
    assert.deepEqual([configuration?.host, own?.stateDir, own?.cycle, own?.factoryName], [false, `/srv/vacua/spaces/${name}`, 20, 'm.example.com']);
  });
});

describe('spaces beside a host', () => {
  it('host and spaces in one file', async () => {
    const text = await readFile(join(import.meta.dirname, '..', '..', '..', 'examples', 'mixed.conf'), 'utf8');
    const { configuration, lines } = configured(text);
    assert.deepEqual(lines, []);
    assert.deepEqual([configuration?.host, configuration?.settings.space], [undefined, 'vac01.example.com']);
    assert.deepEqual([...(configuration?.machinetypes.keys() ?? [])], ['alice']);
    const own = configuration?.spaces?.get(name);
    assert.deepEqual([...(own?.machinetypes.keys() ?? [])], ['alice']);
    const { model, maxProcessors, minWallclock, cloud } = own?.machinetypes.get('alice') ?? assert.fail();
    assert.deepEqual([model, maxProcessors, minWallclock, cloud?.flavorNames], ['vm-raw', unlimitedProcessors, 0, ['m1.medium']]);
    const { guest, rampPercent } = own?.settings.cloud ?? assert.fail();
    assert.deepEqual([guest.listen, guest.certificate?.keyFile, rampPercent], [{ host: '0.0.0.0', port: 443 }, '/etc/vacua/hostkey.pem', 10]);
  });

  it('user data of [settings] belongs to the host, whose addresses mean nothing in a cloud', () => {
    const { configuration } = configured(`${settings}user_data_option_proxy = http://169.254.169.253:3128\n${openstack}${machinetype()}`);
    assert.equal(configuration?.spaces?.get(name)?.machinetypes.get('prod')?.userDataOptions.size, 0);
  });

  it('a host with machinetypes needs a space of its own; without [settings] they have lost the name of their space', () => {
    const refused = configured(`[settings]\n[machinetype x]\nroot_image = y\n${openstack}`);
    assert.equal(refused.configuration, undefined);
    assert.match(refused.lines.join('\n'), /vac_space: required/);
    const { configuration, lines } = configured(`[machinetype x]\nroot_image = y\n[vacuum_pipe p]\n${openstack}`);
    assert.deepEqual([configuration?.host, configuration?.machinetypes.size, configuration?.pipes, configuration?.spaces?.size], [false, 0, [], 1]);
    assert.deepEqual(lines, [
      'vac.conf:1:1: [machinetype x]: belongs to no space; valid: [machinetype SPACE x], SPACE one of cloud01.example.com; or add vac_space to [settings] for machines on this host',
      'vac.conf:3:1: [vacuum_pipe p]: belongs to no space; valid: [vacuum_pipe SPACE p], SPACE one of cloud01.example.com; or add vac_space to [settings] for machines on this host',
    ]);
  });

  it('the digest of a space follows its own sections alone', () => {
    const before = configured(`${settings}${openstack}${machinetype()}[space b.example.com]\napi = command\ncommand = /bin/true\n`);
    const after = configured(`${settings}draining = yes\n${openstack}${machinetype()}[space b.example.com]\napi = command\ncommand = /bin/false\n`);
    const digests = ({ configuration }: typeof before) => [name, 'b.example.com'].map((one) => configuration?.spaces?.get(one)?.digest);
    assert.equal(digests(before)[0], digests(after)[0]);
    assert.notEqual(digests(before)[1], digests(after)[1]);
  });
});

describe('credentials', () => {
  const login = (options: string) => {
    const { api } = usable(`[space ${name}]\napi = openstack\nurl = https://k.example.com/v3/\n${options}`).settings.cloud ?? assert.fail();
    return api.kind === 'openstack' ? { ...api.login, at: api.authUrl } : assert.fail();
  };
  it('from files, the environment, or the section; application credentials and tokens', () => {
    assert.deepEqual(login('project_name = p\nusername = u\npassword_file = /f\nuser_domain_name = D\ndomain_name = id:4711'), {
      method: 'password',
      username: 'u',
      userDomain: 'D',
      password: { from: 'file', path: '/f' },
      project: 'p',
      projectDomain: 'id:4711',
      at: 'https://k.example.com/v3',
    });
    assert.deepEqual(login('cred_id = i\ncred_secret_env = SECRET'), {
      method: 'application-credential',
      id: 'i',
      secret: { from: 'environment', variable: 'SECRET' },
      at: 'https://k.example.com/v3',
    });
    assert.deepEqual(login('project_name = p\ntoken = t').method, 'token');
  });

  for (const [written, read, note] of [
    ['https://k.example.com:5000/v2.0', 'https://k.example.com:5000/v3', /url: version 2 of the identity service is gone; read as …\/v3 \(warning\)/],
    ['https://k.example.com/identity/', 'https://k.example.com/identity/v3', undefined],
    ['http://127.0.0.1/v3.14', 'http://127.0.0.1/v3', undefined],
    ['http://k.example.com/v3', 'http://k.example.com/v3', /url: credentials travel over plain HTTP/],
  ] as const) {
    it(`identity URL ${written}`, () => {
      const { own, lines } = space(openstack.replace('https://keystone.example.com:5000/v3', written));
      const api = own?.settings.cloud?.api;
      assert.equal(api?.kind === 'openstack' && api.authUrl, read);
      if (note) assert.match(lines.join('\n'), note);
      else assert.deepEqual(lines, []);
    });
  }

  it('from clouds.yaml, or from what the environment says', () => {
    const found: FoundCloud = {
      api: { authUrl: 'https://c.example.com/v3', login: { method: 'application-credential', id: 'i', secret: { from: 'text', text: 's' } }, region: 'R' },
      notes: ['can be read by others'],
      place: { file: '/etc/openstack/clouds.yaml', line: 3, column: 5 },
    };
    const asked: (string | undefined)[] = [];
    const environment = { openstackCloud: (one: string | undefined) => (asked.push(one), found) };
    const read = (options: string) => configured(`[space ${name}]\napi = openstack\n${options}`, {}, environment);
    const { configuration, lines } = read('cloud = demo\nregion = Other\n');
    assert.deepEqual(lines, ['/etc/openstack/clouds.yaml:3:5: cloud: can be read by others (warning)']);
    const api = configuration?.spaces?.get(name)?.settings.cloud?.api;
    assert.deepEqual(api?.kind === 'openstack' && [api.authUrl, api.region], ['https://c.example.com/v3', 'Other']);
    read('');
    assert.deepEqual(asked, ['demo', undefined]);
    assert.match(read('username = u\n').lines.join(), /url: required with username: the identity service/);
  });

  it('clouds.yaml that cannot be used disables the space, and is told with its place', () => {
    const wrong: FoundCloud = { wrong: 'there is no cloud "x" in this file', place: { file: 'clouds.yaml', line: 2, column: 3 } };
    const { configuration, lines } = configured(`[space ${name}]\napi = openstack\ncloud = x\n`, {}, { openstackCloud: () => wrong });
    assert.deepEqual([configuration?.spaces?.size, lines], [0, ['clouds.yaml:2:3: cloud: there is no cloud "x" in this file']]);
  });
});

describe('what is wrong disables its space alone', () => {
  const other = '[space ok.example.com]\napi = command\ncommand = /usr/local/bin/cloud --fast\npass_environment = TOKEN\n';
  const without = (option: string): string => openstack.replace(new RegExp(`^${option} = .*\n`, 'm'), '');
  for (const [text, message] of [
    [`[space ${name}]\n`, /^vac.conf:1:1: api: required: what makes the machines; valid: openstack, ec2, command$/m],
    [`[space ${name}]\napi = azure\n`, /^vac.conf:2:7: api: "azure" is not supported any more; valid: openstack, ec2, command$/m],
    [`[space ${name}]\napi = opnstack\n`, /^vac.conf:2:7: api: "opnstack" is not supported; valid/m],
    [without('url'), /^vac.conf:1:1: url: required with username/m],
    [openstack.replace('https://', 'ftp://'), /^vac.conf:3:7: url: "ftp:\/\/keystone.example.com:5000\/v3" is not a URL/m],
    [
      openstack.replace('https://', 'https://u:hunter2@'),
      /^vac.conf:3:7: url: "https:\/\/\*\*\*@keystone.example.com:5000\/v3" is not a URL; valid: .*without user, password/m,
    ],
    [without('project_name'), /^vac.conf:1:1: project_name: required: the project in which machines are made$/m],
    [without('password'), /^vac.conf:1:1: password_file: required with username/m],
    [without('username'), /^vac.conf:1:1: username: no credentials are given; valid: one of username/m],
    [`${openstack}cred_id = i\n`, /^vac.conf:7:11: cred_id: username and cred_id are given; valid: one of/m],
    [`${openstack}password_file = /f\n`, /^vac.conf:7:17: password_file: password is given too; valid: one of them$/m],
    [`${openstack}cloud = x\n`, /^vac.conf:7:9: cloud: url is given too; valid: one of them$/m],
    [`${without('password')}password_base64 = %hunter2%\n`, /^vac.conf:6:19: password_base64: not base64; valid: base64$/m],
    [`${without('password')}password_env = 1X\n`, /^vac.conf:6:16: password_env: "1X" is not a name; valid: the name of an environment variable/m],
    [`${openstack}processors_limit = many\n`, /^vac.conf:7:20: processors_limit: "many" is not a whole number/m],
    [`${openstack}ramp_percent = 0\n`, /ramp_percent: 0 is out of range; valid: a number of per cent greater than 0, at most 100/],
    [`${openstack}orphans = keep\n`, /orphans: "keep" is not one of the words; valid: adopt, delete/],
    [`${openstack}guest_cert_file = /c\n`, /guest_cert_file: given without guest_key_file; valid: both or none/],
    [
      `${openstack}guest_listen = 0.0.0.0:8080\n`,
      /^vac.conf:7:16: guest_listen: without a certificate only a loopback address is safe; add guest_cert_file and guest_key_file/m,
    ],
    [`${openstack}guest_listen = 127.0.0.1:99999\n`, /guest_listen: there is no port 99999; valid: 1 to 65535/],
    [`${openstack}x y\n`, /^vac.conf:7:1: \[space cloud01.example.com\]: .*has neither = nor :/m],
    [`[space ${name}]\napi = ec2\naccess_key = A\n`, /^vac.conf:1:1: secret_key: required: add secret_key_file, secret_key_env or secret_key$/m],
    [`[space ${name}]\napi = command\ncommand = cloud\n`, /^vac.conf:3:11: command: the executable is not an absolute path; valid: \/…$/m],
    [`[space ${name}]\napi = command\n`, /^vac.conf:1:1: command: required/m],
  ] as const) {
    it(String(message), () => {
      const { configuration, lines } = configured(`${text}${machinetype()}${other}`);
      assert.deepEqual([...(configuration?.spaces?.keys() ?? [])], ['ok.example.com'], lines.join('\n'));
      assert.match(lines.join('\n'), message);
      assert.doesNotMatch(lines.join('\n'), /hunter2/);
      assert.deepEqual(configuration?.spaces?.get('ok.example.com')?.settings.cloud?.api, {
        kind: 'command',
        command: ['/usr/local/bin/cloud', '--fast'],
        passEnvironment: ['TOKEN'],
      });
    });
  }

  it('a space with the name of the space of the host', () => {
    const { configuration, lines } = configured(`${settings}${openstack.replace(name, 'vac01.example.com')}`);
    assert.equal(configuration?.spaces?.size, 0);
    assert.match(lines.join(), /vac01.example.com is vac_space of this host too/);
  });

  it('all spaces share one server for their machines', () => {
    const { configuration, lines } = configured(`${openstack}${other}guest_listen = 127.0.0.1:9090\n`);
    assert.deepEqual([...(configuration?.spaces?.keys() ?? [])], [name]);
    assert.match(
      lines.join(),
      /^vac.conf:11:16: guest_listen: differs from \[space cloud01.example.com\]: all spaces share one server; valid: the same guest_listen/,
    );
  });

  it('sections without their space, and headers that are none', () => {
    const { configuration, lines } = configured(
      `${settings}${openstack}[machinetype cloud02.example.com prod]\n[vacuum_pipe x p]\n[space]\n[space a/b]\n[machinetype a b c]\n`,
    );
    assert.ok(configuration?.spaces?.has(name));
    assert.deepEqual(
      lines.map((line) => line.replace(/^vac.conf:/, '')),
      [
        '9:1: [machinetype cloud02.example.com prod]: there is no [space cloud02.example.com]; did you mean cloud01.example.com?; valid: the name of a space, then the name of the machinetype',
        '10:1: [vacuum_pipe x p]: there is no [space x]; valid: the name of a space, then the name of the pipe',
        '11:1: [space]: the section has no name and is ignored; valid: [space NAME], NAME of letters, digits, dots and hyphens, such as vcycle01.example.org',
        '12:1: [space a/b]: the section has the name "a/b" and is ignored; valid: [space NAME], NAME of letters, digits, dots and hyphens, such as vcycle01.example.org',
        '13:1: [machinetype a b c]: the section has the name "a b c"; valid: [machinetype NAME], NAME of letters a-z, digits and hyphens',
      ],
    );
  });

  it('unknown options, those of other providers and old versions are warnings', () => {
    const { own, lines } = space(`${openstack}procesors_limit = 3\nsubnets = a\nglance_api = 1\napi_version = 2.0\n`);
    assert.ok(own);
    assert.deepEqual(lines, [
      'vac.conf:7:1: procesors_limit: not an option of [space cloud01.example.com] and ignored; did you mean processors_limit? (warning)',
      'vac.conf:8:1: subnets: has no effect with api = openstack; valid with ec2 (warning)',
      'vac.conf:9:14: glance_api: ignored: version 2 of the image service is used (warning)',
      'vac.conf:10:15: api_version: ignored: version 3 of the identity service is used (warning)',
    ]);
    assert.deepEqual(space(`${openstack}glance_api = 2\napi_version = 3.2\n`).lines, []);
  });

  it('whatever stands in one space, nothing is thrown and the other one stays as it is', () => {
    const options = fc.constantFrom(...[spaceTable, openstackTable, ec2Table, commandTable, cloudMachinetypeTable].flatMap((table) => Object.keys(table)), 'x');
    const line = fc
      .tuple(options, fc.oneof(fc.string(), fc.constantFrom('openstack', 'ec2', 'command', '1', 'yes', '/x', 'https://x/v3', 'a b')))
      .map((pair) => pair.join(' = '));
    const title = fc.constantFrom('space a', 'machinetype a t', 'vacuum_pipe a p', 'space', 'machinetype  a  ', '');
    const section = fc
      .tuple(title, fc.array(line, { maxLength: 12 }))
      .map(([header, lines]) => `[${header}]\n${lines.map((one) => one.replaceAll(/[\r\n]/g, ' ')).join('\n')}\n`);
    const digest = configured(other).configuration?.spaces?.get('ok.example.com')?.digest;
    fc.assert(
      fc.property(fc.array(section, { maxLength: 4 }), (sections) => {
        const { configuration } = configured(`${other}${sections.join('')}`);
        assert.equal(configuration?.spaces?.get('ok.example.com')?.digest, digest);
      }),
      { numRuns: 300 },
    );
  });
});

describe('[machinetype SPACE NAME]', () => {
  const required = ['user_data', 'backoff_seconds', 'fizzle_seconds'] as const;
  for (const option of required) {
    it(`${option} is required`, () => {
      const { own, lines } = space(`${openstack}${machinetype('prod').replace(new RegExp(`^${option} = .*\n`, 'm'), '')}${machinetype('test')}`);
      assert.deepEqual([...(own?.machinetypes.keys() ?? [])], ['test']);
      assert.match(lines.join('\n'), new RegExp(`^vac.conf:7:1: ${option}: required: `));
    });
  }
  for (const [line, message] of [
    ['machine_model = docker', /machine_model: "docker" is not one of the words; valid: vm-raw, cernvm3, cernvm4/],
    ['min_processors = 4\nmax_processors = 2', /max_processors: the largest machine would be 2 and the smallest 4/],
    ['https_x509dn = CN=x', /https_x509dn: "CN=x" is not a DN; valid: a DN such as/],
    ['cvmfs_proxy_machinetype = squid:x', /cvmfs_proxy_machinetype: "squid:x" is not a name/],
    ['flavor_names = m1 ;x', undefined],
    ['flavor_names = a;b', /flavor_names: "a;b" cannot stand in this list/],
  ] as const) {
    it(line, () => {
      const { own, lines } = space(`${openstack}${machinetype('prod', `${line}\n`)}`);
      if (message) assert.match(lines.join('\n'), message);
      assert.equal(own?.machinetypes.has('prod'), message === undefined);
    });
  }

  it('defaults, limits and caches', () => {
    const own = usable(
      `${openstack}flavor_names = m1 m2\ncleanup_hours = 12\n${machinetype('prod', 'processors_limit = 8\naccounting_fqan = /vo\ncvmfs_proxy_machinetype = squid:3128\nmb_per_processor = 4000\nhs06_per_processor = 9\nroot_public_key = /k.pub\n')}${machinetype('squid')}`,
    );
    const prod = own.machinetypes.get('prod');
    assert.deepEqual(prod?.cloud, {
      flavorNames: ['m1', 'm2'],
      processorsLimit: 8,
      maxStartingProcessors: 8,
      mbPerProcessor: 4000,
      hs06PerProcessor: 9,
      rootPublicKey: '/k.pub',
      cvmfsProxy: { machinetype: 'squid', port: 3128 },
    });
    assert.deepEqual([prod?.machinesDirDays, prod?.machinegroup, prod?.maxWallclock, prod?.heartbeatFile], [0.5, 'prod', 86_400, undefined]);
  });

  it('both options of heartbeats or neither; options of hosts have no effect; a cache that is not there is told', () => {
    const { own, lines } = space(`${openstack}${machinetype('prod', 'heartbeat_file = hb\nkernel_arguments = quiet\ncvmfs_proxy_machinetype = squd\n')}`);
    assert.equal(own?.machinetypes.get('prod')?.heartbeatFile, undefined);
    assert.deepEqual(lines, [
      'vac.conf:13:1: heartbeat_file: has no effect without heartbeat_seconds: heartbeats are not looked at (warning)',
      'vac.conf:14:1: kernel_arguments: has no effect: it is for machines on a host of the site (warning)',
      'vac.conf:15:27: cvmfs_proxy_machinetype: there is no machinetype squd in this space (warning)',
    ]);
  });
});

describe('[vacuum_pipe SPACE PREFIX]', () => {
  const pipe = (more = '', url = 'https://vo.example.org/p'): string => `[vacuum_pipe ${name} vo]\nvacuum_pipe_url = ${url}\ntarget_share = 6\n${more}`;
  const entry = (suffix: string, share: number, more = {}) => ({
    suffix,
    target_share: share,
    root_image: 'image:debian',
    user_data: 'https://vo.example.org/u',
    backoff_seconds: 60,
    fizzle_seconds: 60,
    ...more,
  });
  const withPipe = (text: string, ...machinetypes: readonly unknown[]) => {
    const read = configured(text, {}, {}, [], { [name]: { vo: { machinetypes } } });
    const own = read.configuration?.spaces?.get(name);
    return { own, types: own?.machinetypes ?? new Map<string, never>(), lines: read.lines };
  };

  it('shares are divided over the entries that became machinetypes', () => {
    const { types, lines } = withPipe(
      openstack + pipe(),
      entry('a', 1),
      entry('b', 2),
      entry('c', 50, { machine_model: 'docker' }),
      entry('d', 40, { fizzle_seconds: 'x' }),
      { target_share: 30 },
    );
    assert.deepEqual(
      [...types.values()].map((m) => [m.name, m.targetShare]),
      [
        ['vo-a', 2],
        ['vo-b', 4],
      ],
    );
    assert.match(lines.join('\n'), /vo-c has another than this space can use and is skipped; valid: vm-raw, cernvm3, cernvm4 \(warning\)/);
    assert.match(lines.join('\n'), /fizzle_seconds: required/);
  });

  it('the local section counts before that of the pipe, and that before the document', () => {
    const { types } = withPipe(
      `${openstack}${pipe('fizzle_seconds = 2\nbackoff_seconds = 2\n')}[machinetype ${name} vo-a]\nbackoff_seconds = 3\n`,
      entry('a', 1, { image_signing_dn: '/CN=signer$', max_wallclock_seconds: 1000 }),
    );
    const a = types.get('vo-a');
    assert.deepEqual([a?.backoff, a?.fizzle, a?.maxWallclock, a?.imageSigningDn], [3, 2, 1000, '/CN=signer$']);
    assert.equal(a?.filesDir, `/var/lib/vacua/spaces/${name}/machinetypes/vo/files`);
  });

  it('plain HTTP only where the site allows it', () => {
    const { lines, types } = withPipe(openstack + pipe('', 'http://vo.example.org/p'), entry('a', 1));
    assert.equal(types.size, 0);
    assert.match(
      lines.join('\n'),
      /^vac.conf:8:19: vacuum_pipe_url: plain HTTP, so that anybody on the way can change the pipe; valid: https:\/\/…, or add allow_http = yes/,
    );
    assert.equal(withPipe(openstack + pipe('allow_http = yes\n', 'http://vo.example.org/p'), entry('a', 1)).types.size, 1);
  });

  it('a document names no files of the host', () => {
    for (const [option, value] of [
      ['root_image', '/etc/passwd'],
      ['root_image', '/cvmfs/x/y'],
      ['root_image', 'image:../x'],
      ['user_data', 'https://x/../../y'],
      ['user_data_file_x', 'a/b'],
      ['heartbeat_file', 'a/b'],
      ['processors_limit', 5],
    ] as const) {
      const { lines } = withPipe(openstack + pipe(), entry('a', 1, { [option]: value }));
      assert.match(lines.join('\n'), new RegExp(`machinetype ${name} vo-a\\] "?${option}"?: `), `${option} ${value}`);
    }
  });
});

describe('what is printed', () => {
  const all = `[settings]\nvac_space = vac01.example.com\n${openstack}network_uuid = n\n${machinetype('prod', 'https_x509dn = /CN=x\n')}[vacuum_pipe ${name} vo]\nvacuum_pipe_url = http://x.example/p\nallow_http = yes\n[space e.example.com]\napi = ec2\naccess_key = hunter2\nsecret_key = hunter3\nsession_token = hunter4\n`;
  it('the effective configuration masks secrets, and is one again without them', () => {
    const { configuration } = configured(all);
    const text = maskedConfiguration(configuration ?? assert.fail());
    assert.doesNotMatch(text, /hunter/);
    assert.match(text, /^password = \*\*\*$/m);
    const again = configured(text);
    assert.deepEqual(again.lines, []);
    assert.equal(maskedConfiguration(again.configuration ?? assert.fail()), text);
  });

  it('spaces alone stay alone', () => {
    const { configuration } = configured(openstack);
    const again = configured(maskedConfiguration(configuration ?? assert.fail()));
    assert.deepEqual([again.configuration?.host, again.lines], [false, []]);
  });

  it('a plan tells what changes in which space', () => {
    const read = (text: string) => configured(text).configuration ?? assert.fail();
    const before = read(all);
    const after = read(
      `${all.replace('[space e.example.com]', '[space f.example.com]').replace('password = hunter2', 'password = other')}[space ${name}]\nprocessors_limit = 5\n${machinetype('new')}`,
    );
    assert.deepEqual(planLines(planDiff(before, after)), [
      `space ${name}: password has another value`,
      `space ${name}: processors_limit = "5", not given before`,
      `space ${name}: new: is new; may be started from now on; share of the space 0 % → 50 %`,
      `space ${name}: prod: share of the space 100 % → 50 %`,
      'space e.example.com: is no longer configured; its machines run on to their end, and no more are started',
      'space f.example.com: is new',
    ]);
    assert.deepEqual(planLines(planDiff(before, before)), []);
  });
});
