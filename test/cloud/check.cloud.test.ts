import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { withoutCloud } from '../../src/providers/openstack/test-bed.ts';
import { CloudSite, type ManagerText } from './cloud-site.ts';
import { Project } from './project.ts';

describe('vacua check --online against a real cloud', { skip: withoutCloud }, () => {
  let project: Project;
  before(async () => {
    project = await Project.make({ instances: 1, cores: 1 });
  });
  after(() => project.close());

  const check = async (about: Partial<ManagerText>, password?: string): Promise<{ readonly code: number; readonly lines: readonly string[] }> => {
    const site = await CloudSite.write(project, { manager: 'check', machinesLimit: 1, userData: '#!/bin/sh\n', ...about });
    try {
      if (password !== undefined) writeFileSync(site.passwordFile, `${password}\n`);
      const { code, stdout } = await site.vacua('check', '--online');
      return { code, lines: stdout.split('\n') };
    } finally {
      await site.close();
    }
  };
  const wrong = (lines: readonly string[]): string => lines.filter((line) => /^(wrong|unknown)/.test(line)).join('\n');

  it('all is there', async () => {
    const { code, lines } = await check({});
    assert.deepEqual([code, wrong(lines)], [0, '']);
    for (const what of ['credentials', 'quota', 'network', 'flavor', 'image'])
      assert.ok(
        lines.some((line) => line.startsWith('ok') && line.includes(what)),
        what,
      );
    assert.ok(lines.some((line) => /0 of 1 machines used/.test(line)));
  });

  it('a wrong password', async () => {
    const { code, lines } = await check({}, 'wrong');
    assert.equal(code, 1);
    assert.match(wrong(lines), /credentials/);
  });

  for (const [what, about, said] of [
    ['an image', { machinetype: { root_image: 'image:no-such' } }, /image no-such/],
    ['a flavor', { machinetype: { flavor_names: 't1.none' } }, /t1\.none/],
    ['a security group', { space: ['security_groups = no-such'] }, /no-such/],
    ['a zone', { space: ['zones = mars'] }, /mars/],
  ] as const)
    it(`${what} that is not there`, async () => {
      const { code, lines } = await check(about);
      assert.equal(code, 1, lines.join('\n'));
      assert.match(wrong(lines), said);
    });

  it('an identity service that does not answer', async () => {
    const site = await CloudSite.write(project, { manager: 'check', machinesLimit: 1, userData: '#!/bin/sh\n', space: ['url = http://127.0.0.1:9/v3'] });
    const { code, stdout } = await site.vacua('check', '--online');
    await site.close();
    assert.equal(code, 3, stdout);
    assert.match(stdout, /^unknown/m);
  });
});
