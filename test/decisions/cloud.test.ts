import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { CloudFacts } from '../../src/core/cloud/facts.ts';
import { noCloudFacts } from '../../src/core/cloud/facts.ts';
import type { CloudOffer } from '../../src/core/cloud/offer.ts';
import { decide } from '../../src/core/decide/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import { explain } from '../../src/core/explain.ts';
import type { Machine } from '../../src/core/machine.ts';
import type { Machinetype } from '../../src/core/machinetype.ts';
import type { Observed, Sighting } from '../../src/core/observed.ts';
import type { Configuration } from '../../src/core/settings.ts';
import { instant, later, seconds } from '../../src/core/units.ts';
import { cloudConfiguration, cloudType } from '../../src/factory/testing-cloud.ts';
import { complete, idOf, now, observedWith, running, seen } from './world.ts';

const flavors = [1, 2, 4, 8].map((n) => ({ id: `f${n}`, name: `f${n}`, processors: n, memoryMb: 2048 * n, diskGb: 10 }));
const offer = (quota: CloudOffer['quota'] = {}): CloudOffer => ({ quota, used: { processors: 0, machines: 0 }, flavors });
const facts = (more: Partial<CloudFacts> = {}): CloudFacts => ({ ...noCloudFacts, offer: offer(), ...more });
const cloudWorld = (machines: readonly Machine[], sightings?: readonly Sighting[], more: Partial<Observed> = {}): Observed =>
  observedWith(machines, sightings === undefined ? undefined : complete(sightings), {
    cloud: facts(),
    host: { factory: 'm', processors: 1, load: 1e6 },
    ...more,
  });
const turn = (observed: Observed, configuration: Configuration, random = (): number => 0.5): Decision => decide(observed, configuration, random);
const created = ({ actions }: Decision): string[] => actions.flatMap((a) => (a.kind === 'create' ? [a.machinetype] : []));
const of = (d: Decision, id: Machine['id']) => d.actions.filter((a) => 'id' in a && a.id === id).map((a) => ('why' in a ? `${a.kind} ${a.why}` : a.kind));

const atCloud = (index = 0, more: Partial<Machine> = {}): Machine & { state: 'running' } => running(index, { flavor: flavors[0], ...more } as Partial<Machine>);
const creating = (index = 0, age = 10, more: Partial<Machine> = {}): Machine => {
  const { startedAt: _a, heartbeatAt: _b, cpuSeconds: _c, ...kept } = atCloud(index, more);
  return { ...kept, state: 'creating', createdAt: later(now, -age) };
};

describe('what is started at a cloud', () => {
  it('worked example of spec/cloud.md §3: limit 100, shares 3 and 1: 10 per cycle, of the first 8 starts 6 and 2', () => {
    const types = [cloudType('a', { targetShare: 3 }, { flavorNames: ['f1'] }), cloudType('b', { targetShare: 1 }, { flavorNames: ['f1'] })];
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (x, y) => {
        const draws = [x, y];
        const d = turn(cloudWorld([]), cloudConfiguration(types, { processorsLimit: 100, rampPercent: 10 }), () => draws.shift() ?? 0);
        const sequence = created(d);
        assert.equal(sequence.length, 10);
        assert.equal(sequence.slice(0, 8).filter((t) => t === 'a').length, 6);
        assert.deepEqual(d.reasons.veto, { why: 'ramp', requested: 10, limit: 10, until: later(now, 60) });
      }),
    );
  });

  it('the ramp counts attempts of the last cycle, whatever became of them, and passes with it', () => {
    const configuration = cloudConfiguration([cloudType('a')], { processorsLimit: 25, rampPercent: 10 });
    const begun = [creating(0, 20), creating(1, 50), creating(2, 61)];
    const d = turn(
      cloudWorld(
        begun,
        begun.map((m) => seen(m, { power: 'starting' })),
      ),
      configuration,
    );
    assert.equal(created(d).length, 1, '⌈10 % of 25⌉ = 3, two of them were asked for');
    assert.deepEqual(d.reasons.veto, { why: 'ramp', requested: 3, limit: 3, until: later(now, 10) });
    assert.ok(d.wakeAt <= later(now, 10));
  });

  it('neither load nor slots nor superslots bound it, only the limits; what does not fit gives way to what does', () => {
    const types = [cloudType('wide', { targetShare: 9 }, { flavorNames: ['f8'] }), cloudType('small', {}, { flavorNames: ['f1'] })];
    const d = turn(cloudWorld([]), cloudConfiguration(types, { processorsLimit: 10 }));
    assert.deepEqual(created(d).toSorted(), ['small', 'small', 'wide']);
    assert.deepEqual(d.reasons.veto, { why: 'no_free_processors', used: 10, total: 10, limit: 'configured' });
    const slots = d.actions.flatMap((a) => (a.kind === 'create' ? [a.slot] : []));
    assert.equal(new Set(slots).size, slots.length);
    assert.deepEqual(d.actions.flatMap((a) => (a.kind === 'create' ? [a.flavor?.name] : [])).toSorted(), ['f1', 'f1', 'f8']);
  });

  it('limits of processors and machines, configured or by quota, count everything that is there', () => {
    const limited = (cloud: Parameters<typeof cloudConfiguration>[1], quota: CloudOffer['quota'], used = { processors: 0, machines: 0 }) => {
      const own = [atCloud(0), atCloud(1)];
      const strangers: Sighting[] = [{ id: idOf(9), power: 'running' }];
      const listing = { state: 'complete', at: now, sightings: [...own.map((m) => seen(m)), ...strangers], foreignProcessors: 3 } as const;
      const d = turn(
        observedWith(own, listing, { cloud: facts({ offer: { quota, used, flavors }, lease: { held: true }, aliveManagers: new Set(['x']) }) }),
        cloudConfiguration([cloudType('a', {}, { flavorNames: ['f2'] })], cloud),
      );
      return [created(d).length, d.reasons.veto?.why, d.reasons.usedProcessors];
    };
    assert.deepEqual(limited({ processorsLimit: 10 }, {}), [2, 'no_free_processors', 6]);
    assert.deepEqual(limited({ processorsLimit: 9 }, {}), [1, 'none_suitable', 6], 'a creation must fit');
    assert.deepEqual(limited({ processorsLimit: 10 }, { processors: 8 }), [1, 'no_free_processors', 6]);
    assert.deepEqual(limited({ machinesLimit: 4 }, {}), [1, 'no_free_machines', 6]);
    assert.deepEqual(limited({ processorsLimit: 100 }, { machines: 5 }), [2, 'no_free_machines', 6]);
    assert.deepEqual(
      limited({ processorsLimit: 10 }, {}, { processors: 9, machines: 9 }),
      [0, 'none_suitable', 9],
      'the cloud counts more than its list shows',
    );
  });

  it('limits of a machinetype: its processors in any state, and those that start', () => {
    const verdict = (cloud: Partial<NonNullable<Machinetype['cloud']>>) => {
      const machines = [atCloud(0), creating(1), creating(2)];
      const d = turn(
        cloudWorld(
          machines,
          machines.map((m) => seen(m, { power: m.state === 'creating' ? 'starting' : 'running' })),
        ),
        cloudConfiguration([cloudType('a', {}, { flavorNames: ['f2'], ...cloud })], { processorsLimit: 11 }),
      );
      return [created(d).length, d.reasons.machinetypes[0]?.verdict];
    };
    assert.deepEqual(verdict({ processorsLimit: 4 }), [0, { why: 'own_limit', used: 3, needs: 2, limit: 4 }]);
    assert.deepEqual(verdict({ processorsLimit: 5 }), [1, { why: 'started', count: 1 }]);
    assert.deepEqual(verdict({ maxStartingProcessors: 2 }), [0, { why: 'starting_limit', starting: 2, limit: 2 }]);
    assert.deepEqual(verdict({ maxStartingProcessors: 3 }), [1, { why: 'started', count: 1 }]);
  });

  it('shares converge for types of any size and weight, each start going to the most starved', () => {
    const share = fc.integer({ min: 1, max: 5 });
    const sized = fc.record({ share, size: fc.constantFrom(1, 2, 4), hs06: fc.constantFrom(undefined, 5, 12) });
    fc.assert(
      fc.property(fc.array(sized, { minLength: 2, maxLength: 5 }), (tenants) => {
        const types = tenants.map((t, i) =>
          cloudType(`t${i}`, { targetShare: t.share }, { flavorNames: [`f${t.size}`], ...(t.hs06 === undefined ? {} : { hs06PerProcessor: t.hs06 }) }),
        );
        const d = turn(cloudWorld([]), cloudConfiguration(types, { processorsLimit: 400 }));
        const weight = tenants.map((t, i) => (created(d).filter((name) => name === `t${i}`).length * t.size * (t.hs06 ?? 1)) / t.share);
        const step = Math.max(...tenants.map((t) => (t.size * (t.hs06 ?? 1)) / t.share));
        // One step while all fit; what is left at the end, at most three processors, goes to whoever fits into it.
        assert.ok(Math.max(...weight) - Math.min(...weight) <= 4 * step + 1e-9, `${weight}`);
      }),
      { numRuns: 50 },
    );
  });

  it('abort, silence, one probe, and again when it fizzles; never two probes in the test period', () => {
    const configuration = cloudConfiguration([cloudType('a', { backoff: seconds(600), fizzle: seconds(300) })], { processorsLimit: 5 });
    const abortAgo = (ago: number): Machine =>
      ({
        ...atCloud(9, { createdAt: later(now, -ago - 500), startedAt: later(now, -ago - 400), heartbeatAt: later(now, -ago) }),
        state: 'finished',
        finishedAt: later(now, -ago),
        outcome: { code: 300, message: '300 No work', cause: 'power-off', abort: true, at: later(now, -ago) },
      }) as Machine;
    const at = (ago: number, others: readonly Machine[] = []) => {
      const d = turn(
        cloudWorld(
          [abortAgo(ago), ...others],
          others.map((m) => seen(m, { power: m.state === 'creating' ? 'starting' : 'running' })),
        ),
        configuration,
      );
      return [created(d).length, d.reasons.machinetypes[0]?.verdict.why];
    };
    assert.deepEqual(at(600), [0, 'backing_off']);
    assert.deepEqual(at(601), [1, 'started']);
    assert.deepEqual(at(700, [creating(1, 50)]), [0, 'scout_out']);
    assert.deepEqual(at(850, [atCloud(1, { startedAt: later(now, -200) })]), [0, 'scout_out']);
    assert.deepEqual(at(899, [atCloud(1, { startedAt: later(now, -300) })]), [1, 'started']);
    assert.deepEqual(at(901, [atCloud(1, { startedAt: later(now, -299) })]), [4, 'started']);
  });

  it('nothing without a flavor that suits, before the cloud has told its offer, without the lease, on half a list', () => {
    const configuration = cloudConfiguration([cloudType('a', {}, { flavorNames: ['gone'] })], { processorsLimit: 5 });
    const none = turn(cloudWorld([]), configuration);
    assert.equal(none.reasons.machinetypes[0]?.verdict.why, 'no_flavor');
    assert.match(explain(none, cloudWorld([]), configuration).join('\n'), /a: the cloud has no flavor gone; there are f1 \(1 × 2048 MiB\)/);
    const plain = cloudConfiguration([cloudType('a')], { processorsLimit: 5 });
    const veto = (cloud: CloudFacts, listing = complete()) => turn(observedWith([], listing, { cloud }), plain).reasons.veto?.why;
    assert.equal(veto(noCloudFacts), 'offer_unknown');
    assert.equal(veto(facts({ lease: { held: false, holder: 'other', text: '' } })), 'not_lease_holder');
    assert.equal(veto(facts(), { ...complete(), state: 'partial' } as Observed['listing']), 'list_incomplete');
  });

  it('every reason has a sentence', () => {
    const configuration = cloudConfiguration([cloudType('a')], { processorsLimit: 5 });
    const observed = cloudWorld([]);
    const base = turn(observed, configuration);
    const about = { lastAt: now, text: 'why it failed', count: 3 };
    for (const veto of [
      { why: 'no_free_processors', used: 1, total: 1, limit: 'quota' },
      { why: 'no_free_machines', used: 1, total: 1, limit: 'configured' },
      { why: 'ramp', requested: 3, limit: 3, until: later(now, 10) },
      { why: 'list_incomplete' },
      { why: 'offer_unknown' },
      { why: 'not_lease_holder', text: 'nobody holds it' },
      { why: 'not_lease_holder', holder: 'other', text: '' },
      { why: 'space_failing', count: about.count, text: about.text, until: later(now, 10) },
      { why: 'space_failing', count: 1, text: about.text },
    ] as const) {
      const stuck = [{ id: idOf(1), name: 'vacua-a-0', tries: 3, since: later(now, -100), nextAt: later(now, 20) }];
      const [line, , last] = explain({ ...base, actions: [], reasons: { ...base.reasons, veto, stuck } }, observed, configuration);
      assert.match(line ?? '', /^nothing is started: .{20,}/);
      assert.match(last ?? '', /^vacua-a-0 is still at the cloud after 3 removals/);
    }
    for (const verdict of [
      { why: 'creation_failing', count: 2, text: 'No valid host', lack: 'capacity' },
      { why: 'own_limit', used: 3, needs: 2, limit: 4 },
      { why: 'starting_limit', starting: 2, limit: 2 },
    ] as const) {
      const [reason] = base.reasons.machinetypes;
      assert.ok(reason);
      const [, line] = explain({ ...base, reasons: { ...base.reasons, machinetypes: [{ ...reason, verdict }] } }, observed, configuration);
      assert.match(line ?? '', /^a: .{20,}/);
    }
  });
});

describe('what is ended at a cloud (spec/cloud.md §5.3)', () => {
  const configuration = cloudConfiguration([cloudType('a', { heartbeatFile: 'hb', heartbeat: seconds(300), targetShare: 0 })], {
    startingLimit: seconds(3600),
  });
  const ends = (m: Machine, sighting: Partial<Sighting> = {}, more: Partial<Observed> = {}, c = configuration) =>
    of(turn(cloudWorld([m], [seen(m, sighting)], more), c), m.id);
  const alive = { heartbeatFileAt: later(now, -10) };

  it('rule 1: starting for longer than the limit', () => {
    assert.deepEqual(ends(creating(0, 3600), { power: 'starting' }), []);
    assert.deepEqual(ends(creating(0, 3600.001), { power: 'starting' }), ['end not-started', 'destroy not-started']);
    assert.deepEqual(ends(creating(0, 9999, { held: true }), { power: 'starting' }), []);
  });

  it('rule 2: failed, off or on its way out: over at once, in any state of its record', () => {
    for (const power of ['off', 'failed', 'deleting'] as const) {
      for (const m of [creating(), atCloud(0, alive)]) assert.deepEqual(ends(m, { power }), ['finish', 'destroy finished'], power);
    }
  });

  it('rules 3 to 5 at their boundary second, and an earlier rule wins', () => {
    const due = atCloud(0, { ...alive, shutdownTime: now });
    assert.deepEqual(ends(due), []);
    assert.deepEqual(ends({ ...due, shutdownTime: instant(now - 1) } as Machine), ['end wallclock']);
    const silent = atCloud(0, { heartbeatFileAt: later(now, -300) });
    assert.deepEqual(ends(silent), []);
    assert.deepEqual(ends(atCloud(0, { heartbeatFileAt: later(now, -300.001) })), ['end heartbeat-old', 'destroy heartbeat-old']);
    assert.deepEqual(ends(atCloud(0, { heartbeatFileAt: later(now, -301), shutdownTime: later(now, -1) })), ['end wallclock'], '3 before 4');
    const told = { heartbeatFileAt: later(now, -301), shutdownTime: later(now, -1), drainAnnounced: true };
    assert.deepEqual(ends(atCloud(0, told)), ['end heartbeat-old', 'destroy heartbeat-old'], '4 before 5');
    assert.deepEqual(ends(atCloud(0, { ...told, ...alive })), ['end shutdown-time']);
  });

  it('a machine whose machinetype is gone lives under the limits of its record', () => {
    const orphan = { machinetype: 'gone', heartbeatFile: 'hb', heartbeat: seconds(300) };
    assert.deepEqual(ends(atCloud(0, { ...orphan, ...alive })), []);
    assert.deepEqual(ends(atCloud(0, { ...orphan, heartbeatFileAt: later(now, -301) })), ['end heartbeat-old', 'destroy heartbeat-old']);
    assert.deepEqual(ends(atCloud(0, { ...orphan, ...alive, shutdownTime: later(now, -1) })), ['end wallclock']);
  });

  it('paused, shelved or not understood for longer than the starting limit', () => {
    const m = atCloud(0, alive);
    const since = (ago: number) => ({ cloud: facts({ stalled: new Map([[m.id, later(now, -ago)]]) }) });
    assert.deepEqual(ends(m, { power: 'paused' }), []);
    assert.deepEqual(ends(m, { power: 'paused' }, since(3600)), []);
    assert.deepEqual(ends(m, { power: 'paused' }, since(3601)), ['end paused', 'destroy paused']);
    assert.deepEqual(ends(m, { power: 'unknown' }, since(3601)), ['end failed', 'destroy failed']);
  });

  it('messages are those of Vcycle; only what went wrong is an abort', () => {
    const message = (m: Machine, sighting?: Partial<Sighting>) =>
      turn(cloudWorld([m], [seen(m, sighting)]), configuration).actions.flatMap((a) => (a.kind === 'end' ? [a.message] : []))[0];
    assert.equal(message(creating(0, 4000), { power: 'starting' }), '700 Failed to start');
    assert.equal(message(atCloud(0, { ...alive, shutdownTime: later(now, -1) })), '700 Exceeded max_wallclock_seconds');
    assert.equal(message(atCloud(0, {})), '700 Heartbeat file not updated');
    assert.equal(message(atCloud(0, { ...alive, shutdownTime: later(now, -1), drainAnnounced: true })), '700 Passed shutdowntime');
    assert.equal(message(atCloud(0, { message: { text: '200 Done', at: now }, shutdownTime: later(now, -1) })), undefined, 'its own stays');
  });

  it('one list without it is not enough, two are; a cut list is none', () => {
    const m = atCloud(0, alive);
    const missing = (lists: number, state: 'complete' | 'partial' = 'complete') => {
      const listing = { state, at: now, sightings: [], foreignProcessors: 0 } as const;
      return of(turn(observedWith([m], listing, { cloud: facts({ missing: new Map([[m.id, lists]]) }) }), configuration), m.id);
    };
    assert.deepEqual(missing(1), []);
    assert.deepEqual(missing(2), ['finish']);
    assert.deepEqual(missing(2, 'partial'), []);
  });

  it('machines without a record: those of a manager that lives are left alone and counted, others are taken over or removed', () => {
    const marks = { manager: 'other', machinetype: 'a', name: 'vacua-a-0', processors: 4, createdAt: later(now, -500), shutdownTime: later(now, 5000) };
    const fate = (more: Partial<typeof marks> | undefined, cloud: Partial<CloudFacts>, orphans: 'adopt' | 'delete' = 'adopt') => {
      const sighting: Sighting = { id: idOf(5), power: 'running', ...(more === undefined ? {} : { marks: { ...marks, ...more } }) };
      const d = turn(cloudWorld([], [sighting], { cloud: facts(cloud) }), cloudConfiguration([cloudType('a')], { processorsLimit: 0, orphans }));
      return [d.actions.map((a) => a.kind).join(), d.reasons.usedProcessors];
    };
    const me = 'manager.example.com';
    assert.deepEqual(fate({}, { aliveManagers: new Set([me, 'other']) }), ['', 4]);
    assert.deepEqual(fate({}, { aliveManagers: new Set([me]) }), ['take', 4]);
    assert.deepEqual(fate({}, { aliveManagers: new Set([me]) }, 'delete'), ['destroy', 4]);
    assert.deepEqual(fate({}, { aliveManagers: new Set([me]), lease: { held: false, text: '' } }), ['', 4]);
    assert.deepEqual(fate({}, {}), ['', 4], 'nobody knows whether it lives');
    assert.deepEqual(fate({ shutdownTime: later(now, -3601) }, {}), ['destroy', 4], 'its time is long up');
    assert.deepEqual(fate({ manager: me }, {}), ['take', 4]);
    assert.deepEqual(fate({ manager: me, shutdownTime: later(now, -1) }, {}), ['destroy', 4]);
    assert.deepEqual(fate(undefined, {}), ['destroy', 1], 'somebody has taken its tags away');
    assert.deepEqual(fate(undefined, { aliveManagers: new Set([me, 'other']) }), ['', 1], 'it may be another one’s');
  });
});
