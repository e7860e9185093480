import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { idOf, now, observedWith, running } from '../../../test/decisions/world.ts';
import type { Machine, Outcome } from '../machine.ts';
import type { PeerStatus } from '../observed.ts';
import { later } from '../units.ts';
import { blackHole } from './black-hole.ts';

/** Outcomes by a short name. */
const outcomes = {
  site: { code: 501, message: '501 No CVMFS', cause: 'power-off', abort: true },
  fizzle: { code: 300, message: '300 Fizzle after 40 seconds', cause: 'power-off', abort: true },
  silent: { code: 700, message: '700 Heartbeat file not created', cause: 'killed', killReason: 'heartbeat-missing', abort: true },
  vanished: { code: 300, message: '300 Fizzle after 40 seconds', cause: 'vanished', abort: true },
  nowork: { code: 300, message: '300 No work', cause: 'power-off', abort: true },
  banned: { code: 401, message: '401 Banned', cause: 'power-off', abort: true },
  tenant: { code: 600, message: '600 Pilot', cause: 'power-off', abort: true },
  inside: { code: 700, message: '700 x', cause: 'power-off', abort: true },
  done: { code: 200, message: '200 Done', cause: 'power-off', abort: false },
} as const satisfies Record<string, Outcome>;

let index = 0;
/** A machine that ended `ago` seconds ago after 60 s. */
function ended(machinetype: string, how: keyof typeof outcomes, ago: number): Machine {
  const at = later(now, -ago);
  const { cpuSeconds, ...m } = running(index++, { machinetype, createdAt: later(at, -70), startedAt: later(at, -60), heartbeatAt: at } as object);
  return { ...m, id: idOf(index), cpuSeconds, state: 'finished', finishedAt: at, outcome: outcomes[how] };
}
const lives = (machinetype: string, age: number): Machine =>
  running(index++, { machinetype, createdAt: later(now, -age - 5), startedAt: later(now, -age), contactAt: now } as object);
const peer = (factory: string, machinetype: string, message?: string, ago = 10): PeerStatus => ({
  factory,
  machinetype,
  runningHs06: 1,
  runningMachines: 1,
  runningProcessors: 1,
  numBeforeFizzle: 0,
  ...(message === undefined ? {} : { shutdownMessage: message, shutdownAt: later(now, -ago) }),
});

const judged = (machines: readonly Machine[], space: readonly PeerStatus[] = []): string => {
  const hole = blackHole(observedWith(machines, undefined, { space }), () => undefined);
  if (hole === undefined) return 'fine';
  const { state } = hole;
  return `${hole.failures} ${hole.machinetypes.join('+')} ${state.kind}${state.kind === 'closed' ? ` ${(state.until - now) / 1000}` : ''}`;
};

test('when a host is a black hole', () => {
  const two = [ended('a', 'site', 100), ended('b', 'fizzle', 90)];
  const table: [string, string, readonly Machine[], (readonly PeerStatus[])?][] = [
    ['nothing yet', 'fine', []],
    ['one failure', 'fine', [ended('a', 'site', 10)]],
    ['two machinetypes', '2 a+b closed 510', two],
    ['one machinetype twice', 'fine', [ended('a', 'site', 100), ended('a', 'site', 90)]],
    ['one machinetype three times', '3 a closed 510', [ended('a', 'site', 110), ended('a', 'silent', 100), ended('a', 'fizzle', 90)]],
    ['a tenant whose last machine ended well', 'fine', [ended('b', 'done', 5000), ended('a', 'site', 110), ended('a', 'site', 100), ended('a', 'site', 90)]],
    ['a success after them', 'fine', [...two, ended('a', 'done', 5)]],
    ['no work says that the host works', 'fine', [...two, ended('c', 'nowork', 5)]],
    ['a machine that has outlived fizzle_seconds since', 'fine', [...two, lives('a', 605)]],
    ['a tenant whose machine runs on', 'fine', [lives('c', 5000), ...two]],
    ['banned, the tenant’s fault and trouble inside say nothing', 'fine', [ended('a', 'banned', 9), ended('b', 'tenant', 8), ended('c', 'inside', 7)]],
    ['nor do they end a row', '2 a+b closed 510', [...two, ended('a', 'banned', 9)]],
    [
      'all vanished when the host was booted',
      'fine',
      [ended('a', 'vanished', 30), ended('b', 'vanished', 20), ended('c', 'vanished', 9), ended('c', 'vanished', 9)],
    ],
    [
      'it is booted again and again',
      '3 a closed 2391',
      [ended('a', 'vanished', 1000), ended('a', 'vanished', 905), ended('a', 'vanished', 900), ended('a', 'vanished', 9)],
    ],
    ['more than a day ago', 'fine', [ended('a', 'site', 86_500), ended('b', 'site', 86_450)]],
    ['others succeed', '2 a+b closed 510', two, [peer('p1', 'a'), peer('p2', 'b', '300 No work'), peer('p3', 'a', '501 x')]],
    ['others fail as well', 'fine', two, [peer('p1', 'a', '501 x'), peer('p2', 'b', '300 Fizzle after 9 seconds')]],
    ['others failed long before', '2 a+b closed 510', two, [peer('p1', 'a', '501 x', 5000)]],
    ['the pause has passed', '2 a+b open', [ended('a', 'site', 620), ended('b', 'site', 601)]],
    ['one is tried', '2 a+b trying', [ended('a', 'site', 700), ended('b', 'site', 640), lives('a', 30)]],
    ['one that was running already is no trial', '2 a+b closed 510', [...two, lives('a', 300)]],
    ['the trial failed: twice the pause', '3 a+b closed 1150', [ended('a', 'site', 800), ended('b', 'site', 790), ended('a', 'site', 50)]],
    [
      'machines that ran together are one try',
      '4 a+b closed 570',
      [ended('a', 'site', 50), ended('b', 'site', 45), ended('a', 'site', 40), ended('b', 'site', 30)],
    ],
  ];
  for (const [what, expected, machines, space] of table) assert.equal(judged(machines, space), expected, what);
});

test('pauses double up to four hours', () => {
  const tries = Array.from({ length: 12 }, (_, i) => ended(i % 2 === 0 ? 'a' : 'b', 'fizzle', 5000 - i * 100));
  const hole = blackHole(observedWith(tries), () => undefined);
  assert.deepEqual(hole?.state, { kind: 'closed', until: later(now, 4 * 3600 - 3900) });
});

test('nothing but what is told to `changes` alters the answer by time alone', () => {
  const how = fc.constantFrom<keyof typeof outcomes>('site', 'fizzle', 'silent', 'nowork', 'banned', 'done', 'vanished');
  const anyMachines = fc.array(
    fc.oneof(
      fc.tuple(fc.constantFrom('a', 'b', 'c'), how, fc.integer({ min: 1, max: 90_000 })).map(([t, h, ago]) => ended(t, h, ago)),
      fc.tuple(fc.constantFrom('a', 'b'), fc.integer({ min: 1, max: 1000 })).map(([t, age]) => lives(t, age)),
    ),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(anyMachines, fc.integer({ min: 1, max: 100_000 }), (machines, ahead) => {
      let next = Number.POSITIVE_INFINITY;
      const at = (s: number) => blackHole(observedWith(machines, undefined, { now: later(now, s) }), (t) => void (t > now && (next = Math.min(next, t))));
      const hole = at(0);
      const calm = Math.max(0, Math.min(ahead, (next - now) / 1000 - 1));
      assert.deepEqual(at(calm), hole);
      assert.ok(hole === undefined || hole.failures >= 2);
    }),
    { numRuns: 500 },
  );
});
