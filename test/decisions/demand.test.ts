import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decide } from '../../src/core/decide/decide.ts';
import type { Decision, Verdict } from '../../src/core/decision.ts';
import type { Machine } from '../../src/core/machine.ts';
import type { Demand, Observed } from '../../src/core/observed.ts';
import { decideSituation, observedToSituation } from '../../src/core/situation/situation.ts';
import { type Instant, later } from '../../src/core/units.ts';
import { complete, configurationWith, inState, now, observedWith, running, seen, typeNamed } from './world.ts';

const demanding = (maxMachines?: number) =>
  typeNamed('a', { demand: { url: 'http://queue.example.org/demand', ...(maxMachines === undefined ? {} : { maxMachines }) } });
const asked = (waiting: number, runningJobs: number, at: Instant = now): Demand => ({ waiting, running: runningJobs, at });
const world = (machines: readonly Machine[], demand: Demand | undefined, more: Partial<Observed> = {}): Observed =>
  observedWith(machines, undefined, { ...(demand === undefined ? {} : { demand: new Map([['a', demand]]) }), ...more });
const verdictOf = (d: Decision): Verdict | undefined => d.reasons.machinetypes.find((m) => m.machinetype === 'a')?.verdict;
const starts = (d: Decision): number => d.actions.filter((action) => action.kind === 'create').length;
const one = (machines: readonly Machine[], demand: Demand | undefined, maxMachines?: number): Decision =>
  decide(world(machines, demand), configurationWith([demanding(maxMachines)]), () => 0);

test('machines are started for jobs that wait, one for each', () => {
  const none = one([], asked(0, 0));
  assert.equal(starts(none), 0);
  assert.deepEqual(verdictOf(none), { why: 'no_demand', waiting: 0, running: 0, machines: 0 });
  assert.equal(starts(one([], asked(3, 0))), 3);
  assert.equal(starts(one([running(0)], asked(2, 1))), 2);
  assert.equal(starts(one([running(0), running(1)], asked(1, 0))), 0, 'one of the two machines will take the job');
});

test('demand_max_machines is never exceeded', () => {
  assert.equal(starts(one([running(0)], asked(100, 1), 3)), 2);
  assert.deepEqual(verdictOf(one([running(0), running(1)], asked(100, 1), 2)), { why: 'no_demand', waiting: 100, running: 1, machines: 2, maxMachines: 2 });
  assert.equal(starts(one([], asked(5, 0), 0)), 0);
});

test('machines of other factories count', () => {
  const peer = { factory: 'wn02.example.com', machinetype: 'a', runningHs06: 2, runningMachines: 2, runningProcessors: 2, numBeforeFizzle: 0 };
  assert.equal(starts(decide(world([], asked(3, 0), { space: [peer] }), configurationWith([demanding()]), () => 0)), 1);
});

test('a queue that is not heard of starts nothing, and machines that run are left alone', () => {
  for (const demand of [undefined, { unknownSince: later(now, -5), why: 'connection refused' }, asked(9, 9, later(now, -121))]) {
    const decision = one([running(0)], demand);
    assert.deepEqual(decision.actions, []);
    assert.equal(verdictOf(decision)?.why, 'demand_unknown');
  }
  assert.equal(starts(one([], asked(9, 0, later(now, -120)))), 8, 'what was heard 120 s ago still holds');
});

test('a turn comes when what the queue said grows too old', () => {
  const decision = decide(world([], asked(3, 0, later(now, -100))), configurationWith([demanding(3)], { cycle: 600 as never, bootConcurrency: 1 }), () => 0);
  assert.equal(decision.wakeAt, later(now, 20.001));
});

test('the vacuum policy does not look at demand', () => {
  const plain = configurationWith([typeNamed('a')]);
  assert.deepEqual(
    decide(world([], asked(0, 0)), plain, () => 0),
    decide(world([], undefined), plain, () => 0),
  );
});

const anyMachine = fc.record({ state: fc.constantFrom<Machine['state']>('creating', 'running', 'running', 'ending', 'finished'), other: fc.boolean() });
const anyScene = fc.record({
  machines: fc.array(anyMachine, { maxLength: 6 }),
  waiting: fc.nat(12),
  runningJobs: fc.nat(6),
  age: fc.constantFrom(0, 60, 120, 121, 4000),
  maxMachines: fc.option(fc.nat(8), { nil: undefined }),
  peers: fc.nat(3),
});
type Scene = typeof anyScene extends fc.Arbitrary<infer T> ? T : never;

function play({ machines: some, waiting, runningJobs, age, maxMachines, peers }: Scene) {
  const machines = some.map(({ state, other }, i) => inState(running(i, other ? { machinetype: 'b', machinegroup: 'b' } : {}), state));
  const listing = complete(machines.filter((m) => m.state !== 'finished').map((m) => seen(m)));
  const peer = { factory: 'wn02.example.com', machinetype: 'a', runningHs06: peers, runningMachines: peers, runningProcessors: peers, numBeforeFizzle: 0 };
  const observed = observedWith(machines, listing, { demand: new Map([['a', asked(waiting, runningJobs, later(now, -age))]]), space: [peer] });
  const configuration = configurationWith([demanding(maxMachines), typeNamed('b', { targetShare: 0 })]);
  const alive = machines.filter((m) => m.machinetype === 'a' && m.state !== 'finished').length + peers;
  return { observed, configuration, alive, decision: decide(observed, configuration, () => 0) };
}

test('never are more machines started than jobs want, and all that fit are', () => {
  fc.assert(
    fc.property(anyScene, (scene) => {
      const { decision, alive, observed } = play(scene);
      const wanted = scene.age > 120 ? 0 : Math.min(scene.waiting + scene.runningJobs, scene.maxMachines ?? 1000);
      const room = 8 - observed.machines.filter((m) => m.state !== 'finished').length;
      assert.equal(starts(decision), Math.max(0, Math.min(wanted - alive, room)));
    }),
    { numRuns: 300 },
  );
});

test('more waiting jobs never start fewer machines', () => {
  fc.assert(
    fc.property(anyScene, fc.nat(5), (scene, more) => starts(play({ ...scene, waiting: scene.waiting + more }).decision) >= starts(play(scene).decision)),
  );
});

test('a snapshot decides as the factory did', () => {
  fc.assert(
    fc.property(anyScene, (scene) => {
      const { observed, configuration, decision } = play(scene);
      const again = decideSituation(JSON.parse(JSON.stringify(observedToSituation(observed, configuration))), 'vacua');
      assert.equal(again.action, starts(decision) > 0 ? 'create' : 'none');
    }),
    { numRuns: 50 },
  );
  const unknown = observedWith([], complete(), { demand: new Map([['a', { unknownSince: later(now, -130), why: 'connection refused' }]]) });
  const { reasons } = decideSituation(observedToSituation(unknown, configurationWith([demanding()])), 'vacua');
  assert.match(reasons.join('\n'), /how many jobs wait, the first time 130 s ago: connection refused/);
});
