import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Machine, UsageRecord } from '../../src/core/machine.ts';
import { instant, machineId, seconds } from '../../src/core/units.ts';
import type { MachineOrder } from '../../src/providers/contract.ts';
import type { SimPlan } from '../../src/providers/sim/script.ts';
import type { SimEvent } from '../../src/providers/sim/world.ts';
import { audit, type Evidence } from './audit.ts';

const id = machineId('11111111-1111-4111-8111-111111111111');
const other = machineId('22222222-2222-4222-8222-222222222222');
const accepted = (up: number, about: Partial<MachineOrder> = {}, plan: Partial<SimPlan> = {}): SimEvent => ({
  kind: 'accepted',
  up: seconds(up),
  at: instant(0),
  order: { id, slot: 0, processors: 1, machinetype: 'red', ...about } as MachineOrder,
  plan: { boot: seconds(0), ...plan },
});
const ended = (up: number, which = id): SimEvent => ({ kind: 'ended', up: seconds(up), id: which, cause: 'power-off' });
const destroyed = (up: number, worked = false, which = id): SimEvent => ({ kind: 'destroyed', up: seconds(up), id: which, worked });
const usage = (wall = 100, which = id): UsageRecord => ({ id: which, wall: seconds(wall), processors: 1, machinetype: 'red' }) as UsageRecord;
const record = (state: Machine['state'], which = id): Machine => ({ id: which, state }) as Machine;

const good: Evidence = {
  events: [accepted(0), ended(100), destroyed(110)],
  records: [record('finished')],
  usage: [usage()],
  ends: new Map([[id, 1]]),
  intents: new Map([[id, 0]]),
  started: new Set([id]),
  processors: 2,
  listLag: 0,
  lifetime: 1000,
  silentFrom: () => undefined,
};

describe('the audit of crash schedules', () => {
  it('finds nothing wrong with a machine that started, ended once and was accounted', () => assert.deepEqual(audit(good), []));

  const cases: readonly [string, RegExp, Partial<Evidence>][] = [
    ['a machine left behind', /^leak/, { events: [accepted(0), ended(100)] }],
    ['a machine made twice', /^double: .* made twice/, { events: [accepted(0), ended(50), destroyed(51), accepted(60), ended(100), destroyed(110)] }],
    [
      'two machines in one slot',
      /^double: .* slot 0/,
      { events: [accepted(0), accepted(1, { id: other }), ended(100), ended(100, other), destroyed(110), destroyed(110, false, other)] },
    ],
    ['more processors than allowed', /^over capacity/, { processors: 0 }],
    ['a machine that worked and was destroyed', /^harm: .* destroyed/, { events: [accepted(0), destroyed(100, true)] }],
    [
      'a machine that worked and was asked to end',
      /^harm: .* asked/,
      { events: [accepted(0), { kind: 'asked', up: seconds(99), id }, ended(100), destroyed(110)] },
    ],
    ['no usage record', /^usage: .* has 0/, { usage: [] }],
    ['two usage records', /^usage: .* has 2/, { usage: [usage(), usage()] }],
    ['more time charged than it ran', /^usage: .* charged 102 s, but ran 100 s/, { usage: [usage(102)] }],
    ['usage of a machine that never was', /^usage: .* never was made/, { usage: [usage(), usage(1, other)] }],
    ['an end that was lost', /^ends: .* 0 times/, { ends: new Map() }],
    ['two ends', /^ends: .* 2 times/, { ends: new Map([[id, 2]]) }],
    ['a record that stays open', /^unfinished/, { records: [record('running')] }],
    ['an intent without an end', /^unfinished: .* never made/, { records: [record('finished'), record('creating', other)] }],
  ];
  for (const [what, pattern, change] of cases) {
    it(`finds ${what}`, () => {
      const broken = audit({ ...good, ...change });
      assert.ok(
        broken.some((line) => pattern.test(line)),
        broken.join('\n'),
      );
    });
  }

  it('accepts an end for the lifetime, and one for a lost heartbeat', () => {
    assert.deepEqual(audit({ ...good, lifetime: 100, events: [accepted(0), destroyed(100, true)] }), []);
    assert.deepEqual(audit({ ...good, silentFrom: () => 20, events: [accepted(0), destroyed(100, true)] }), []);
  });

  it('excuses the usage only of a machine that left no trace and whose start was never written', () => {
    const unseen: Partial<Evidence> = { usage: [], started: new Set() };
    assert.deepEqual(audit({ ...good, ...unseen, events: [accepted(0, {}, { traceless: true }), ended(100), destroyed(100)] }), []);
    assert.equal(audit({ ...good, ...unseen }).length, 1);
  });
});
