import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until, withoutCloud } from '../../src/providers/openstack/test-bed.ts';
import { CloudSite } from './cloud-site.ts';
import { Project } from './project.ts';

const idleGuest = '#!/bin/sh\nsleep 100000\n';

it('a project that is full: what runs is left alone, foreign servers count, and room that comes is used', {
  skip: withoutCloud,
  timeout: 400_000,
}, async (t) => {
  const project = await Project.make({ instances: 2, cores: 2 });
  t.after(() => project.close());
  await project.startForeign('vacua-work-0000000000');
  const site = await CloudSite.write(project, { manager: 'manager', machinesLimit: 4, userData: idleGuest });
  t.after(() => site.close());
  site.start();
  const ours = async () => (await project.servers()).filter((s) => s.metadata['vacua_space'] === site.space);
  const active = (n: number) => async (): Promise<boolean> => (await ours()).filter((s) => s.status === 'ACTIVE').length === n;
  const decided = (about: object): Promise<unknown> =>
    site.daemon.line((line) => line.msg === 'decided' && JSON.stringify(line).includes(JSON.stringify(about).slice(1, -1)));

  await until('one runs beside the foreign one', active(1));
  await decided({ limit: 'quota' });
  const [first] = await ours();
  assert.equal((await ours()).length, 1);

  // The cloud refuses for a reason that its numbers of servers and processors do not show.
  await project.allow({ instances: 4, cores: 4, ram: 2 * 96 });
  await site.daemon.line((line) => line.msg === 'action failed' && JSON.stringify(line).includes('Quota exceeded for ram'));
  assert.deepEqual(
    (await ours()).map((s) => s.id),
    [first?.id],
  );

  await project.allow({ instances: 3, cores: 3, ram: -1 });
  await until('a second one runs', active(2));
  assert.ok((await ours()).some((s) => s.id === first?.id));
  assert.equal((await project.servers()).length, 3);
});
