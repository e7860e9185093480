import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it, type TestContext } from 'node:test';
import { until, withoutCloud } from '../../src/providers/openstack/test-bed.ts';
import { type CloudService, forgetTokens, killService, repair } from './bed.ts';
import { Project } from './project.ts';
import { cloudMachines } from './mixed-text.ts';
import { MixedSite } from './mixed-site.ts';
import { Watch } from './watch.ts';

const timeout = 900_000;

/** Seconds, to two digits. */
const since = (began: number): string => ((performance.now() - began) / 1000).toFixed(1);

describe('a site of one host and one space at a real cloud, with two tenants', { skip: withoutCloud }, () => {
  let project: Project;
  let site: MixedSite;
  let watch: Watch;
  let began: number;
  before(async () => {
    project = await Project.make({ instances: cloudMachines + 1, cores: cloudMachines + 1 });
    watch = new Watch(project, cloudMachines);
    site = await MixedSite.open(project);
  });
  after(async () => {
    await repair();
    await watch[Symbol.asyncDispose]();
    await site.close();
    await project.close();
  });
  beforeEach(() => {
    began = performance.now();
  });

  const someRun = async (ids: readonly string[]): Promise<boolean> =>
    (await site.jobs(ids)).some(({ state, attributes }) => state === 'PROCESSING-RUNNING' && attributes.includes('APP-RUNNING'));
  const idle = async (t: TestContext): Promise<void> => {
    await until('no machine is left at the cloud', async () => (await project.servers()).length === 0, 300);
    t.diagnostic(`quiet again after ${since(began)} s`);
    assert.deepEqual(watch.broken, []);
  };

  it('jobs of both tenants are done in both places, by machines of their own pipes', { timeout }, async (t) => {
    await site.done(await site.submitEach(['host', 'cloud'], 1), 300);
    t.diagnostic(`four jobs after ${since(began)} s`);
    await idle(t);
  });

  it('kill -9 of the daemon: machines work on, and every job runs once', { timeout }, async (t) => {
    const [near, far] = [await site.submitEach(['host'], 60), await site.submitEach(['cloud'], 60)];
    await until('jobs run in both places', async () => (await someRun(near)) && (await someRun(far)), 300);
    await site.daemon.end('SIGKILL');
    site.start();
    await site.done([...near, ...far], 360);
    t.diagnostic(`four jobs of 60 s after ${since(began)} s`);
    await idle(t);
  });

  const outage = (service: CloudService, at: 'building' | 'running' | 'idle'): void => {
    it(`${service} dies while machines are ${at}: the host goes on, and the cloud when it is back`, { timeout }, async (t) => {
      const early = at === 'idle' ? [] : await site.submitEach(['cloud'], at === 'running' ? 30 : 1);
      if (at === 'building') await until('a server is being built', async () => (await project.servers()).some((s) => s.status === 'BUILD'));
      if (at === 'running') await until('a job runs', () => someRun(early), 300);
      killService(service);
      if (service === 'keystone') await forgetTokens();
      // What runs needs no service of the cloud.
      if (at === 'running')
        await site.done(
          (await site.jobs(early)).filter((job) => job.run !== undefined).map((job) => job.id),
          300,
        );
      const late = await site.submitEach(['cloud'], 1);
      await site.done(await site.submitEach(['host'], 1), 300);
      t.diagnostic(`jobs of the host after ${since(began)} s, without ${service}`);
      t.diagnostic(`repaired in ${(await repair()).toFixed(1)} s`);
      await site.done([...early, ...late], 480);
      t.diagnostic(`all jobs after ${since(began)} s`);
      await idle(t);
    });
  };
  outage('rabbitmq', 'building');
  outage('nova-compute', 'running');
  outage('keystone', 'idle');

  it('a changed password stops the space until the file has the new one, and needs no restart', { timeout }, async (t) => {
    await project.changePassword();
    await forgetTokens();
    const [late, near] = [await site.submitEach(['cloud'], 1), await site.submitEach(['host'], 1)];
    await site.done(near, 300);
    await until('the log says so', async () => JSON.stringify(site.daemon.lines.slice(-50)).includes('requires authentication'), 60);
    assert.equal((await project.servers()).length, 0);
    t.diagnostic(`jobs of the host after ${since(began)} s, without a password`);
    writeFileSync(site.passwordFile, `${project.password}\n`, { mode: 0o600 });
    await site.done(late, 360);
    t.diagnostic(`all jobs after ${since(began)} s`);
    await idle(t);
  });
});
