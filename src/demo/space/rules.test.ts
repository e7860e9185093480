import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Machine } from '../../core/machine.ts';
import type { SpaceReport } from '../../core/space/report.ts';
import { instant, later, machineId, seconds } from '../../core/units.ts';
import type { MachineOrder } from '../../providers/contract.ts';
import type { SimEvent } from '../../providers/sim/world.ts';
import { audit, bansOf, type Books, defiant, shareError } from './rules.ts';

const id = machineId('11111111-1111-4111-8111-111111111111');
const other = machineId('22222222-2222-4222-8222-222222222222');
const now = instant(1_000_000);
const machine = (about: object): Machine => ({ id, machinetype: 'blue', state: 'running', startedAt: now, createdAt: now, ...about }) as Machine;
const report = (message: string, ago: number): SpaceReport =>
  ({
    factory: 'a.example.com',
    at: now,
    factories: [
      { factory: 'b.example.com', machinetypes: [{ factory: 'b.example.com', machinetype: 'blue', shutdownMessage: message, shutdownAt: later(now, -ago) }] },
    ],
  }) as unknown as SpaceReport;

describe('back-off as a watcher sees it', () => {
  const bans = bansOf({ machines: [], report: report('300 Nothing', 2) }, seconds(10));

  it('a start after the abort was known and before the pause is over is defiant', () => {
    assert.equal(defiant([machine({ createdAt: later(now, 3) })], bans).length, 1);
  });
  it('a start before it was known, after the pause, or of another machinetype is not', () => {
    const innocent = [machine({ createdAt: later(now, -1) }), machine({ createdAt: later(now, 8) }), machine({ createdAt: later(now, 3), machinetype: 'red' })];
    assert.deepEqual(defiant(innocent, bans), []);
  });
  it('an end that is no abort, and an old one, forbid nothing', () => {
    assert.deepEqual(bansOf({ machines: [], report: report('200 Success', 2) }, seconds(10)), []);
    assert.deepEqual(bansOf({ machines: [], report: report('300 Nothing', 12) }, seconds(10)), []);
  });
  it('an own abort forbids as well', () => {
    const ended = machine({ state: 'finished', finishedAt: now, outcome: { abort: true, at: now, cause: 'power-off' } });
    assert.equal(bansOf({ machines: [ended], report: report('', 0) }, seconds(10)).length, 1);
  });
});

it('the error of shares is that of the tenant farthest from its target', () => {
  const of = (machinetype: string, count: number): Machine[] => Array.from({ length: count }, () => machine({ machinetype }));
  assert.equal(shareError([...of('red', 4), ...of('green', 2), ...of('blue', 2)]), 0);
  assert.equal(shareError([...of('red', 8), machine({ state: 'finished' })]), 4);
});

describe('the audit at the end', () => {
  const accepted = (which = id, slot = 0): SimEvent => ({
    kind: 'accepted',
    up: seconds(0),
    at: now,
    order: { id: which, slot } as MachineOrder,
    plan: { boot: seconds(2) },
  });
  const destroyed = (worked = false): SimEvent => ({ kind: 'destroyed', up: seconds(9), id, worked });
  const finished = machine({ state: 'finished' });
  const good: Books = { factory: 'wn01', events: [accepted(), destroyed()], records: [finished], usage: [id], ends: [id] };

  it('finds nothing wrong with a machine that ran once, ended once and was accounted once', () => assert.deepEqual(audit(good), []));

  const cases: readonly [string, RegExp, Partial<Books>][] = [
    ['a machine made twice', /made twice/, { events: [accepted(), destroyed(), accepted(), destroyed()] }],
    [
      'two machines in one slot',
      /share slot 0/,
      { events: [accepted(), accepted(other)], records: [machine({}), machine({ id: other })], usage: [], ends: [] },
    ],
    ['one ended by force', /while it worked/, { events: [accepted(), destroyed(true)] }],
    ['one without a record', /without a record/, { records: [], usage: [], ends: [] }],
    ['one that never was', /never made/, { events: [], records: [machine({})], usage: [], ends: [] }],
    ['one accounted twice', /has 2 usage records/, { usage: [id, id] }],
    ['one whose end was lost', /ended 0 times/, { ends: [] }],
  ];
  for (const [what, pattern, change] of cases) it(`finds ${what}`, () => assert.match(audit({ ...good, ...change }).join('\n'), pattern));
});
