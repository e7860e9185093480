import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { UsageRecord } from '../core/machine.ts';
import { instant, later, seconds } from '../core/units.ts';
import { fakeId } from '../factory/control/fake-view.ts';
import { withFactory } from './testing.ts';

const start = instant(Date.UTC(2026, 9, 1));

const record = (n: number, about: Partial<UsageRecord>): UsageRecord => ({
  id: fakeId(n),
  name: `vacua-red-${n}`,
  space: 'cloud.example.com',
  factory: 'manager.example.com',
  site: 'EXAMPLE',
  machinetype: 'red',
  processors: 2,
  memoryMb: 4096,
  startedAt: start,
  endedAt: later(start, 3600),
  wall: seconds(3600),
  cpu: seconds(0),
  outcome: { code: 200, message: '200 done', cause: 'power-off', abort: false },
  ...about,
});

const all = [
  record(1, { space: 'host.example.com', cpu: seconds(5400) }),
  record(2, { cloud: { api: 'openstack', accounting: 'cloud', providerId: 'f00' } }),
  record(3, { cloud: { api: 'ec2', accounting: 'job' }, endedAt: later(start, 40 * 86_400) }),
  record(4, { cloud: { api: 'ec2', accounting: 'none' } }),
];

it('usage is summed by space and machinetype, over the time that is asked for', async () => {
  await withFactory(async (factory) => {
    factory.view.usageRecords = all;
    const { code, out } = await factory.run('accounting');
    assert.equal(code, 0);
    assert.deepEqual(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
      [
        ['SPACE', 'MACHINETYPE', 'MACHINES', 'WALL HOURS', 'PROCESSOR HOURS', 'CPU HOURS', 'EFFICIENCY'],
        ['cloud.example.com', 'red', '3', '3.0', '6.0', '-', '-'],
        ['host.example.com', 'red', '1', '1.0', '2.0', '1.5', '75 %'],
      ],
    );
    assert.match((await factory.run('accounting', '--since', '2026-11-01')).out, /cloud.example.com +red +1 /);
    assert.equal((await factory.run('accounting', '--until', '2026-10-01')).out, 'no machine has ended in that time\n');
    const wrong = await factory.run('accounting', '--since', 'yesterday');
    assert.deepEqual([wrong.code, /yesterday is not a date/.test(wrong.err), /2026-11-01/.test(wrong.err)], [2, true, true]);
    assert.equal(JSON.parse((await factory.run('accounting', '--json')).out).usage.length, 4);
  });
});

it('each machine stands in the records of one kind alone, and what APEL would refuse is told', async () => {
  await withFactory(async (factory) => {
    factory.view.usageRecords = all;
    const job = await factory.run('accounting', '--apel', 'job');
    assert.match(job.out, /^APEL-individual-job-message: v0\.4\n/);
    assert.deepEqual(job.out.match(/^LocalUserId: .*$/gm), ['LocalUserId: vacua-red-1', 'LocalUserId: vacua-red-3']);
    assert.match(job.out, /^SubmitHost: host\.example\.com\/vacua-manager\.example\.com$/m);
    const cloud = await factory.run('accounting', '--apel', 'cloud');
    assert.match(cloud.out, /^APEL-cloud-message: v0\.4\n[^]*^VMUUID: f00$[^]*^Status: completed$/m);
    assert.equal(cloud.out.match(/^VMUUID/gm)?.length, 1);
    assert.match((await factory.run('accounting', '--apel', 'job', '--benchmark-map', 'no')).out, /^APEL-individual-job-message: v0\.3\n/);
    factory.view.usageRecords = [record(5, { site: 'Großrechner' })];
    const refused = await factory.run('accounting', '--apel', 'job');
    assert.deepEqual([refused.code, refused.out], [1, '']);
    assert.match(refused.err, /vacua-red-5 .*Site is "Großrechner"; valid: printable ASCII characters/);
  });
});
