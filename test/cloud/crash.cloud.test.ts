import assert from 'node:assert/strict';
import { it } from 'node:test';
import { withoutCloud } from '../../src/providers/openstack/test-bed.ts';
import { playWithCloud } from './crash-schedule.ts';
import { Project } from './project.ts';

it('a manager killed wherever a server comes or goes leaves no orphan and makes no double', { skip: withoutCloud, timeout: 1_500_000 }, async (t) => {
  const project = await Project.make({ instances: 4, cores: 4 });
  t.after(() => project.close());
  const { machines, worked } = await playWithCloud(project, (line) => t.diagnostic(line));
  t.diagnostic(`${machines} machines, ${worked} of them finished their work`);
  assert.ok(worked > 0, 'some machine worked through it all');
});
