import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import { jobStates } from '../../src/core/jobs/job.ts';
import { freePort } from '../../src/demo/queue/program.ts';
import type { Site } from '../../src/demo/queue/site.ts';
import { World } from '../../src/demo/queue/world.ts';
import { guestImages } from '../../src/providers/qemu/guest-images.ts';
import { missingTools } from '../../src/providers/qemu/tools.ts';

/** Jobs and shares of the tenants; 3,300 is the production test of the talk that this project comes from. */
const tenants = [
  { name: 'red', share: 2, jobs: 1650 },
  { name: 'green', share: 1, jobs: 825 },
  { name: 'blue', share: 1, jobs: 825 },
] as const;
const slots = 4;
const longest = 1_800_000;
/** How far a tenant's part of the machines may be from its target, on average while all compete. */
const tolerance = 0.1;

const unfinished = jobStates.filter((state) => state !== 'TERMINAL');
const missing = missingTools(['always', 'namespace']);

/** What the agent says on the console of its machine when a result was heard by the queue. */
const told = /^agent: job ([a-z0-9]{20}): result=\S+ .*\(200\)\r?$/gm;

test('3,300 jobs of three tenants drain through real machines, each once', {
  timeout: longest,
  skip: missing.length > 0 && `missing on this host: ${missing.join(', ')}`,
}, async (t) => {
  const { kernel, initrd } = guestImages();
  const directory = mkdtempSync(join(tmpdir(), 'vacua-queue-scale-'));
  chmodSync(directory, 0o711);
  const kinds = tenants.map(({ name, share }) => ({ machinetype: `${name}-prod`, tenant: name, share, maxMachines: slots, initrd }));
  const site: Site = { directory, kernel, slots, port: await freePort(), kinds };
  const world = new World({
    site,
    root: resolve(import.meta.dirname, '..', '..'),
    onMessage: (text) => t.diagnostic(text),
    onCheck: () => undefined,
    signal: t.signal,
  });
  t.after(async () => {
    await world.close();
    rmSync(directory, { recursive: true, force: true });
  });
  await world.open();

  mkdirSync(world.places.jobs);
  const description = join(world.places.jobs, 'job.jdl');
  writeFileSync(description, '[ Executable = "/bin/true"; ]\n');
  const owners = new Map<string, string>();
  for (const { name, jobs } of tenants) {
    const { code, stdout, stderr } = await world.vacua('job', 'submit', description, '--tenant', name, '--count', String(jobs), '--json');
    assert.equal(code, 0, stderr);
    for (const id of (JSON.parse(stdout) as { ids: string[] }).ids) owners.set(id, name);
  }
  assert.equal(owners.size, 3300);

  const from = performance.now();
  const samples = new Map<string, number>();
  let sampled = 0;
  for (;;) {
    const waiting = await Promise.all(
      tenants.map(async ({ name }) => (await world.client.list({ tenant: name, states: unfinished, limit: 1 })).jobs.length > 0),
    );
    if (waiting.every((some) => !some)) break;
    const live = (await world.control.machines()).filter((m) => m.state !== 'finished');
    if (waiting.every(Boolean) && live.length === slots) {
      sampled++;
      for (const { machinetype } of live) samples.set(machinetype, (samples.get(machinetype) ?? 0) + 1 / slots);
    }
    await pause(1000, undefined, { signal: t.signal });
  }
  const took = (performance.now() - from) / 1000;
  t.diagnostic(
    `3300 jobs in ${took.toFixed(0)} s on ${slots} machines: ${(took / 3300).toFixed(3)} s per job, ${((took * slots) / 3300).toFixed(2)} s of a machine`,
  );

  await t.test('shares of tenants are respected while all have work', (c) => {
    assert.ok(sampled > 0);
    for (const { name, share } of tenants) {
      const reached = (samples.get(`${name}-prod`) ?? 0) / sampled;
      c.diagnostic(`${name}: ${(reached * 100).toFixed(0)} %, target ${share * 25} %`);
      assert.ok(Math.abs(reached - share / 4) <= tolerance, name);
    }
  });
  await t.test('the queue has each job done, after one run, on a machine of its tenant', async () => {
    await world.look();
    assert.deepEqual(new Set(world.jobs.keys()), new Set(owners.keys()));
    for (const [id, tenant] of owners) {
      const job = world.jobs.get(id);
      assert.deepEqual([job?.state, job?.attributes, job?.exitCode, job?.runs, job?.run?.machinetype], ['TERMINAL', [], 0, 1, `${tenant}-prod`], id);
    }
  });
  await t.test('so have the machines: the console of one of them tells each job, and no other does', async () => {
    const seen = new Map<string, number>();
    for (const { id } of await world.control.machines()) {
      const console = Buffer.from(await world.control.console(id)).toString('utf8');
      for (const [, job = ''] of console.matchAll(told)) seen.set(job, (seen.get(job) ?? 0) + 1);
    }
    assert.deepEqual(new Set(seen.keys()), new Set(owners.keys()));
    assert.deepEqual(
      [...seen].filter(([, times]) => times !== 1),
      [],
    );
  });
});
