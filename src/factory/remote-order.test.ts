import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import type { OpenStackApi } from '../core/cloud/settings.ts';
import type { Machine } from '../core/machine.ts';
import { instant, machineId, seconds } from '../core/units.ts';
import { layout } from './layout.ts';
import type { LoopParts } from './loop-parts.ts';
import { remoteOrder } from './remote-order.ts';
import { cloudSettings, cloudType, SaidGuests } from './testing-cloud.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'vacua-order-'));
after(() => rmSync(stateDir, { recursive: true }));
const places = layout(stateDir);
const parts = { layout: places, guests: new SaidGuests({ wall: () => instant(0) }) } as unknown as LoopParts;
const machine: Machine = {
  id: machineId('0b1e2c3d-4f50-4a6b-8c7d-9e0f1a2b3c4d'),
  state: 'creating',
  name: 'vacua-a-0123456789',
  slot: 3,
  machinetype: 'a',
  machinegroup: 'a',
  model: 'vm-raw',
  processors: 2,
  memoryMb: 4096,
  fizzle: seconds(600),
  machinesDirDays: 3,
  createdAt: instant(1000),
  shutdownTime: instant(2000),
  flavor: { id: '42', name: 'm1.medium', processors: 2, memoryMb: 4096, diskGb: 40 },
};

it('what has been prepared goes to the cloud, with the keys of its metadata and the URLs of the guest service', async () => {
  mkdirSync(places.machine(machine.id), { recursive: true });
  writeFileSync(places.userData(machine.id), Buffer.from([0x23, 0x21, 0xff]));
  writeFileSync(places.rootPublicKey(machine.id), 'ssh-ed25519 AAAA root@site\n');
  const order = await remoteOrder(
    machine,
    cloudType('a', { rootImage: 'https://images.example.org/vm.img' }),
    cloudSettings({ volumeGbPerProcessor: 20 }),
    '/cache/vm',
    parts,
  );
  const place = 'https://manager.example.com/machines/cloud.example.com/vacua-a-0123456789';
  assert.deepEqual(
    { ...order, userData: [...order.userData], metadata: Object.fromEntries(order.metadata) },
    {
      userData: [0x23, 0x21, 0xff],
      metadata: {
        name: 'vacua-a-0123456789',
        machinetype: 'a',
        machinefeatures: `${place}/machinefeatures`,
        jobfeatures: `${place}/jobfeatures`,
        joboutputs: `${place}/joboutputs`,
      },
      flavor: '42',
      image: { kind: 'file', path: '/cache/vm', source: 'https://images.example.org/vm.img' },
      rootPublicKey: 'ssh-ed25519 AAAA root@site',
      volumeGb: 40,
      shutdownTime: 2000,
      createdAt: 1000,
    },
  );
});

it('a named image is not copied; without user data and key nothing is sent for them; OpenStack is told to leave CERN’s DNS alone', async () => {
  rmSync(places.machine(machine.id), { recursive: true, force: true });
  const api = { kind: 'openstack' } as OpenStackApi;
  const order = await remoteOrder(machine, cloudType('a', { rootImage: 'image:debian-12' }), cloudSettings({ api }), '', parts);
  assert.deepEqual(order.image, { kind: 'named', name: 'debian-12' });
  assert.equal(order.userData.byteLength, 0);
  assert.deepEqual([order.rootPublicKey, order.volumeGb, order.metadata.get('cern-services')], [undefined, undefined, 'false']);
});

it('a machine without a flavor cannot be made', async () => {
  const { flavor: _, ...none } = machine;
  await assert.rejects(remoteOrder(none as Machine, cloudType('a'), cloudSettings(), '', parts), /machine vacua-a-0123456789 has no flavor/);
});
