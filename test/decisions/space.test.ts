import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decide } from '../../src/core/decide/decide.ts';
import type { Decision, Rule, Verdict } from '../../src/core/decision.ts';
import type { Machine } from '../../src/core/machine.ts';
import type { Observed, PeerStatus } from '../../src/core/observed.ts';
import type { Configuration } from '../../src/core/settings.ts';
import { decideSituation, observedToSituation } from '../../src/core/situation/situation.ts';
import { type Instant, instant, later, seconds } from '../../src/core/units.ts';
import { complete, configurationWith, inState, now, observedWith, running, typeNamed } from './world.ts';

const half = (): number => 0.5;
const type = typeNamed('a', { backoff: seconds(600), fizzle: seconds(600) });
const names = ['wn01', 'wn02', 'wn03', 'wn04', 'wn05', 'wn06'].map((name) => `${name}.example.com`);
const peer = (factory: string, more: Partial<PeerStatus> = {}): PeerStatus => ({
  factory,
  machinetype: 'a',
  runningHs06: 0,
  runningMachines: 0,
  runningProcessors: 0,
  numBeforeFizzle: 0,
  ...more,
});
const aborted = { shutdownMessage: '300 No work', shutdownAt: now };
const verdictOf = (decision: Decision): Verdict | undefined => decision.reasons.machinetypes[0]?.verdict;
const startsOf = (decision: Decision): number => decision.actions.filter((x) => x.kind === 'create').length;

/** What each factory of a space decides so many seconds after wn06 said "300 No work". */
function decisions(at: number, space: readonly PeerStatus[], more: Partial<Observed> = {}): Decision[] {
  return names.slice(0, 5).map((factory) => {
    const observed = observedWith([], complete(), { now: later(now, at), host: { factory, processors: 4, load: 0 }, space, ...more });
    return decide(observed, configurationWith([type], { factories: names }), half);
  });
}
const spaceAfter = (change: (name: string) => Partial<PeerStatus> = () => ({})): PeerStatus[] =>
  names.map((name) => peer(name, { ...(name === names[5] ? aborted : {}), ...change(name) }));

test('after a back-off factories are reached one after another: 1, 2, 4 in 0, 30, 60 s, the one of the abort last', () => {
  const starting = (at: number): number => decisions(at, spaceAfter()).filter((d) => startsOf(d) > 0).length;
  assert.deepEqual([600, 600.5, 629, 630.5, 660.5, 677].map(starting), [0, 1, 1, 2, 4, 5]);
  const waiting = decisions(601, spaceAfter()).map(verdictOf);
  const ranks = waiting.map((v) => (v?.why === 'not_elected' ? v.rank : 1));
  assert.deepEqual(ranks.toSorted(), [1, 2, 3, 4, 5]);
  const second = waiting.find((v) => v?.why === 'not_elected' && v.rank === 2);
  const about = { lastAbort: now, message: '300 No work', factory: names[5] ?? '' };
  assert.deepEqual(second, { why: 'not_elected', until: later(now, 630), width: 1, rank: 2, of: 6, ...about, fresh: 0 });
});

test('each factory wakes when it is reached, and not all at once', () => {
  const wakes = decisions(601, spaceAfter()).map((d) => d.wakeAt);
  const seconds = wakes.map((at) => Math.round((at - now) / 1000)).toSorted((a, b) => a - b);
  assert.deepEqual(seconds, [630, 648, 660, 661, 661], 'no later than a cycle of 60 s');
});

test('one scout is out: nobody else starts; a scout that has outlived fizzle_seconds makes starts free', () => {
  const scout = (fresh: number) => spaceAfter((name) => (name === names[5] ? { runningMachines: 1, runningHs06: 1, numBeforeFizzle: fresh } : {}));
  assert.ok(decisions(700, scout(1)).every((d) => verdictOf(d)?.why === 'scout_out'));
  assert.ok(decisions(1201, scout(0)).every((d) => startsOf(d) === 4));
});

test('after back-off and fizzle_seconds the space grows to 1, 2, 4, … machines while none has proved itself', () => {
  const scout = spaceAfter((name) => (name === names[5] ? { runningMachines: 1, runningHs06: 1, numBeforeFizzle: 1 } : {}));
  const growth = (at: number): number => decisions(at, scout).reduce((sum, d) => sum + startsOf(d), 0);
  assert.deepEqual([1201, 1231, 1261, 1501].map(growth), [1, 2, 4, 20]);
});

test('silent factories are waited for in the first half minute only', () => {
  const heard = spaceAfter().filter(({ factory }) => factory === names[0] || factory === names[5]);
  const alone = decisions(631, heard, { silent: names.slice(1, 5) })[0];
  assert.ok(alone !== undefined && startsOf(alone) === 1);
});

test('views that take different aborts of one moment for the last agree on the election', () => {
  const storm = (shift: number) => spaceAfter((name) => ({ shutdownMessage: '300 No work', shutdownAt: later(now, name > 'wn03' ? -2 + shift : -2) }));
  const first = (space: readonly PeerStatus[]) => decisions(602, space).findIndex((d) => startsOf(d) > 0);
  assert.equal(first(storm(1)), first(storm(2)));
});

test('abort_codes: what is not among them makes nobody back off', () => {
  const own: Machine = {
    ...inState(running(), 'finished'),
    state: 'finished',
    finishedAt: now,
    outcome: { code: 300, message: '300 Fizzle after 4 seconds', cause: 'power-off', abort: true, at: now },
  };
  const codes = (from: number, to: number) =>
    decide(
      observedWith([own], complete(), { space: [peer('p1', { ...aborted, shutdownMessage: '404 x' })] }),
      configurationWith([type], { abortCodes: [{ from, to }] }),
      half,
    );
  const told = (decision: Decision): string | undefined => {
    const verdict = verdictOf(decision);
    return verdict?.why === 'backing_off' ? verdict.message : verdict?.why;
  };
  assert.deepEqual([codes(300, 399), codes(400, 499), codes(500, 999)].map(told), ['300 Fizzle after 4 seconds', '404 x', 'started']);
});

test('backoff_doubling: the same cause again doubles the pause, another one does not', () => {
  const doubling = typeNamed('a', { backoff: seconds(600), fizzle: seconds(600), backoffMax: seconds(2400) });
  const pauseAfter = (...messages: readonly string[]): Verdict | undefined => {
    const space = messages.map((shutdownMessage, i) => peer(`p${i}`, { shutdownMessage, shutdownAt: later(now, -1 - 1000 * (messages.length - 1 - i)) }));
    return verdictOf(decide(observedWith([], complete(), { space }), configurationWith([doubling]), half));
  };
  const inARow = (v: Verdict | undefined): unknown => (v?.why === 'backing_off' ? [v.inARow, Math.round((v.pause ?? 600) / 600)] : v?.why);
  assert.deepEqual(inARow(pauseAfter('300 x')), [undefined, 1]);
  assert.deepEqual(inARow(pauseAfter('300 x', '300 y')), [2, 2]);
  assert.deepEqual(inARow(pauseAfter('300 x', '300 x', '300 x', '300 y')), [4, 4], 'not above backoff_max_seconds');
  assert.deepEqual(inARow(pauseAfter('300 x', '300 x', '500 y')), [undefined, 1]);
  assert.deepEqual(inARow(pauseAfter('300 x', '200 done', '300 y')), [undefined, 1]);
});

const failed = (index: number, machinetype: string, ago: number): Machine => ({
  ...inState(
    running(index, { machinetype, createdAt: later(now, -ago - 90), startedAt: later(now, -ago - 60), heartbeatAt: later(now, -ago) } as object),
    'finished',
  ),
  state: 'finished',
  finishedAt: later(now, -ago),
  outcome: { code: 500, message: '500 No CVMFS', cause: 'power-off', abort: true, at: later(now, -ago) },
});
const two = configurationWith([typeNamed('a'), typeNamed('b')]);

test('a black hole starts nothing, then one machine, and Vac 3.1 knows no such thing', () => {
  const host = (ago: number, rule: Rule): Decision => decide(observedWith([failed(0, 'a', ago), failed(1, 'b', ago)], complete()), two, half, rule);
  const closed = host(500, 'vacua');
  const about = { failures: 2, machinetypes: ['a', 'b'], since: later(now, -500), message: '500 No CVMFS' };
  assert.deepEqual([startsOf(closed), closed.reasons.veto], [0, { why: 'black_hole', ...about, until: later(now, 100) }]);
  const open = host(700, 'vacua');
  assert.deepEqual([startsOf(open), open.reasons.veto], [1, { why: 'black_hole', ...about, since: later(now, -700) }]);
  assert.equal(startsOf(host(500, 'vac31')), 1);
});

test('remembered usage moves who is first, only when it is asked for and not under vac31', () => {
  const space = [peer('p1', { usageHs06Hours: 900 }), peer('p1', { machinetype: 'b', usageHs06Hours: 90 })];
  const usage = new Map([['b', 10]]);
  const opening = (rule: Rule, half: number): (number | undefined)[] => {
    const memory = half > 0 ? { shareMemory: { halfLife: seconds(half), maxCredit: 0.5 } } : {};
    return decide(
      observedWith([], complete(), { space, usage }),
      { ...two, settings: { ...two.settings, ...memory } },
      () => 0.5,
      rule,
    ).reasons.machinetypes.map((r) => r.effectiveShare && Math.round(100 * r.effectiveShare));
  };
  // a has had 90 % for half of the shares: 1 − 1.8 is bounded to −0.5. b has had a fifth of its due, a little less than a quarter.
  assert.deepEqual(opening('vacua', 86_400), [50, 135]);
  assert.deepEqual(
    [opening('vacua', 0), opening('vac31', 86_400)],
    [
      [undefined, undefined],
      [undefined, undefined],
    ],
  );
});

interface Scene {
  readonly observed: Observed;
  readonly configuration: Configuration;
}
const message = fc.constantFrom('300 No work', '300 Fizzle after 5 seconds', '501 disk', '200 done', 'abc');
const around = fc.constantFrom(-5, 0, 1, 100, 599, 600, 601, 629, 631, 700, 1199, 1201, 1240, 1800, 4000);
const anyPeer = fc.record({
  factory: fc.constantFrom(...names),
  fresh: fc.constantFrom(0, 0, 0, 1, 2),
  mature: fc.constantFrom(0, 0, 0, 1),
  said: fc.option(fc.tuple(message, around), { nil: undefined }),
  usage: fc.option(fc.constantFrom(0, 10, 900), { nil: undefined }),
  machinetype: fc.constantFrom('a', 'a', 'b'),
});
const anyOwn = fc.record({
  state: fc.constantFrom<Machine['state']>('running', 'running', 'finished', 'creating'),
  age: fc.constantFrom(1, 100, 595, 599, 601, 5000),
  said: fc.option(message, { nil: undefined }),
  machinetype: fc.constantFrom('a', 'b'),
});
const anyScene: fc.Arbitrary<Scene> = fc
  .record({
    peers: fc.uniqueArray(anyPeer, { maxLength: 6, selector: (p) => `${p.factory} ${p.machinetype}` }),
    own: fc.array(anyOwn, { maxLength: 4 }),
    silent: fc.subarray(names.slice(1)),
    known: fc.boolean(),
    doubling: fc.boolean(),
    memory: fc.boolean(),
    fizzle: fc.constantFrom(600, 600, 20, 0),
  })
  .map(({ peers, own, silent, known, doubling, memory, fizzle }): Scene => {
    const more = { backoff: seconds(600), fizzle: seconds(fizzle), ...(doubling ? { backoffMax: seconds(2400) } : {}) };
    const space = peers.map(({ factory, machinetype, fresh, mature, said, usage }) =>
      peer(factory, {
        machinetype,
        runningMachines: fresh + mature,
        runningHs06: fresh + mature,
        numBeforeFizzle: fresh,
        ...(said === undefined ? {} : { shutdownMessage: said[0], shutdownAt: later(now, -said[1]) }),
        ...(usage === undefined ? {} : { usageHs06Hours: usage }),
      }),
    );
    const machines = own.map(({ state, age, said, machinetype }, index): Machine => {
      const startedAt = later(now, -age);
      const m = running(index, {
        machinetype,
        fizzle: seconds(fizzle),
        createdAt: later(startedAt, -5),
        startedAt,
        heartbeatAt: now,
        contactAt: startedAt,
      } as object);
      if (state !== 'finished') return inState(m, state);
      const at = later(now, -age / 2);
      const abort = said !== undefined && /^[35]/.test(said);
      const outcome = {
        ...(said === undefined ? {} : { message: said, at }),
        ...(abort ? { code: Number(said.slice(0, 3)) } : {}),
        cause: 'power-off',
        abort,
      } as const;
      return {
        ...inState(m, 'finished'),
        heartbeatAt: at,
        state: 'finished',
        finishedAt: at,
        outcome,
        ...(said === undefined ? {} : { message: { text: said, at } }),
      };
    });
    const observed = observedWith(machines, undefined, { space, silent: silent.filter((name) => !space.some((p) => p.factory === name)) });
    const settings = { ...(known ? { factories: names } : {}), ...(memory ? { shareMemory: { halfLife: seconds(86_400), maxCredit: 0.5 } } : {}) };
    return { observed, configuration: configurationWith([typeNamed('a', more), typeNamed('b', more)], settings) };
  });

test('with the same facts the same is done until wakeAt, in a space', () => {
  const done = ({ observed, configuration }: Scene, at: Instant, rule: Rule) =>
    decide({ ...observed, now: at }, configuration, half, rule).actions.map((a) =>
      a.kind === 'create' ? `create ${a.machinetype} ${a.slot}` : `${a.kind} ${a.id}`,
    );
  fc.assert(
    fc.property(anyScene, fc.constantFrom<Rule>('vacua', 'vacua', 'vac31'), fc.double({ min: 0, max: 1, noNaN: true }), (scene, rule, part) => {
      const { wakeAt } = decide(scene.observed, scene.configuration, half, rule);
      assert.ok(wakeAt > now && wakeAt - now <= scene.configuration.settings.cycle * 1000);
      assert.deepEqual(done(scene, instant(now + Math.floor((wakeAt - 1 - now) * part)), rule), done(scene, now, rule));
    }),
    { numRuns: 2000 },
  );
});

test('our own rule starts nothing that Vac 3.1 would not, and a factory alone in its space backs off as Vac does', () => {
  const may = (v: Verdict): boolean => v.why !== 'backing_off' && v.why !== 'scout_out' && v.why !== 'not_elected';
  fc.assert(
    fc.property(anyScene, (scene) => {
      const verdicts = (s: Scene, rule: Rule) => decide(s.observed, s.configuration, half, rule).reasons.machinetypes.map((r) => r.verdict);
      const vac = verdicts(scene, 'vac31');
      for (const [i, verdict] of verdicts(scene, 'vacua').entries()) assert.ok(!may(verdict) || may(vac[i] ?? verdict));
      const machinetypes = [...scene.configuration.machinetypes.values()].map(({ backoffMax: _longest, ...plain }) => plain);
      const alone = {
        observed: { ...scene.observed, space: [], silent: [] },
        configuration: configurationWith(machinetypes, { factories: names.slice(0, 1) }),
      };
      assert.deepEqual(verdicts(alone, 'vacua').map(may), verdicts(alone, 'vac31').map(may));
    }),
    { numRuns: 1000 },
  );
});

test('a snapshot carries all that is needed to decide the same', () => {
  fc.assert(
    fc.property(anyScene, (scene) => {
      const { actions, reasons } = decide(scene.observed, scene.configuration, half);
      const again = decideSituation(JSON.parse(JSON.stringify(observedToSituation(scene.observed, scene.configuration))), 'vacua', half);
      const first = actions.find((a) => a.kind === 'create');
      assert.deepEqual([again.machinetype, again.slot, again.reason], [first?.machinetype, first?.slot, first === undefined ? reasons.veto?.why : undefined]);
    }),
    { numRuns: 1000 },
  );
});
