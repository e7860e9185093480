import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../src/core/decide/decide.ts';
import type { Action, Rule } from '../../src/core/decision.ts';
import type { Machine } from '../../src/core/machine.ts';
import type { Listing, Observed, Sighting } from '../../src/core/observed.ts';
import { later, seconds } from '../../src/core/units.ts';
import { complete, configurationWith, inState, now, observedWith, running, seen, settingsWith, typeNamed } from './world.ts';

const quiet = configurationWith([typeNamed('a', { targetShare: 0 })]);
const withHeartbeat = configurationWith([typeNamed('a', { targetShare: 0, heartbeatFile: 'hb', heartbeat: seconds(300) })]);
const drains = (at: number) => configurationWith([typeNamed('a', { targetShare: 0 })], { shutdownTime: later(now, at) });

function actions(m: Machine, listing: Listing, configuration = quiet, more: Partial<Observed> = {}, rule: Rule = 'vacua'): string[] {
  return decide(observedWith([m], listing, more), configuration, () => 0, rule).actions.map(brief);
}
const brief = (a: Action): string => {
  if (a.kind === 'end') return `end ${a.why}${a.message === undefined ? '' : ` "${a.message}"`}`;
  if (a.kind === 'destroy') return `destroy ${a.why}`;
  if (a.kind === 'finish') return `finish ${a.outcome.cause}${a.outcome.abort ? ' abort' : ''}${a.usage === undefined ? '' : ` wall ${a.usage.wall}`}`;
  if (a.kind === 'shorten') return `shorten ${(a.shutdownTime - now) / 1000}`;
  return a.kind;
};
const m = running();
const listed = (sighting: Partial<Sighting>): Listing => complete([seen(m, sighting)]);
const partial: Listing = { state: 'partial', at: now, sightings: [], foreignProcessors: 0 };
const unknown: Listing = { state: 'unknown', since: now, why: 'no answer' };

test('records and listing are brought together in both directions', () => {
  const table: [Machine['state'], string, Listing, string[]][] = [
    ['creating', 'running', listed({ power: 'running' }), ['adopt']],
    ['creating', 'unknown', listed({ power: 'unknown' }), []],
    ['creating', 'off', listed({ power: 'off', startedAt: later(now, -5000) }), ['finish unknown abort wall 0', 'destroy finished']],
    ['creating', 'paused', listed({ power: 'paused' }), ['end paused', 'destroy paused']],
    ['creating', 'absent', complete(), ['finish never-started']],
    ['creating', 'absent from a partial listing', partial, []],
    ['creating', 'unlisted', unknown, []],
    ['running', 'running', listed({ power: 'running' }), []],
    ['running', 'unknown', listed({ power: 'unknown' }), []],
    ['running', 'off', listed({ power: 'off', cause: 'panic' }), ['finish panic wall 4940', 'destroy finished']],
    ['running', 'paused', listed({ power: 'paused' }), ['end paused', 'destroy paused']],
    ['running', 'absent', complete(), ['finish vanished wall 4940']],
    ['running', 'absent from a partial listing', partial, []],
    ['running', 'unlisted', unknown, []],
    ['ending', 'running', listed({ power: 'running' }), []],
    ['ending', 'off', listed({ power: 'off', cause: 'power-off' }), ['finish power-off wall 4940', 'destroy finished']],
    ['ending', 'absent', complete(), ['finish killed wall 4940']],
    ['ending', 'unlisted', unknown, []],
    ['finished', 'running', listed({ power: 'running' }), ['destroy finished']],
    ['finished', 'off', listed({ power: 'off' }), ['destroy finished']],
    ['finished', 'absent', complete(), []],
    ['finished', 'unlisted', unknown, []],
  ];
  for (const [state, what, listing, expected] of table) {
    assert.deepEqual(actions(inState(m, state), listing), expected, `${state}, ${what}`);
    assert.deepEqual(actions(inState(m, state), listing, quiet, { inFlight: new Set([m.id]) }), [], `${state}, ${what}, in flight`);
  }
});

test('the usage of an unadopted machine that spoke to us is not lost', () => {
  const spoke = inState(running(0, { contactAt: later(now, -100), createdAt: later(now, -200) }), 'creating');
  assert.deepEqual(actions(spoke, complete()), ['finish vanished abort wall 100']);
});

test('a usage record has everything that accounting needs', () => {
  const configuration = { ...quiet, settings: settingsWith({ gocdbSitename: 'UKI-EXAMPLE' }) };
  const finish = decide(
    observedWith([running(0, { accountingFqan: '/vo', hs06PerProcessor: 10 })], listed({ power: 'off', cause: 'power-off', cpuSeconds: seconds(4000) })),
    configuration,
    () => 0,
  ).actions[0];
  assert.ok(finish?.kind === 'finish');
  assert.deepEqual(finish.usage, {
    id: m.id,
    name: m.name,
    space: 'vac01.example.com',
    factory: 'wn01.example.com',
    site: 'UKI-EXAMPLE',
    machinetype: 'a',
    accountingFqan: '/vo',
    processors: 1,
    memoryMb: 2048,
    hs06PerProcessor: 10,
    startedAt: m.startedAt,
    endedAt: m.heartbeatAt,
    wall: 4940,
    cpu: 4000,
    outcome: { cause: 'power-off', abort: false },
  });
});

test('"when now is later" than its shutdown time, a machine is ended', () => {
  const at = (s: number, more: Partial<Machine> = {}): string[] => actions(running(0, { shutdownTime: later(now, s), ...more }), listed({}));
  assert.deepEqual(at(0), []);
  assert.deepEqual(at(-0.001), ['end wallclock']);
  assert.deepEqual(at(-10, { drainAnnounced: true }), ['end shutdown-time']);
  assert.deepEqual(at(-10, { held: true }), [], 'a person keeps it');
});

test('a machine that does not obey is removed by force after 30 s', () => {
  const ending = (since: number, killReason: 'wallclock' | 'heartbeat-old'): Machine => ({
    ...running(),
    state: 'ending',
    killReason,
    endingSince: later(now, -since),
  });
  assert.deepEqual(actions(ending(29, 'wallclock'), listed({})), []);
  assert.deepEqual(actions(ending(30, 'wallclock'), listed({})), ['destroy wallclock']);
  assert.deepEqual(actions(ending(0, 'heartbeat-old'), listed({})), ['destroy heartbeat-old'], 'at once where no obedience can be expected');
  assert.equal(decide(observedWith([ending(29, 'wallclock')]), quiet, () => 0).wakeAt, later(now, 1));
});

test('a global shutdown time shortens running machines, never nearer than grace, and Vac 3.1 enforces it at once', () => {
  assert.deepEqual(actions(m, listed({}), drains(5000)), ['shorten 5000']);
  assert.deepEqual(actions(m, listed({}), drains(60)), ['shorten 600']);
  assert.deepEqual(actions(m, listed({}), drains(60_000)), [], 'it is never lengthened');
  assert.deepEqual(actions(m, listed({}), drains(60), {}, 'vac31'), ['shorten 60']);
  assert.deepEqual(actions(m, listed({}), drains(-60), {}, 'vac31'), ['shorten -60', 'end shutdown-time']);
  assert.deepEqual(actions(running(0, { held: true }), listed({}), drains(60)), []);
});

test('heartbeat file, spec/factory.md §10.1', () => {
  const file = (ago: number | undefined, more: Partial<Machine> = {}, observed: Partial<Observed> = {}): string[] =>
    actions(running(0, { ...(ago === undefined ? {} : { heartbeatFileAt: later(now, -ago) }), ...more }), listed({}), withHeartbeat, observed);
  const missing = ['end heartbeat-missing "700 Heartbeat file not created"', 'destroy heartbeat-missing'];
  const old = ['end heartbeat-old "700 Heartbeat file not updated"', 'destroy heartbeat-old'];
  assert.deepEqual(file(undefined), missing);
  assert.deepEqual(file(300), []);
  assert.deepEqual(file(300.001), old);
  assert.deepEqual(file(undefined, { startedAt: later(now, -600) } as Partial<Machine>), [], 'not later than start + fizzle_seconds');
  assert.deepEqual(file(undefined, { startedAt: later(now, -600.001) } as Partial<Machine>), missing);
  assert.deepEqual(file(undefined, { held: true }), [], 'a person keeps it');
  assert.deepEqual(
    file(undefined, { message: { text: '200 done', at: now } }),
    ['end heartbeat-missing', 'destroy heartbeat-missing'],
    'its own message stays',
  );
  assert.deepEqual(file(undefined, {}, { guestServiceSince: later(now, -600) }), [], 'the guest service has been back for no longer than fizzle_seconds');
  assert.deepEqual(file(5000, {}, { guestServiceSince: later(now, -601) }), old);
  const { guestServiceSince: _since, ...down } = observedWith([m]);
  assert.deepEqual(decide(down, withHeartbeat, () => 0).actions, [], 'nobody is blamed while the guest service is down');
  const changed = (type: Parameters<typeof typeNamed>[1]) =>
    actions(m, listed({}), configurationWith([typeNamed('a', { targetShare: 0, heartbeatFile: 'hb', ...type })]));
  assert.deepEqual(changed({ fizzle: seconds(0) }), [], 'not judged with fizzle_seconds 0');
  assert.deepEqual(changed({ heartbeat: seconds(0) }), missing, 'with heartbeat_seconds 0 it must exist');
  assert.deepEqual(actions(m, listed({}), configurationWith([])), [], 'its machinetype is no longer configured');
});

test('the silence of a guest before the service came back is not counted', () => {
  const configuration = configurationWith([typeNamed('a', { targetShare: 0, heartbeatFile: 'hb', heartbeat: seconds(3600) })]);
  const since = { guestServiceSince: later(now, -700) };
  assert.deepEqual(actions(running(0, { heartbeatFileAt: later(now, -4000) }), listed({}), configuration, since), []);
});

test('saved outputs expire machines_dir_days after the last heartbeat; 0 or less: never', () => {
  const day = 86_400;
  const ended = (days: number): Machine => inState(running(0, { heartbeatAt: later(now, -days * day) } as Partial<Machine>), 'finished');
  const kept = (machinesDirDays: number) => configurationWith([typeNamed('a', { targetShare: 0, machinesDirDays })]);
  assert.deepEqual(actions(ended(3), complete(), kept(3)), []);
  assert.deepEqual(actions(ended(3.01), complete(), kept(3)), ['forget']);
  assert.deepEqual(actions(ended(3.01), complete(), configurationWith([])), ['forget'], 'its own limit when the machinetype has left');
  assert.deepEqual(actions(ended(1000), complete(), kept(0)), []);
  assert.deepEqual(actions(ended(1000), complete(), kept(-1)), []);
  assert.deepEqual(actions(ended(4), listed({ power: 'off' }), kept(3)), ['destroy finished'], 'what is left goes first');
  assert.deepEqual(actions(ended(4), unknown, kept(3)), []);
  const { startedAt: _started, heartbeatAt: _heartbeat, cpuSeconds: _cpu, ...never } = ended(4) as Machine & { state: 'finished' };
  assert.deepEqual(actions({ ...never, finishedAt: later(now, -4 * day) }, complete(), kept(3)), ['forget'], 'failed creations too');
});

test('the 700 of a heartbeat kill backs its machinetype off in the same turn, under both rules', () => {
  const configuration = configurationWith([typeNamed('a', { heartbeatFile: 'hb', backoff: seconds(600) })]);
  for (const rule of ['vacua', 'vac31'] as const) {
    const decision = decide(observedWith([m]), configuration, () => 0, rule);
    assert.equal(decision.reasons.veto?.why, 'none_eligible', rule);
    assert.equal(decision.reasons.machinetypes[0]?.verdict.why, 'backing_off');
  }
});
