import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Ec2Api } from '../../core/cloud/settings.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { type MachineOrder, ProviderError } from '../contract.ts';
import type { Ec2Provider } from './provider.ts';
import { StandIn } from './stand-in/server.ts';
import { apiOf, orderIn, providerOf, space } from './testing.ts';

const root = mkdtempSync(join(tmpdir(), 'vacua-ec2-'));
let standIn: StandIn;
let endpoint: string;
const open: Ec2Provider[] = [];
const soon = (): AbortSignal => AbortSignal.timeout(30_000);
const provider = (about: Partial<Ec2Api> = {}): Ec2Provider => {
  const made = providerOf(apiOf(endpoint, standIn, about));
  open.push(made);
  return made;
};
const failure = async (work: Promise<unknown>): Promise<ProviderError> => {
  let seen: unknown;
  await assert.rejects(work, (error) => ((seen = error), true));
  assert.ok(seen instanceof ProviderError, String(seen));
  return seen;
};
const brief = ({ code, fault, lack, whole }: ProviderError): object => ({ code, fault, ...(lack && { lack }), ...(whole && { whole }) });

before(async () => {
  standIn = new StandIn();
  endpoint = await standIn.open();
});
beforeEach(() => {
  standIn.trouble = () => undefined;
  standIn.clockAheadSeconds = 0;
  standIn.cloud.instances.clear();
  standIn.cloud.tokens.clear();
  standIn.cloud.vcpuLimit = 1000;
  standIn.cloud.pageSize = 1000;
});
after(async () => {
  for (const p of open) await p.close();
  await standIn.close();
  rmSync(root, { recursive: true });
});

describe('ec2: what the cloud refuses', () => {
  const table: readonly (readonly [string, object])[] = [
    ['UnauthorizedOperation', { code: 'NOT_ALLOWED', fault: 'host', whole: true }],
    ['InsufficientInstanceCapacity', { code: 'NO_CAPACITY', fault: 'provider', lack: 'capacity' }],
    ['InstanceLimitExceeded', { code: 'QUOTA_EXCEEDED', fault: 'provider', lack: 'quota', whole: true }],
    ['MaxSpotInstanceCountExceeded', { code: 'QUOTA_EXCEEDED', fault: 'provider', lack: 'quota', whole: true }],
    ['VolumeLimitExceeded', { code: 'QUOTA_EXCEEDED', fault: 'provider', lack: 'quota', whole: true }],
    ['SomethingNew', { code: 'REQUEST_REFUSED', fault: 'host' }],
  ];
  for (const [code, expected] of table) {
    it(`${code} when a machine is made`, async () => {
      standIn.trouble = (action) => (action === 'RunInstances' ? { code } : undefined);
      const seen = await failure(provider().create(orderIn(root), soon()));
      assert.deepEqual(brief(seen), expected);
      assert.match(seen.message, new RegExp(`^RunInstances: ${code}: because of ${code}$`));
    });
  }

  it('wrong image, flavor, subnet, group and key are told apart', async () => {
    const p = provider();
    const order = (remote: object): MachineOrder => orderIn(root, {}, remote);
    assert.deepEqual(brief(await failure(p.create(order({ image: { kind: 'named', name: 'debian-11' } }), soon()))), {
      code: 'IMAGE_MISSING',
      fault: 'tenant',
    });
    assert.deepEqual(brief(await failure(p.create(order({ image: { kind: 'file', path: '/i', source: 'https://i' } }), soon()))), {
      code: 'IMAGE_FILE',
      fault: 'tenant',
    });
    assert.deepEqual(brief(await failure(p.create(order({ flavor: 't9.huge' }), soon()))), { code: 'FLAVOR_MISSING', fault: 'host' });
    const tooLarge = await failure(p.create(order({ userData: randomBytes(16_385) }), soon()));
    assert.match(tooLarge.message, /16385 bytes, \d+ compressed; valid: at most 16384/);
    assert.deepEqual(brief(await failure(provider({ subnets: ['subnet-00bad'] }).create(order({}), soon()))), {
      code: 'NETWORK_MISSING',
      fault: 'host',
      whole: true,
    });
    assert.deepEqual(brief(await failure(provider({ securityGroups: ['sg-00bad'] }).create(order({}), soon()))), {
      code: 'SECURITY_GROUP_MISSING',
      fault: 'host',
      whole: true,
    });
    assert.equal(standIn.cloud.instances.size, 0);
  });

  it('the limit of processors is a quota of this flavor', async () => {
    standIn.cloud.vcpuLimit = 3;
    const p = provider();
    await p.create(orderIn(root), soon());
    assert.deepEqual(brief(await failure(p.create(orderIn(root), soon()))), { code: 'QUOTA_EXCEEDED', fault: 'provider', lack: 'quota' });
  });

  it('wrong keys, wrong region, an expired session: credentials of ours, which every machinetype meets', async () => {
    const wrong = [
      provider({ secretKey: { from: 'text', text: 'wrong' } }),
      provider({ accessKey: { from: 'text', text: 'AKIDNOBODY' } }),
      provider({ sessionToken: { from: 'text', text: 'expired' } }),
    ];
    for (const p of wrong) assert.deepEqual(brief(await failure(p.list(soon()))), { code: 'CREDENTIALS_REFUSED', fault: 'host', whole: true });
  });

  it('a clock an hour off is corrected by the server’s own, as the signature needs it', async () => {
    standIn.clockAheadSeconds = 3600;
    assert.equal((await provider().list(soon())).complete, true);
  });

  it('a page of a proxy, half an answer, a closed port and a server that breaks are never lists', async () => {
    standIn.trouble = () => ({ raw: '<html><body>Sign in to the network</body></html>', status: 200, type: 'text/html' });
    assert.equal((await failure(provider().list(soon()))).fault, 'provider');
    standIn.trouble = () => ({ raw: '<html>\u001b[31mBad gateway</html>', status: 502, type: 'text/html' });
    const bad = await failure(provider().list(soon()));
    assert.equal(bad.fault, 'provider');
    assert.doesNotMatch(bad.message, /[^ -~…]/);
    standIn.trouble = () => ({ raw: '<?xml version="1.0"?><DescribeInstancesResponse><reservationSet><item>', status: 200, type: 'text/xml', cut: true });
    assert.equal((await failure(provider().list(soon()))).fault, 'provider');
    standIn.trouble = () => ({ code: 'Unavailable', status: 503 });
    assert.deepEqual(brief(await failure(provider().list(soon()))), { code: 'UNAVAILABLE', fault: 'provider', whole: true });
    const gone = provider({ endpoint: 'http://127.0.0.1:1' });
    assert.deepEqual(brief(await failure(gone.list(soon()))), { code: 'UNREACHABLE', fault: 'provider', whole: true });
  });

  it('too many requests: tried again by itself, then a pause is asked for', async () => {
    let times = 0;
    standIn.trouble = () => (times++ < 1 ? { code: 'RequestLimitExceeded', status: 503 } : undefined);
    assert.equal((await provider().list(soon())).complete, true);
    standIn.trouble = () => ({ code: 'RequestLimitExceeded', status: 503 });
    const seen = await failure(provider().list(soon()));
    assert.deepEqual([seen.code, seen.retryAfter], ['ASKED_TO_WAIT', 30]);
  });
});

describe('ec2: lists', () => {
  it('are read page by page, and a page that fails makes the whole list fail', async () => {
    const p = provider();
    for (let i = 0; i < 5; i++) await p.create(orderIn(root), soon());
    standIn.cloud.pageSize = 2;
    assert.equal((await p.list(soon())).sightings.length, 5);
    standIn.trouble = (action, form) => (action === 'DescribeInstances' && form.has('NextToken') ? { code: 'InternalError', status: 500 } : undefined);
    assert.deepEqual(brief(await failure(p.list(soon()))), { code: 'PROVIDER_ERROR', fault: 'provider', whole: true });
  });

  it('instances of others are counted with their processors and not touched, also when they are called as ours are', async () => {
    const p = provider();
    const order = orderIn(root);
    await p.create(order, soon());
    const foreign = [
      { Name: 'vacua-prod-abcdefghij' },
      { Name: 'db', vacua_id: 'not an id', vacua_space: space },
      { vacua_id: '11111111-2222-4333-8444-555555555555', vacua_space: 'other.example.com' },
    ];
    foreign.forEach((tags, i) => {
      standIn.cloud.instances.set(`i-foreign${i}`, {
        id: `i-foreign${i}`,
        state: 'running',
        type: 'm5.large',
        tags: new Map(Object.entries(tags).filter((e): e is [string, string] => e[1] !== undefined)),
        launchedAt: new Date(),
        behavior: 'stop',
        request: '',
        deaf: false,
        userData: '',
      });
    });
    const seen = await p.list(soon());
    assert.deepEqual(
      seen.sightings.map((s) => s.id),
      [order.id],
    );
    assert.equal(seen.foreignProcessors, 6);
    assert.deepEqual(seen.offer?.used, { processors: 8, machines: 4 });
    assert.deepEqual(
      seen.offer?.flavors.map((f) => [f.name, f.processors]),
      [
        ['t3.small', 2],
        ['m5.large', 2],
      ],
    );
    const { marks } = seen.sightings[0] ?? {};
    assert.deepEqual(marks, {
      manager: 'manager.example.com',
      machinetype: 'prod',
      name: order.name,
      processors: 2,
      createdAt: 1_800_000_000_000,
      shutdownTime: 1_800_086_400_000,
    });
  });

  it('tags that someone has edited make a machine a stranger’s or leave it without a description, and nothing worse', async () => {
    const p = provider();
    const [a, b] = [orderIn(root), orderIn(root)];
    for (const order of [a, b]) await p.create(order, soon());
    const [first, second] = [...standIn.cloud.instances.values()];
    first?.tags.delete('vacua_id');
    second?.tags.set('vacua_processors', 'a lot');
    const seen = await p.list(soon());
    assert.deepEqual(
      seen.sightings.map((s) => [s.id, s.marks]),
      [[b.id, undefined]],
    );
  });

  it('two instances of one machine: one stays, the other is removed', async () => {
    const p = provider();
    const order = orderIn(root);
    await p.create(order, soon());
    standIn.cloud.tokens.clear();
    const [one] = standIn.cloud.instances.values();
    assert.ok(one);
    standIn.cloud.instances.set('i-copy', { ...one, id: 'i-copy' });
    assert.equal((await p.list(soon())).sightings.length, 1);
    assert.deepEqual(
      [...standIn.cloud.instances.values()].filter((i) => i.state !== 'terminated' && i.state !== 'shutting-down').map((i) => i.id),
      [one.id],
    );
  });
});

describe('ec2: machines', () => {
  it('one is asked for with everything at once: token, marks, user data, metadata service version 2, key, no shell in between', async () => {
    let form = new URLSearchParams();
    standIn.trouble = (action, f) => {
      if (action === 'RunInstances') form = f;
      return undefined;
    };
    const order = orderIn(root, {}, { volumeGb: 40 });
    await provider({ subnets: ['subnet-0000000000000001'], securityGroups: ['sg-0000000000000001'], launchTemplate: 'vacua' }).create(order, soon());
    assert.equal(form.get('ClientToken'), order.id);
    assert.equal(form.get('MetadataOptions.HttpTokens'), 'required');
    assert.equal(Buffer.from(form.get('UserData') ?? '', 'base64').toString(), '#!/bin/sh\n');
    assert.deepEqual([form.get('BlockDeviceMapping.1.DeviceName'), form.get('BlockDeviceMapping.1.Ebs.VolumeSize')], ['/dev/xvda', '40']);
    assert.equal(form.get('LaunchTemplate.LaunchTemplateName'), 'vacua');
    assert.match([...standIn.cloud.keyPairs.values()][0] ?? '', /^ssh-ed25519 \S+ vacua$/);
    assert.equal([...standIn.cloud.instances.values()][0]?.tags.get('vacua_id'), order.id);
  });

  it('user data that is too long goes compressed', async () => {
    let sent = '';
    standIn.trouble = (action, form) => {
      if (action === 'RunInstances') sent = form.get('UserData') ?? '';
      return undefined;
    };
    const userData = Buffer.from('#!/bin/sh\n'.repeat(5000));
    await provider().create(orderIn(root, {}, { userData }), soon());
    assert.deepEqual(gunzipSync(Buffer.from(sent, 'base64')), userData);
  });

  it('a lost answer is no second machine, and the same token with other words finds the first', async () => {
    const p = provider();
    const order = orderIn(root);
    standIn.trouble = (action, form) => {
      if (action !== 'RunInstances') return undefined;
      standIn.cloud.run(form);
      return { raw: '', status: 500, type: 'text/plain' };
    };
    await failure(p.create(order, soon()));
    standIn.trouble = () => undefined;
    await p.create({ ...order, ...(order.remote && { remote: { ...order.remote, flavor: 'm5.large' } }) }, soon());
    assert.equal(standIn.cloud.instances.size, 1);
  });

  it('a spot instance cannot be stopped, only removed; when it ends by itself, its end is seen', async () => {
    const p = provider({ spot: true });
    const order = orderIn(root);
    await p.create(order, soon());
    await p.list(soon());
    await p.shutdown(order.id, soon());
    assert.equal((await p.list(soon())).sightings[0]?.power, 'running');
    standIn.cloud.powerOff([...standIn.cloud.instances.keys()][0] ?? '');
    const [seen] = (await p.list(soon())).sightings;
    assert.deepEqual([seen?.power, seen?.cause], ['off', 'power-off']);
    await p.destroy(order.id, soon());
    assert.deepEqual((await p.list(soon())).sightings, []);
  });

  it('a compatible cloud may want another service in its signatures', async (t) => {
    const other = new StandIn({ service: 'openstack', region: 'RegionOne' });
    const url = await other.open();
    t.after(() => other.close());
    const p = providerOf(apiOf(url, other, { signingService: 'openstack' }));
    assert.equal((await p.list(soon())).complete, true);
    await p.close();
  });

  it('the stand-in refuses what EC2 would: a parameter that it does not know, another version', async () => {
    const { parameterFault } = await import('./stand-in/parameters.ts');
    const form = (text: string): string | undefined => parameterFault(new URLSearchParams(text))?.code;
    assert.equal(form('Action=DescribeInstances&Version=2016-11-15'), undefined);
    assert.equal(form('Action=DescribeInstances&Version=2010-08-31'), 'NoSuchVersion');
    assert.equal(form('Action=DescribeInstances&Version=2016-11-15&Colour=red'), 'UnknownParameter');
    assert.equal(form('Action=RebootWorld&Version=2016-11-15'), 'InvalidAction');
  });
});

describe('ec2: looked at before anything starts', () => {
  const machinetype = (about: object): Machinetype =>
    ({ name: 'prod', rootImage: 'image:debian-12', cloud: { flavorNames: ['t3.small'] }, ...about }) as unknown as Machinetype;
  const findings = async (p: Ec2Provider, ...types: readonly Machinetype[]): Promise<readonly string[]> => {
    const lines: string[] = [];
    for await (const { what, state, text } of p.verify(types, soon())) lines.push(`${state} ${what}: ${text}`);
    return lines;
  };

  it('everything is there', async () => {
    const lines = await findings(provider({ subnets: ['subnet-0000000000000001'], securityGroups: ['default'], launchTemplate: 'vacua' }), machinetype({}));
    assert.deepEqual(lines, [
      'ok credentials: 0 instances in us-east-1',
      'ok flavor t3.small: 2 processors, 2048 MiB',
      'ok flavor m5.large: 2 processors, 8192 MiB',
      'ok image debian-12: ami-0123456789abcdef0',
      'ok subnet subnet-0000000000000001: 250 free addresses',
      'ok security group default: sg-0000000000000001',
      'ok launch template vacua: version 1',
    ]);
  });

  it('each thing that is not there is named, and nothing is made', async () => {
    const wrong = machinetype({ rootImage: 'image:none', cloud: { flavorNames: ['t9.huge'] } });
    const lines = await findings(provider({ subnets: ['subnet-0bad'], launchTemplate: 'none' }), wrong, machinetype({ name: 'file', rootImage: '/image.iso' }));
    assert.deepEqual(
      lines.filter((l) => l.startsWith('wrong')).map((l) => l.split(':')[0]),
      ['wrong flavor t9.huge', 'wrong image none', 'wrong image of file', 'wrong subnet subnet-0bad', 'wrong launch template none'],
    );
    assert.deepEqual(
      (await findings(provider({ secretKey: { from: 'text', text: 'no' } }), machinetype({}))).map((l) => l.split(':')[0]),
      ['wrong credentials'],
    );
    assert.equal(standIn.cloud.instances.size, 0);
  });
});
