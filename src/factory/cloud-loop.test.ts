import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decision } from '../core/decision.ts';
import { seconds } from '../core/units.ts';
import { ProviderError } from '../providers/contract.ts';
import type { ManagersPart } from './parts.ts';
import { CloudManager, cloudConfiguration, cloudSite, cloudType } from './testing-cloud.ts';

const kinds = ({ actions }: Decision): string[] => actions.map((a) => a.kind);
const created = ({ actions }: Decision): string[] => actions.flatMap((a) => (a.kind === 'create' ? [a.machinetype] : []));
const one = cloudConfiguration([cloudType('a')], { processorsLimit: 1 });

describe('a machine at a cloud', () => {
  it('is made once, adopted when it runs, ended when its time is up counted from its start, and gone after two lists without it', async () => {
    const { cloud, manager, clock } = cloudSite(cloudConfiguration([cloudType('a', { maxWallclock: seconds(1000) })], { processorsLimit: 1 }), {
      build: seconds(100),
    });
    assert.deepEqual(created(await manager.after(0)), ['a']);
    const [machine] = manager.machines();
    assert.match(machine?.name ?? '', /^vacua-a-[0-9a-z]{10}$/);
    assert.deepEqual(machine?.flavor?.name, 'cpu.1');
    assert.equal(cloud.servers.length, 1);
    assert.deepEqual(kinds(await manager.after(50)), [], 'it builds');
    assert.deepEqual(kinds(await manager.after(50)), ['adopt']);
    const [running] = manager.machines('running');
    const startedAt = clock.wall();
    assert.equal(running?.shutdownTime, startedAt + 1000_000, 'its lifetime counts from its start');
    assert.equal(running?.providerId, 'server-1');
    assert.deepEqual(kinds(await manager.after(1000)), [], 'the last second of its life is its own');
    cloud.replan(running?.id ?? machine.id, { deaf: true });
    assert.deepEqual(kinds(await manager.after(1)), ['end']);
    assert.deepEqual(kinds(await manager.after(30)), ['destroy']);
    assert.equal(cloud.servers.length, 0);
    assert.deepEqual(kinds(await manager.after(15)), [], 'one list without it is not enough');
    const last = await manager.after(15);
    assert.equal(kinds(last)[0], 'finish');
    const [ended] = manager.machines('finished');
    assert.equal(ended?.state === 'finished' && ended.outcome.message, '700 Exceeded max_wallclock_seconds');
    assert.equal(ended?.state === 'finished' && ended.outcome.abort, false, 'the end of its time is no abort');
    const [usage] = manager.journal.usage();
    assert.deepEqual(usage?.cloud, {
      api: 'command',
      providerId: 'server-1',
      flavor: 'cpu.1',
      accounting: 'job',
      diskGb: 20,
      memoryMb: 2048,
      image: 'image:any',
      zone: 'sim',
    });
    manager.remove();
  });

  it('that somebody there has removed is found after two lists, accounted and judged by fizzle_seconds', async () => {
    const { cloud, manager } = cloudSite(one);
    await manager.after(0);
    await manager.after(10);
    const [m] = manager.machines('running');
    assert.ok(m);
    await manager.after(60);
    cloud.remove(m.id);
    assert.deepEqual(kinds(await manager.after(60)), []);
    assert.ok(kinds(await manager.after(60)).includes('finish'));
    const [ended] = manager.machines('finished');
    assert.ok(ended?.state === 'finished');
    assert.deepEqual([ended.outcome.cause, ended.outcome.code, ended.outcome.abort], ['vanished', 300, true]);
    assert.equal(manager.journal.usage().length, 1);
    manager.remove();
  });

  it('is never lost by lists that are cut or fail, and nothing is started on their word', async () => {
    const { cloud, manager } = cloudSite(cloudConfiguration([cloudType('a')], { processorsLimit: 4 }));
    await manager.after(0);
    await manager.after(10);
    const four = manager.machines('running').length;
    assert.equal(four, 4);
    manager.configuration = cloudConfiguration([cloudType('a')], { processorsLimit: 8 });
    cloud.script = { hides: () => true, cuts: () => true };
    for (let i = 0; i < 5; i++) {
      const { actions, reasons } = await manager.after(60);
      assert.deepEqual([actions, reasons.veto?.why], [[], 'list_incomplete']);
    }
    cloud.script = { refuses: (call) => (call === 'list' ? new Error('502 Bad Gateway') : undefined) };
    for (let i = 0; i < 5; i++) {
      const { actions, reasons } = await manager.after(60);
      assert.deepEqual([actions, reasons.veto?.why], [[], 'provider_unknown']);
    }
    cloud.script = {};
    assert.equal(created(await manager.after(60)).length, 4);
    assert.equal(manager.machines('finished').length, 0);
    manager.remove();
  });

  it('that does not start in time is ended with 700 Failed to start, at the second after the limit', async () => {
    const { cloud, manager } = cloudSite(cloudConfiguration([cloudType('a')], { processorsLimit: 1, startingLimit: seconds(600) }), { build: seconds(1e9) });
    await manager.after(0);
    assert.deepEqual(kinds(await manager.after(600)), []);
    const late = await manager.after(10);
    assert.deepEqual(kinds(late), ['end', 'destroy']);
    assert.equal(cloud.servers.length, 0);
    await manager.after(15);
    const finish = await manager.after(15);
    assert.ok(kinds(finish).includes('finish'));
    const [ended] = manager.machines('finished');
    assert.ok(ended?.state === 'finished');
    assert.deepEqual([ended.outcome.message, ended.outcome.abort, ended.outcome.killReason], ['700 Failed to start', true, 'not-started']);
    assert.equal(finish.reasons.machinetypes[0]?.verdict.why, 'backing_off');
    assert.equal(manager.journal.usage().length, 0);
    manager.remove();
  });

  it('that the cloud has no room for counts against the cloud: a growing pause, one try at a time, other machinetypes go on', async () => {
    const types = [cloudType('wide', { minProcessors: 8, maxProcessors: 8 }), cloudType('small', { maxProcessors: 1 }, { processorsLimit: 3 })];
    const { manager } = cloudSite(cloudConfiguration(types, { processorsLimit: 27 }), {
      script: { plan: ({ processors }) => (processors === 8 ? { fails: { text: 'No valid host was found.', lack: 'capacity' } } : {}) },
    });
    const first = await manager.after(0);
    assert.equal(created(first).length, 6);
    const second = await manager.after(15);
    assert.ok(kinds(second).includes('finish'));
    const wide = (d: Decision) => d.reasons.machinetypes.find((r) => r.machinetype === 'wide')?.verdict;
    const failed = manager.machines('finished').filter((m) => m.machinetype === 'wide');
    assert.ok(failed.length > 0);
    for (const m of failed) assert.deepEqual(m.state === 'finished' && [m.outcome.abort, m.outcome.message], [false, 'Failed: No valid host was found.']);
    const after = await manager.after(1);
    assert.deepEqual(wide(after), { ...wide(after), why: 'creation_failing', count: 1, text: 'No valid host was found.', lack: 'capacity' });
    const tries: number[] = [];
    for (let i = 0; i < 60; i++) {
      const d = await manager.after(15);
      const begun = created(d).filter((t) => t === 'wide').length;
      assert.ok(begun <= 1, 'one is tried');
      if (begun === 1) tries.push(i * 15);
    }
    const gaps = tries.slice(1).map((t, i) => t - (tries[i] ?? 0));
    assert.ok(gaps.length >= 2);
    assert.deepEqual(
      gaps,
      gaps.toSorted((a, b) => a - b),
      'pauses grow',
    );
    assert.ok(manager.machines('running').every((m) => m.machinetype === 'small'));
    assert.equal(manager.machines('running').length, 3);
    manager.remove();
  });

  it('that does not go is removed again after 30 s, 60 s, 120 s …, and reported after three tries', async () => {
    const { cloud, manager } = cloudSite(one, { script: { plan: () => ({ removal: seconds(1e9) }) } });
    await manager.after(0);
    await manager.after(10);
    const [m] = manager.machines('running');
    assert.ok(m);
    cloud.show(m.id, 'off');
    const at: number[] = [];
    let time = 0;
    let stuck: Decision['reasons']['stuck'];
    for (let i = 0; i < 60; i++) {
      const d = await manager.after(10);
      time += 10;
      if (d.actions.some((a) => a.kind === 'destroy')) at.push(time);
      stuck = d.reasons.stuck;
    }
    assert.deepEqual(
      at.slice(1).map((t, i) => t - (at[i] ?? 0)),
      [30, 60, 120, 240],
    );
    assert.deepEqual(
      stuck?.map((s) => [s.name, s.tries]),
      [[m.name, 5]],
    );
    assert.equal(manager.journal.usage().length, 1, 'it is accounted once');
    assert.equal(cloud.servers.length, 1, 'it still uses the quota, so that no other was started');
    manager.remove();
  });

  it('that is paused or in a state that nobody understands is borne for the starting limit', async () => {
    for (const power of ['paused', 'unknown'] as const) {
      const { cloud, manager } = cloudSite(cloudConfiguration([cloudType('a')], { processorsLimit: 1, startingLimit: seconds(600) }));
      await manager.after(0);
      await manager.after(10);
      const [m] = manager.machines('running');
      assert.ok(m);
      cloud.show(m.id, power);
      await manager.after(60);
      assert.deepEqual(kinds(await manager.after(590)), [], 'not yet');
      assert.deepEqual(kinds(await manager.after(20)), ['end', 'destroy']);
      manager.remove();
    }
  });
});

describe('a space at a cloud', () => {
  it('whose limit others fill starts nothing and removes nothing of theirs', async () => {
    const { cloud, manager } = cloudSite(cloudConfiguration([cloudType('a')]), { quota: { processors: 10 } });
    cloud.foreign = [4, 6];
    const { actions, reasons } = await manager.after(0);
    assert.deepEqual(actions, []);
    assert.deepEqual(reasons.veto, { why: 'no_free_processors', used: 10, total: 10, limit: 'quota' });
    cloud.foreign = [4];
    assert.equal(created(await manager.after(60)).length, 6);
    manager.remove();
  });

  it('waits as long as it is asked to, for all machinetypes, and tries with one', async () => {
    const types = [cloudType('a'), cloudType('b')];
    const { cloud, manager } = cloudSite(cloudConfiguration(types, { processorsLimit: 4 }));
    cloud.script = {
      refuses: (call) =>
        call === 'create' ? new ProviderError('ASKED_TO_WAIT', '429', { fault: 'provider', whole: true, retryAfter: seconds(300) }) : undefined,
    };
    assert.equal(created(await manager.after(0)).length, 4);
    assert.equal(cloud.calls.create, 4);
    const waiting = await manager.after(20);
    assert.deepEqual([waiting.reasons.veto?.why, waiting.reasons.veto?.why === 'space_failing' && waiting.reasons.veto.count], ['space_failing', 1]);
    await manager.after(200);
    assert.equal(cloud.calls.create, 4);
    cloud.script = {};
    assert.equal(created(await manager.after(100)).length, 1);
    assert.equal(created(await manager.after(10)).length, 3);
    manager.remove();
  });

  it('decides the same after its clock was set by an hour', async () => {
    for (const by of [3600, -3600]) {
      const { clock, manager } = cloudSite(cloudConfiguration([cloudType('a', { fizzle: seconds(0) })], { processorsLimit: 2 }));
      await manager.after(0);
      await manager.after(60);
      clock.step(by);
      assert.deepEqual(kinds(await manager.after(60)), []);
      assert.deepEqual(kinds(await manager.after(600)), []);
      assert.equal(manager.machines('running').length, 2);
      manager.remove();
    }
  });

  it('is met again by a restarted manager in each state, and nothing is made twice', async () => {
    const configuration = cloudConfiguration([cloudType('a', { fizzle: seconds(0) })], { processorsLimit: 2 });
    const { clock, cloud, manager } = cloudSite(configuration, { build: seconds(100), script: { losesAnswer: () => true } });
    await manager.after(0);
    assert.equal(cloud.servers.length, 2, 'made, but the answers were lost');
    manager.kill();
    const second = new CloudManager(cloud, clock, { configuration, stateDir: manager.stateDir });
    assert.deepEqual(kinds(await second.after(20)), []);
    assert.deepEqual(kinds(await second.after(100)), ['adopt', 'adopt']);
    second.kill();
    const third = new CloudManager(cloud, clock, { configuration, stateDir: manager.stateDir });
    assert.deepEqual(kinds(await third.after(20)), []);
    assert.equal(third.machines('running').length, 2);
    assert.equal(cloud.servers.length, 2);
    third.remove();
  });

  it('takes over a machine of its own that has lost its record, or removes it, as the site wants', async () => {
    for (const orphans of ['adopt', 'delete'] as const) {
      const configuration = cloudConfiguration([cloudType('a', { fizzle: seconds(0) })], { processorsLimit: 1, orphans });
      const { clock, cloud, manager } = cloudSite(configuration);
      await manager.after(0);
      manager.remove();
      const [server] = cloud.servers;
      const next = new CloudManager(cloud, clock, { configuration });
      const first = await next.after(60);
      assert.deepEqual(kinds(first), orphans === 'adopt' ? ['take'] : ['destroy']);
      assert.equal(cloud.servers.length, orphans === 'adopt' ? 1 : 0);
      if (orphans === 'adopt') {
        assert.deepEqual(kinds(await next.after(15)), ['adopt']);
        assert.deepEqual(
          next.machines('running').map((m) => [m.id, m.name, m.machinetype]),
          [[server?.id, server?.name, 'a']],
        );
      }
      next.remove();
    }
  });
});

describe('several managers of a space', () => {
  const part = (facts: ReturnType<ManagersPart['facts']>, confirm: ManagersPart['confirm'] = async () => undefined): ManagersPart => ({
    facts: () => facts,
    confirm,
    shift: () => undefined,
    close: async () => undefined,
  });
  const alive = new Set(['one', 'two']);
  const held = { lease: { held: true }, alive } as const;
  const not = { lease: { held: false, holder: 'one', text: 'one holds it' }, alive } as const;
  const of = (manager: string) => cloudConfiguration([cloudType('a', { fizzle: seconds(0) })], { processorsLimit: 2, manager });

  it('only the one with the lease starts machines; the other counts them and leaves them alone, until it takes over', async () => {
    const { clock, cloud, manager: spare } = cloudSite(of('spare'));
    spare.remove();
    const first = new CloudManager(cloud, clock, { configuration: of('one'), managers: part(held) });
    const facts = { now: not as ReturnType<ManagersPart['facts']> };
    const second = new CloudManager(cloud, clock, { configuration: of('two'), managers: { ...part(held), facts: () => facts.now } });
    assert.equal(created(await first.after(0)).length, 2);
    const looked = await second.after(60);
    assert.deepEqual([looked.actions, looked.reasons.veto?.why, looked.reasons.usedProcessors], [[], 'not_lease_holder', 2]);
    assert.equal(looked.reasons.machinetypes[0]?.machines, 2);
    first.kill();
    facts.now = { lease: { held: true }, alive: new Set(['two']) };
    assert.deepEqual(kinds(await second.after(60)), ['take', 'take']);
    await second.after(15);
    assert.equal(second.machines('running').length, 2);
    assert.equal(cloud.servers.length, 2, 'no double');
    first.remove();
    second.remove();
  });

  it('a lease that is lost in mid-cycle stops a creation that was decided already', async () => {
    const { clock, cloud, manager: spare } = cloudSite(of('spare'));
    spare.remove();
    const lost = async (): Promise<void> => {
      throw new Error('two has taken the lease');
    };
    const manager = new CloudManager(cloud, clock, { configuration: of('one'), managers: part(held, lost) });
    assert.equal(created(await manager.after(0)).length, 2);
    assert.equal(cloud.calls.create, 0);
    const next = await manager.after(2);
    assert.equal(next.reasons.veto?.why === 'space_failing' && next.reasons.veto.text, 'two has taken the lease');
    manager.remove();
  });
});
