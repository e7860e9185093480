import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { machineId } from '../../core/units.ts';
import { markTag } from '../cloud/marks.ts';
import { StandIn } from './stand-in.ts';
import { fails, kit, labels, never, orderOf, space } from './test-kit.ts';

const key = `ssh-ed25519 ${Buffer.alloc(40, 7).toString('base64')}`;

describe('OpenStack provider', () => {
  let cloud: StandIn;
  before(async () => {
    cloud = await StandIn.open();
  });
  after(() => cloud.close());
  beforeEach(() => {
    cloud.heal();
    cloud.servers.length = 0;
    cloud.images.length = 0;
    cloud.keys.clear();
    cloud.asked.length = 0;
    cloud.pageSize = 1000;
    cloud.maxVersion = '2.93';
  });
  const posted = () =>
    cloud.asked.filter((a) => a.method === 'POST' && a.path === '/v2.1/servers').map((a) => (JSON.parse(a.body) as { server: Record<string, unknown> }).server);

  it('a list tells ours from foreign machines, whose processors are counted, and says what the project allows and offers', async () => {
    const { provider } = kit(cloud.api());
    const ours = labels();
    cloud.add({ ...ours });
    cloud.add({ name: ours.name ?? '', flavor: { vcpus: 8 } });
    cloud.add({ ...labels(undefined, {}), metadata: { vacua_space: 'other' }, tags: [] });
    const listed = await provider.list(never());
    assert.equal(listed.complete, true);
    assert.deepEqual(
      listed.sightings.map((s) => [s.id, s.power, s.marks?.machinetype, s.providerId, s.zone]),
      [[ours.ours, 'running', 'prod', cloud.servers[0]?.id, 'nova']],
    );
    assert.equal(listed.foreignProcessors, 9);
    assert.deepEqual(listed.offer?.quota, { processors: 64, machines: 64 });
    assert.deepEqual(listed.offer?.used, { processors: 3, machines: 3 });
    assert.deepEqual(
      listed.offer?.flavors.map((f) => [f.name, f.processors]),
      [
        ['t1.nano', 1],
        ['t1.medium', 2],
      ],
    );
    await provider.close();
  });

  it('a cycle without change is two requests, whatever the number of machines, and pages are followed by their marker alone', async () => {
    const { provider } = kit(cloud.api());
    for (let i = 0; i < 250; i++) cloud.add({ ...labels() });
    await provider.list(never());
    cloud.asked.length = 0;
    const all = await provider.list(never());
    assert.deepEqual([all.complete, all.sightings.length, cloud.asked.length], [true, 250, 2]);
    cloud.pageSize = 100;
    cloud.asked.length = 0;
    const paged = await provider.list(never());
    assert.deepEqual([paged.complete, paged.sightings.length, cloud.asked.length], [true, 250, 4]);
    await provider.close();
  });

  it('states of servers (spec/cloud.md §7.2)', async () => {
    const { provider } = kit(cloud.api());
    const states: readonly (readonly [string, string | null, number, string])[] = [
      ['BUILD', 'spawning', 0, 'starting'],
      ['ACTIVE', null, 0, 'starting'],
      ['ACTIVE', null, 1, 'running'],
      ['ACTIVE', 'powering-off', 1, 'running'],
      ['ACTIVE', 'deleting', 1, 'deleting'],
      ['ACTIVE', 'Deleting', 1, 'deleting'],
      ['SHUTOFF', null, 4, 'off'],
      ['ERROR', null, 0, 'failed'],
      ['DELETED', null, 0, 'deleting'],
      ['SOFT_DELETED', null, 0, 'deleting'],
      ['SUSPENDED', null, 7, 'paused'],
      ['PAUSED', null, 3, 'paused'],
      ['SHELVED_OFFLOADED', null, 0, 'paused'],
      ['RESCUE', null, 1, 'paused'],
      ['REBUILD', null, 1, 'unknown'],
      ['toString', null, 1, 'unknown'],
    ];
    for (const [status, task, power] of states) cloud.add({ ...labels(), status, 'OS-EXT-STS:task_state': task, 'OS-EXT-STS:power_state': power });
    cloud.add({ ...labels(), status: 'ERROR', updated: '2026-11-20T14:21:30Z' });
    const fault = { code: 500, message: 'No valid host was found. ', created: '2026-11-20T14:22:30Z' };
    cloud.add({ ...labels(), status: 'ERROR', 'OS-EXT-STS:power_state': 0, fault });
    const { sightings } = await provider.list(never());
    assert.deepEqual(
      sightings.slice(0, -1).map((s) => s.power),
      [...states.map(([, , , power]) => power), 'starting'],
    );
    assert.equal(sightings[6]?.cause, 'power-off');
    assert.deepEqual([sightings.at(-1)?.failure, sightings.at(-1)?.lack], ['No valid host was found.', 'capacity']);
    await provider.close();
  });

  it('the reason of a failed server is asked for one by one where the list leaves it out, once', async () => {
    const { provider } = kit(cloud.api());
    const { ours, ...about } = labels();
    const server = cloud.add({ ...about, status: 'ERROR' });
    const fault = { code: 413, message: 'Quota exceeded for cores, instances: Requested 1, 1, but already used 1, 1 of 1, 1 cores, instances' };
    cloud.always('GET', new RegExp(`servers/${server.id}`), { status: 200, body: { server: { ...server, fault } } });
    for (let i = 0; i < 3; i++) {
      const [seen] = (await provider.list(never())).sightings;
      assert.deepEqual([seen?.id, seen?.power, seen?.lack], [ours, 'failed', 'quota']);
    }
    assert.equal(cloud.count('GET', new RegExp(`servers/${server.id}`)), 1);
    await provider.close();
  });

  it('the body of a creation: marks, user data, key pair, network, zone, groups, config drive', async () => {
    const { provider } = kit(cloud.api({ zones: ['nova'], securityGroups: ['default'], configDrive: true }));
    const order = orderOf({ rootPublicKey: `${key} someone@somewhere` });
    await provider.create(order, never());
    const [server] = posted();
    assert.deepEqual(server, {
      name: order.name,
      flavorRef: 'f-nano',
      imageRef: 'c36f4eae-c084-4a74-89b2-2276bb3b94a4',
      user_data: Buffer.from('#!/bin/sh\n').toString('base64'),
      metadata: {
        machinetype: 'prod',
        vacua_id: order.id,
        vacua_space: space,
        vacua_manager: 'manager-1',
        vacua_machinetype: 'prod',
        vacua_name: order.name,
        vacua_processors: '1',
        vacua_created: '1795184491',
        vacua_shutdown: '1795188091',
      },
      networks: [{ uuid: '85001bd1-1558-4630-b1b6-d92ce985f748' }],
      availability_zone: 'nova',
      security_groups: [{ name: 'default' }],
      key_name: [...cloud.keys.keys()][0],
      config_drive: true,
      description: `Vacua: prod of space ${space}, made by manager-1`,
      tags: [markTag(space, order.id)],
    });
    assert.deepEqual([...cloud.keys.values()], [key]);
    const version = cloud.asked.find((a) => a.method === 'POST' && a.path === '/v2.1/servers')?.headers['openstack-api-version'];
    assert.equal(version, 'compute 2.79');
    await provider.close();
  });

  it('boot from a volume, which goes with its server', async () => {
    const { provider } = kit(cloud.api());
    await provider.create(orderOf({ volumeGb: 20 }), never());
    const [server] = posted();
    assert.equal(server?.['imageRef'], undefined);
    assert.deepEqual(server?.['block_device_mapping_v2'], [
      {
        boot_index: 0,
        source_type: 'image',
        uuid: 'c36f4eae-c084-4a74-89b2-2276bb3b94a4',
        destination_type: 'volume',
        volume_size: 20,
        delete_on_termination: true,
      },
    ]);
    await provider.close();
  });

  it('creation is idempotent: by this object, by another, and after a lost answer', async () => {
    const [first, second] = [kit(cloud.api()), kit(cloud.api())];
    const order = orderOf();
    await Promise.all([first.provider.create(order, never()), first.provider.create(order, never())]);
    await second.provider.create(order, never());
    assert.equal(posted().length, 1);

    const lost = orderOf();
    cloud.answer((asked) => {
      if (asked.method !== 'POST' || asked.path !== '/v2.1/servers') return undefined;
      const { server } = JSON.parse(asked.body) as { server: { name: string; metadata: Record<string, string>; tags: string[] } };
      cloud.add(server);
      cloud.heal();
      return { status: 202, body: { server: { id: 'x' } }, cutAt: 5 };
    });
    await assert.rejects(first.provider.create(lost, never()), fails('ANSWER_CUT', { fault: 'provider', whole: true }));
    await first.provider.create(lost, never());
    assert.equal(cloud.servers.filter((s) => s.metadata['vacua_id'] === lost.id).length, 1, 'the machine whose answer was lost is found');
    await Promise.all([first.provider.close(), second.provider.close()]);
  });

  it('creations that come together look once', async () => {
    const { provider } = kit(cloud.api());
    await provider.open(never());
    await Promise.all(Array.from({ length: 30 }, () => provider.create(orderOf(), never())));
    assert.equal(posted().length, 30);
    assert.equal(cloud.count('GET', /servers\/detail/), 1);
    assert.deepEqual(
      [cloud.count('GET', /flavors/), cloud.count('GET', /images/), cloud.count('GET', /networks/), cloud.count('POST', /tokens/)],
      [1, 1, 1, 1],
    );
    await provider.close();
  });

  it('of two servers for one machine the oldest stays, and a foreign one with a copied label is left alone', async () => {
    const { provider } = kit(cloud.api());
    const id = machineId('0f9c1f0e-5f1e-4b62-9c3f-0123456789ab');
    cloud.add({ ...labels(id), name: 'somebody-elses', tags: [], created: '2020-01-01T00:00:00Z' });
    const oldest = cloud.add({ ...labels(id), created: '2026-11-20T14:00:00Z' });
    cloud.add({ ...labels(id), created: '2026-11-20T14:00:01Z' });
    const listed = await provider.list(never());
    assert.deepEqual(
      listed.sightings.map((s) => [s.id, s.providerId]),
      [[id, oldest.id]],
    );
    assert.equal(listed.foreignProcessors, 2);
    await provider.close();
    assert.deepEqual(
      cloud.servers.map((s) => s.name),
      ['somebody-elses', oldest.name],
    );
  });

  it('a machine is found by what was seen of it, also when all its labels have been edited away', async () => {
    const { provider } = kit(cloud.api());
    const { ours, ...about } = labels();
    const server = cloud.add(about);
    await provider.list(never());
    server.metadata = { vacua_id: 'edited' };
    server.tags = [];
    server.name = 'mine';
    const listed = await provider.list(never());
    assert.deepEqual(
      listed.sightings.map((s) => [s.id, s.power, s.marks]),
      [[ours, 'running', undefined]],
    );
    await provider.destroy(ours, never());
    assert.deepEqual(cloud.servers, []);
    await provider.close();
  });

  it('removal goes on until the cloud shows it no more, asks again when it is forgotten, and removes copies too', async () => {
    const { provider, pauses } = kit(cloud.api());
    const { ours, ...about } = labels();
    cloud.add(about);
    cloud.add(about);
    let refusals = 0;
    cloud.answer((asked) => (asked.method === 'DELETE' && refusals++ < 2 ? { status: 204 } : undefined));
    await provider.destroy(ours, never());
    assert.deepEqual(cloud.servers, []);
    assert.ok(pauses.reduce((a, b) => a + b, 0) >= 30_000, 'it was asked again after half a minute');
    await provider.destroy(ours, never());
    await provider.close();
  });

  it('a locked machine is no success: the caller gives up in time', async () => {
    const abort = new AbortController();
    const { provider } = kit(cloud.api(), {
      pause: async () => {
        abort.abort();
      },
    });
    const { ours, ...about } = labels();
    cloud.add(about);
    cloud.always('DELETE', /servers/, { status: 409, body: { conflictingRequest: { code: 409, message: 'Instance x is locked' } } });
    await assert.rejects(provider.destroy(ours, abort.signal), fails('ABORTED'));
    assert.equal(cloud.servers.length, 1);
    await provider.close();
  });

  it('shutdown presses the button once, and bears every answer of a machine that cannot', async () => {
    const { provider } = kit(cloud.api());
    const { ours, ...about } = labels();
    cloud.add(about);
    await provider.shutdown(ours, never());
    assert.equal(cloud.asked.at(-1)?.body, '{"os-stop":null}');
    cloud.always('POST', /action/, {
      status: 409,
      body: { conflictingRequest: { code: 409, message: "Cannot 'stop' instance x while it is in task_state spawning" } },
    });
    await provider.shutdown(ours, never());
    await provider.shutdown(machineId('00000000-0000-4000-8000-00000000dead'), never());
    await provider.close();
  });

  it('a console that is not there yet, or any more, is empty', async () => {
    const { provider } = kit(cloud.api(), { consoleMaxBytes: 6 });
    const { ours, ...about } = labels();
    cloud.add(about);
    assert.equal(Buffer.from(await provider.console(ours)).toString(), 'ready\n');
    for (const [status, body] of [
      [409, { conflictingRequest: { code: 409, message: 'Instance x is not ready' } }],
      [404, { itemNotFound: { code: 404, message: 'Guest does not have a console available.' } }],
    ] as const) {
      cloud.next('POST', /action/, { status, body });
      assert.equal((await provider.console(ours)).byteLength, 0);
    }
    await provider.close();
  });

  it('an old cloud: flavors without processors, no tags', async () => {
    cloud.maxVersion = '2.20';
    const { provider } = kit(cloud.api());
    const { notes } = await provider.open(never());
    assert.equal(notes.length, 2);
    const order = orderOf();
    await provider.create(order, never());
    assert.equal(posted()[0]?.['tags'], undefined);
    for (const s of cloud.servers) delete s.tags;
    cloud.add({ flavor: { id: 'f-medium' }, tags: [] });
    const listed = await provider.list(never());
    assert.deepEqual([listed.sightings.map((s) => s.id), listed.foreignProcessors], [[order.id], 2]);
    assert.equal(
      cloud.asked.some((a) => a.path.includes('tags')),
      false,
    );
    await provider.destroy(order.id, never());
    await provider.close();
  });

  it('floating addresses: one for each running machine, given back with it', async () => {
    const { provider } = kit(cloud.api({ floatingNetwork: 'testnet' }));
    const { ours, ...about } = labels();
    cloud.add(about);
    await provider.list(never());
    await provider.list(never());
    await provider.close();
    assert.deepEqual(
      cloud.floating.map((f) => [f['description'], f['port_id']]),
      [[markTag(space, ours), `port-of-${cloud.servers[0]?.id}`]],
    );
    const theirs = { description: 'web server', port_id: null, id: 'fip-theirs' };
    const lost = { description: markTag(space, machineId('0f9c1f0e-5f1e-4b62-9c3f-0123456789ab')), port_id: null, id: 'fip-lost' };
    cloud.floating.push(theirs, lost);
    const later = kit(cloud.api({ floatingNetwork: 'testnet' }));
    await later.provider.list(never());
    await later.provider.close();
    assert.deepEqual(cloud.floating.slice(1), [theirs], 'the address of a machine that others have removed is given back');
    cloud.floating.pop();
    const again = kit(cloud.api({ floatingNetwork: 'testnet' }));
    await again.provider.destroy(ours, never());
    assert.deepEqual(cloud.floating, []);
    await again.provider.close();
  });
});
