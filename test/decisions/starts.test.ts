import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../src/core/decide/decide.ts';
import type { Decision, Verdict } from '../../src/core/decision.ts';
import type { Observed, PeerStatus } from '../../src/core/observed.ts';
import { later, seconds } from '../../src/core/units.ts';
import { complete, configurationWith, now, observedWith, running, seen, typeNamed } from './world.ts';

const a = typeNamed('a', { backoff: seconds(600), fizzle: seconds(600) });
const b = typeNamed('b', { backoff: seconds(600), fizzle: seconds(600) });
const peer = (machinetype: string, more: Partial<PeerStatus> = {}): PeerStatus => ({
  factory: 'p1',
  machinetype,
  runningHs06: 0,
  runningMachines: 0,
  runningProcessors: 0,
  numBeforeFizzle: 0,
  ...more,
});
const started = (decision: Decision): string[] => decision.actions.filter((x) => x.kind === 'create').map((x) => `${x.machinetype} ${x.slot} ${x.processors}`);
const verdict = (decision: Decision, name: string): Verdict | undefined => decision.reasons.machinetypes.find((r) => r.machinetype === name)?.verdict;
const empty = (more: Partial<Observed> = {}): Observed => observedWith([], complete(), more);
const zero = (): number => 0;

test('an empty host fills in one turn, each start counting at once: shares 3 : 1 give 6 and 2', () => {
  const decision = decide(empty(), configurationWith([typeNamed('a', { targetShare: 3 }), b]), zero);
  const of = (name: string): number => started(decision).filter((s) => s.startsWith(`${name} `)).length;
  assert.deepEqual([of('a'), of('b')], [6, 2]);
  assert.deepEqual(
    started(decision).map((s) => s.split(' ')[1]),
    ['0', '1', '2', '3', '4', '5', '6', '7'],
  );
  assert.deepEqual(decision.reasons.veto, { why: 'no_free_processors', used: 8, total: 8 });
  assert.deepEqual(verdict(decision, 'a'), { why: 'started', count: 6 });
});

test('start rate: creations younger than a minute count', () => {
  const recentStarts = [later(now, -61), later(now, -60), later(now, -40), later(now, -10)];
  const decision = decide(empty({ recentStarts }), configurationWith([a], { startRatePerMinute: 4 }), zero);
  assert.equal(started(decision).length, 2);
  assert.deepEqual(decision.reasons.veto, { why: 'start_rate', perMinute: 4, until: later(now, 20) });
  assert.equal(decision.wakeAt, later(now, 20));
});

test('boot concurrency: a machine boots until it has spoken, at most 120 s', () => {
  const young = [
    running(0, { startedAt: later(now, -119) } as object),
    running(1, { startedAt: later(now, -119), contactAt: later(now, -9) } as object),
    running(2),
  ];
  const decision = decide(observedWith(young), configurationWith([a], { bootConcurrency: 3 }), zero);
  assert.equal(started(decision).length, 2);
  assert.deepEqual(decision.reasons.veto, { why: 'boot_concurrency', booting: 3, limit: 3 });
  assert.deepEqual(verdict(decision, 'a'), { why: 'started', count: 2 });
});

test('between back-off and back-off + fizzle one scout is sent, and no second in the same turn', () => {
  const abort = { shutdownMessage: '300 No work', shutdownAt: later(now, -700) };
  const decision = decide(empty({ space: [peer('a', abort)] }), configurationWith([a]), zero);
  assert.equal(started(decision).length, 1);
  assert.deepEqual(decision.reasons.veto, { why: 'none_eligible' });
  const waiting = decide(empty({ space: [peer('a', { ...abort, numBeforeFizzle: 1 })] }), configurationWith([a]), zero);
  assert.deepEqual(verdict(waiting, 'a'), {
    why: 'scout_out',
    until: later(now, 500),
    lastAbort: later(now, -700),
    message: '300 No work',
    factory: 'p1',
    fresh: 1,
  });
});

test('a back-off ends when the abort is older than backoff_seconds, and the factory wakes for it', () => {
  const at = (ago: number) =>
    decide(empty({ space: [peer('a', { shutdownMessage: '300 No work', shutdownAt: later(now, -ago) })] }), configurationWith([a]), zero);
  assert.deepEqual(started(at(600)), []);
  assert.equal(started(at(600.001)).length, 1);
  assert.equal(at(590).wakeAt, later(now, 10.001));
});

test('a peer that speaks for this factory is not counted twice', () => {
  const space = [
    peer('a', { factory: 'wn01.example.com', runningHs06: 1000, runningMachines: 7, numBeforeFizzle: 7, shutdownMessage: '300 x', shutdownAt: now }),
  ];
  const { reasons } = decide(observedWith([running()], complete([seen(running())]), { space }), configurationWith([a]), zero);
  assert.deepEqual([reasons.machinetypes[0]?.hs06, reasons.machinetypes[0]?.machines, reasons.machinetypes[0]?.fresh], [1, 1, 0]);
  assert.equal(reasons.machinetypes[0]?.verdict.why, 'started');
});

test('what this host lacks stops one machinetype only, and not under vac31', () => {
  const more = {
    preparations: new Map([['a', { ready: false, why: 'downloading' } as const]]),
    creationFailures: new Map([['b', { count: 3, lastAt: later(now, -19), why: 'QEMU ended' }]]),
  };
  const decision = decide(empty(more), configurationWith([a, b]), zero);
  assert.deepEqual(verdict(decision, 'a'), { why: 'not_ready', text: 'downloading' });
  assert.deepEqual(verdict(decision, 'b'), { why: 'creation_failing', count: 3, until: later(now, 1), text: 'QEMU ended' });
  assert.equal(decision.wakeAt, later(now, 1.001));
  assert.equal(started(decide(empty(more), configurationWith([a, b]), zero, 'vac31')).length, 1);
});

test('vetoes stand in the order of spec/factory.md §8.1, ours where they have to be known first', () => {
  const busy = Array.from({ length: 5 }, (_, index) => running(index));
  const stage = {
    host: { factory: 'wn01.example.com', processors: 8, load: 11, journalFault: 'disk full', freeDiskBytes: 5 },
    listing: { state: 'unknown', since: now, why: 'no answer' } as const,
  };
  let observed: Observed = { ...observedWith(busy), ...stage };
  let configuration = configurationWith([a], { shutdownTime: later(now, -1), draining: true, minFreeDiskBytes: 10, totalProcessors: 5 });
  const why = (): string | undefined => decide(observed, configuration, zero).reasons.veto?.why;
  const next = (host: Partial<Observed['host']>, rest: Partial<Observed> = {}): void => {
    const { journalFault: _fault, ...hostWithout } = observed.host;
    observed = { ...observed, ...rest, host: { ...hostWithout, ...host } };
  };
  assert.equal(why(), 'journal');
  next({});
  assert.equal(why(), 'provider_unknown');
  next({}, { listing: complete(busy.map((m) => seen(m))) });
  assert.deepEqual(decide(observed, configuration, zero).reasons.veto, { why: 'load', load: 11, limit: 6.25 });
  next({ load: 6.25 });
  assert.equal(why(), 'shutdown_time_passed');
  configuration = configurationWith([a], { draining: true, minFreeDiskBytes: 10, totalProcessors: 5 });
  assert.equal(why(), 'draining');
  configuration = configurationWith([a], { minFreeDiskBytes: 10, totalProcessors: 5 });
  assert.deepEqual(decide(observed, configuration, zero).reasons.veto, { why: 'disk', freeBytes: 5, neededBytes: 10 });
  next({ freeDiskBytes: 10 });
  assert.deepEqual(decide(observed, configuration, zero).reasons.veto, { why: 'no_free_processors', used: 5, total: 5 });
});

test('with four running processors or fewer the load is compared with the host’s processors only', () => {
  const load = (machines: number, of: number) =>
    decide(
      observedWith(
        Array.from({ length: machines }, (_, i) => running(i)),
        undefined,
        { host: { factory: 'f', processors: 8, load: of } },
      ),
      configurationWith([a]),
      zero,
    ).reasons.veto?.why;
  assert.notEqual(load(4, 10), 'load');
  assert.equal(load(4, 10.01), 'load');
  assert.notEqual(load(5, 6.25), 'load');
  assert.equal(load(5, 6.26), 'load');
});

test('processors of foreign machines are not ours to give', () => {
  const listing = { ...complete(), foreignProcessors: 6 };
  assert.equal(started(decide(observedWith([], listing), configurationWith([a]), zero)).length, 2);
});

test('what an existing superslot lacks is filled first, earliest end first, and stays reserved when nothing fits', () => {
  const machines = [running(0, { processors: 3, shutdownTime: later(now, 50_000) }), running(1, { processors: 2, shutdownTime: later(now, 40_000) })];
  const small = typeNamed('a', { minWallclock: seconds(3600), maxProcessors: 4 });
  const fill = decide(
    observedWith(machines, undefined, { host: { factory: 'f', processors: 12, load: 0 } }),
    configurationWith([small], { processorsPerSuperslot: 4 }),
    zero,
  );
  assert.deepEqual(started(fill), ['a 2 2', 'a 3 1', 'a 4 4']);
  const long = typeNamed('a', { maxProcessors: 4 });
  const kept = decide(observedWith(machines), configurationWith([long], { processorsPerSuperslot: 4 }), zero);
  assert.deepEqual(verdict(kept, 'a'), { why: 'does_not_fit', minProcessors: 1, free: 0, reserved: 3 });
});

test('the share of a group is the sum of its members’ shares, or with group_share = vac31 as Vac 3.1 counts', () => {
  const types = [
    typeNamed('a', { machinegroup: 'g' }),
    typeNamed('b', { machinegroup: 'g' }),
    typeNamed('c', { targetShare: 0.5 }),
    typeNamed('d', { machinegroup: 'g', targetShare: 0 }),
  ];
  const space = [peer('a', { runningHs06: 10 }), peer('b', { runningHs06: 10 }), peer('c', { runningHs06: 9 }), peer('d', { runningHs06: 1000 })];
  const group = (groupShare: 'sum' | 'vac31') =>
    decide(empty({ space }), configurationWith(types, { groupShare }), zero).reasons.machinetypes.map((r) => r.groupScore);
  assert.deepEqual(group('sum'), [10, 10, 18, 0]);
  assert.deepEqual(group('vac31'), [20, 20, 18, 0]);
});

test('equals are drawn, every one with the same chance', () => {
  const types = ['a', 'b', 'c', 'd'].map((name) => typeNamed(name));
  let state = 1;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const counts = new Map<string, number>();
  for (let i = 0; i < 4000; i++) {
    const [first] = started(decide(empty(), configurationWith(types), random, 'vac31'));
    const name = first?.split(' ')[0] ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  for (const name of ['a', 'b', 'c', 'd']) assert.ok(Math.abs((counts.get(name) ?? 0) - 1000) < 150, `${name} was first ${counts.get(name)} times of 4000`);
});
