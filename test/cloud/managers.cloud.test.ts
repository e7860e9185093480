import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { until, withoutCloud } from '../../src/providers/openstack/test-bed.ts';
import { CloudSite } from './cloud-site.ts';
import { Project } from './project.ts';
import { Watch } from './watch.ts';

const limit = 2;
const idleGuest = '#!/bin/sh\nsleep 100000\n';

it('two managers of one space never make doubles, and each takes over from the other', { skip: withoutCloud, timeout: 600_000 }, async (t) => {
  const project = await Project.make({ instances: limit + 2, cores: limit + 2 });
  t.after(() => project.close());
  const shared = mkdtempSync(join(tmpdir(), 'vacua-shared-'));
  t.after(() => rmSync(shared, { recursive: true }));
  const manager = async (name: string): Promise<CloudSite> => {
    const space = [`shared_dir = ${shared}`, 'takeover_seconds = 10'];
    const site = await CloudSite.write(project, { manager: name, machinesLimit: limit, userData: idleGuest, space });
    t.after(() => site.close());
    return site;
  };
  const [first, second] = [await manager('first'), await manager('second')];
  await using watch = new Watch(project, limit);

  const full = (): Promise<void> => until('all machines run', async () => (await project.servers()).filter((s) => s.status === 'ACTIVE').length === limit, 180);
  /** Somebody removes a server; resolves with the manager that has made another one in its place. */
  const replaced = async (): Promise<string> => {
    const before = await project.servers();
    await project.remove([before[0]?.id ?? '']);
    await full();
    const made = (await project.servers()).filter(({ id }) => before.every((s) => s.id !== id));
    assert.equal(made.length, 1);
    return made[0]?.metadata['vacua_manager'] ?? '';
  };
  const waits = (site: CloudSite, holder: CloudSite): Promise<unknown> =>
    site.daemon.line((line) => line.msg === 'decided' && JSON.stringify(line).includes(`the lease is held by ${holder.name}`));

  first.start();
  await full();
  second.start();
  await waits(second, first);
  assert.equal(await replaced(), first.name);

  const before = (await project.servers()).map((s) => s.id).toSorted();
  const died = performance.now();
  await first.daemon.end('SIGKILL');
  const taken = async (): Promise<boolean> => second.daemon.lines.filter((l) => l.msg === 'performed' && l['action'] === 'take').length === limit;
  await until('the second manager has taken the machines of the first', taken);
  t.diagnostic(`taken over ${((performance.now() - died) / 1000).toFixed(1)} s after the first was killed, with a takeover time of 10 s`);
  assert.deepEqual((await project.servers()).map((s) => s.id).toSorted(), before);
  assert.equal(await replaced(), second.name);

  first.start();
  await waits(first, second);
  assert.equal(await replaced(), second.name);

  await Promise.all([first.daemon.end('SIGKILL'), second.daemon.end('SIGKILL')]);
  await project.remove((await project.servers()).map((s) => s.id));
  first.start();
  second.start();
  await full();
  assert.deepEqual(watch.broken, []);
  assert.equal(watch.most, limit);
});
