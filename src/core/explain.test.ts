import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationWith, complete, idOf, now, observedWith, running, typeNamed } from '../../test/decisions/world.ts';
import type { CloudSettings } from './cloud/settings.ts';
import { decide } from './decide/decide.ts';
import type { Decision, Verdict, Veto } from './decision.ts';
import { describeAction, explain } from './explain.ts';
import { durationText, untilText } from './explain-time.ts';
import { later, seconds } from './units.ts';

const type = typeNamed('lhcb-prod', { backoff: seconds(600), fizzle: seconds(300), machinegroup: 'lhcb' });
const configuration = configurationWith([type]);
const observed = observedWith([], complete(), {
  space: [
    {
      factory: 'wn07',
      machinetype: 'lhcb-prod',
      runningHs06: 20,
      runningMachines: 2,
      runningProcessors: 2,
      numBeforeFizzle: 0,
      shutdownMessage: '300 No work',
      shutdownAt: later(now, -188),
    },
  ],
  silent: ['wn08'],
});
const decision = decide(observed, configuration, () => 0);

test('"why does nothing start?" is answered with the numbers used and what to do', () => {
  assert.deepEqual(explain(decision, observed, configuration), [
    'nothing is started: no machinetype may be started now',
    'lhcb-prod: backs off until 12:06:52 UTC (in 412 s): wn07 said "300 No work" 188 s ago, backoff_seconds is 600. Its task queue has no work for now',
    '1 factory does not answer (wn08): their machines and aborts are not counted',
  ]);
});

test('one machinetype is explained with its scores', () => {
  assert.deepEqual(explain(decision, observed, configuration, 'lhcb-prod').slice(2, 3), [
    'lhcb-prod: target_share 1, 2 machines in the space (0 of them starting or younger than 300 s) with 20.00 HS06: score 20.00; its group lhcb has 20.00. The lowest score is served first',
  ]);
  assert.deepEqual(explain(decision, observed, configuration, 'lhcb-prd'), ['lhcb-prd: no such machinetype is configured; did you mean lhcb-prod?']);
});

const withVeto = (veto: Veto): string => explain({ ...decision, reasons: { ...decision.reasons, veto } }, observed, configuration)[0] ?? '';
test('every veto has a sentence with its numbers', () => {
  const table: [Veto, RegExp][] = [
    [{ why: 'configuration_refused', text: 'x' }, /refused: x\. Run vacua check/],
    [{ why: 'journal', text: 'ENOSPC' }, /journal cannot be written: ENOSPC\. Make room/],
    [{ why: 'provider_unknown', since: later(now, -90), text: 'timeout' }, /90 s ago: timeout/],
    [{ why: 'load', load: 7, limit: 6.25 }, /load 7\.00 is above 6\.25 \(overload_per_processor 1\.25\)/],
    [{ why: 'shutdown_time_passed', shutdownTime: later(now, -60) }, /shutdown_time was 60 s ago/],
    [{ why: 'draining' }, /vacua drain off/],
    [{ why: 'disk', freeBytes: 2 ** 29, neededBytes: 2 ** 30 }, /0\.5 GiB are free .* 1\.0 GiB are needed/],
    [{ why: 'no_free_processors', used: 8, total: 8 }, /8 of 8/],
    [{ why: 'none_eligible' }, /no machinetype may be started/],
    [{ why: 'none_suitable' }, /fits into the free processors/],
    [{ why: 'start_rate', perMinute: 4, until: later(now, 20) }, /start_rate_per_minute is 4; .*\(in 20 s\)/],
    [{ why: 'boot_concurrency', booting: 3, limit: 3 }, /3 machines are booting, boot_concurrency is 3/],
    [
      { why: 'black_hole', failures: 3, machinetypes: ['a', 'b'], since: later(now, -60), message: '500 no CVMFS', until: later(now, 600) },
      /black hole: its last 3 machines failed \(a, b; the first 60 s ago, the last with "500 no CVMFS"\)\. Nothing is started until .*\(in 600 s\); then one is tried.*vacua doctor/,
    ],
    [{ why: 'black_hole', failures: 3, machinetypes: ['a'], since: later(now, -60), message: '500 x' }, /One is being tried, and its success ends this/],
  ];
  for (const [veto, text] of table) assert.match(withVeto(veto), text);
});

test('of a space at a cloud the remedies are those of a cloud', () => {
  const space = { ...configuration, settings: { ...configuration.settings, cloud: {} as CloudSettings } };
  const first = (veto: Veto): string => explain({ ...decision, reasons: { ...decision.reasons, veto } }, observed, space)[0] ?? '';
  assert.match(first({ why: 'provider_unknown', since: later(now, -90), text: 'timeout' }), /vacua check --online/);
  assert.match(first({ why: 'draining' }), /this space is draining: .*or that section itself/);
});

const withVerdict = (verdict: Verdict): string => {
  const [reason] = decision.reasons.machinetypes;
  assert.ok(reason !== undefined);
  const changed: Decision = { ...decision, reasons: { ...decision.reasons, machinetypes: [{ ...reason, verdict }] } };
  return explain(changed, observed, configuration)[1] ?? '';
};
test('every verdict has a sentence with its numbers', () => {
  const abort = { until: later(now, 9), lastAbort: later(now, -9), factory: 'wn01.example.com' };
  const table: [Verdict, RegExp][] = [
    [{ why: 'started', count: 3 }, /starts 3 now/],
    [{ why: 'no_share' }, /target_share is 0\. Give it a share/],
    [{ why: 'not_ready', text: 'downloading 5 of 9 MB' }, /is not ready: downloading 5 of 9 MB/],
    [{ why: 'no_demand', waiting: 0, running: 1, machines: 1 }, /no need of more machines: 0 jobs wait and 1 runs, the space has 1 of its machines/],
    [{ why: 'no_demand', waiting: 9, running: 2, machines: 2, maxMachines: 2 }, /demand_max_machines \(2\) allows: 9 jobs wait and 2 run/],
    [{ why: 'demand_unknown', text: 'its queue has not been asked yet' }, /while it is not known how many jobs wait: its queue has not been asked yet/],
    [
      { why: 'demand_unknown', since: later(now, -130), text: 'connection refused' },
      /jobs wait, the first time 130 s ago: connection refused\. See demand_url/,
    ],
    [{ why: 'creation_failing', count: 2, until: later(now, 5), text: 'no KVM' }, /last 2 creations failed on this host: no KVM\. Waits until .*\(in 5 s\)/],
    [{ why: 'shutdown_time_near', needs: seconds(3600), left: seconds(900) }, /needs at least 60 min .* in 900 s/],
    [{ why: 'backing_off', message: '501 no disk', ...abort }, /a machine here said "501 no disk" 9 s ago.*vacua outputs/],
    [{ why: 'backing_off', message: '300 Fizzle after 5 seconds', ...abort }, /ended sooner than fizzle_seconds/],
    [{ why: 'scout_out', message: '300 x', ...abort, fresh: 2 }, /waits for a scout.*and 2 of its machines/],
    [
      { why: 'backing_off', message: '300 No work', ...abort, inARow: 3, pause: seconds(2400) },
      /the same cause 3 times in a row makes backoff_seconds \(600\) a pause of 40 min/,
    ],
    [
      { why: 'not_elected', message: '300 x', ...abort, rank: 3, of: 10, width: 1, fresh: 0 },
      /leaves it to another factory to try first, at most until .*\(in 9 s\): this factory is number 3 of 10, and 1 may try now; a machine here said "300 x" 9 s ago/,
    ],
    [
      { why: 'not_elected', message: '300 x', ...abort, rank: 3, of: 10, width: 2, fresh: 2 },
      /waits until .*: 2 of its machines have still to prove themselves, the space may have 2 such now/,
    ],
    [{ why: 'does_not_fit', minProcessors: 4, free: 1, reserved: 2 }, /needs 4 processors, 1 are free and 2 are kept/],
    [{ why: 'after_others', first: 'atlas' }, /comes after atlas/],
    [{ why: 'eligible' }, /may be started/],
  ];
  for (const [verdict, text] of table) assert.match(withVerdict(verdict), text);
});

test('actions in one line', () => {
  const m = running(3);
  assert.equal(
    describeAction({ kind: 'create', machinetype: 'a', slot: 3, processors: 2, superslot: 'new', shutdownTime: now }),
    'creates a in slot 3: 2 processors, new superslot, until 2030-01-01T12:00:00Z',
  );
  assert.equal(describeAction({ kind: 'end', id: m.id, why: 'wallclock' }, m), 'ends wn01-3.example.com (a): wallclock');
  assert.equal(
    describeAction({ kind: 'finish', id: m.id, outcome: { code: 300, message: '300 No work', cause: 'power-off', abort: true } }, m),
    'wn01-3.example.com (a) has ended: 300 No work, abort (power-off), never started',
  );
  assert.equal(describeAction({ kind: 'destroy', id: idOf(9), why: 'no-record' }), `removes ${idOf(9)} from the provider: no-record`);
});

test('durations and moments', () => {
  assert.deepEqual([0, 412, 999, 2100, 18_720, 259_200].map(durationText), ['0 s', '412 s', '999 s', '35 min', '5.2 h', '3.0 d']);
  assert.equal(untilText(now, later(now, 86_400), true), 'until 2030-01-02 12:00:00 UTC (in 24.0 h)');
  assert.equal(untilText(now, later(now, 5), false), 'for another 5 s');
});
