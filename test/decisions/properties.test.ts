import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decide } from '../../src/core/decide/decide.ts';
import type { Action, Rule } from '../../src/core/decision.ts';
import type { Sighting } from '../../src/core/observed.ts';
import { decideSituation, observedToSituation } from '../../src/core/situation/situation.ts';
import { instant } from '../../src/core/units.ts';
import { anyWorld, type World } from './world.ts';

const rules: readonly Rule[] = ['vacua', 'vac31'];
const half = (): number => 0.5;
const holds = (claim: (world: World, rule: Rule) => void): void => {
  fc.assert(fc.property(anyWorld, fc.constantFrom(...rules), claim), { numRuns: 600 });
};
const actionsOf = ({ observed, configuration }: World, rule: Rule): readonly Action[] => decide(observed, configuration, half, rule).actions;
const creations = (actions: readonly Action[]) => actions.filter((a) => a.kind === 'create');
const powerOf = ({ observed: { listing } }: World, id: string): Sighting['power'] | undefined =>
  listing.state === 'unknown' ? undefined : listing.sightings.find((s) => s.id === id)?.power;

test('same facts, same decision', () => {
  holds((world, rule) => assert.deepEqual(decide(world.observed, world.configuration, half, rule), decide(world.observed, world.configuration, half, rule)));
});

test('never over capacity: processors of machines that are there and of those that are started stay within total_processors', () => {
  holds((world) => {
    const actions = actionsOf(world, 'vacua');
    const finished = new Set(actions.filter((a) => a.kind === 'finish').map((a) => a.id));
    const there = world.observed.machines.filter((m) => m.state !== 'finished' && !finished.has(m.id));
    const started = creations(actions);
    const sum = [...there, ...started].reduce((total, m) => total + m.processors, 0);
    assert.ok(started.length === 0 || sum <= world.observed.host.processors, `${sum} processors`);
    const slots = [...there, ...started].map((m) => m.slot);
    for (const { slot } of started) assert.equal(slots.filter((other) => other === slot).length, 1, `slot ${slot} is given twice`);
  });
});

test('"s_m > 0": a machinetype without a share is never started', () => {
  holds((world, rule) => {
    for (const a of creations(actionsOf(world, rule))) assert.ok((world.configuration.machinetypes.get(a.machinetype)?.targetShare ?? 0) > 0);
  });
});

test('"this implementation MUST apply the minimum at creation": no new machine may live longer than shutdown_time', () => {
  holds((world, rule) => {
    const limit = world.configuration.settings.shutdownTime ?? Number.POSITIVE_INFINITY;
    for (const a of creations(actionsOf(world, rule))) assert.ok(a.shutdownTime <= limit && a.shutdownTime > world.observed.now);
  });
});

test('starts stay within start_rate_per_minute and boot_concurrency', () => {
  holds((world) => {
    const { settings } = world.configuration;
    const actions = actionsOf(world, 'vacua');
    const started = creations(actions).length;
    if (started === 0) return;
    assert.ok(started + world.observed.recentStarts.length <= settings.startRatePerMinute);
    const finished = new Set(actions.filter((a) => a.kind === 'finish').map((a) => a.id));
    const creating = world.observed.machines.filter((m) => m.state === 'creating' && !finished.has(m.id) && powerOf(world, m.id) !== 'paused').length;
    const adopted = actions.filter((a) => a.kind === 'adopt').length;
    assert.ok(started + creating - adopted <= settings.bootConcurrency);
  });
});

test('under vac31 at most one machine is started per turn', () => {
  holds((world) => assert.ok(creations(actionsOf(world, 'vac31')).length <= 1));
});

test('"not in the list means gone only after a complete listing": partial and unknown ones finish only what is seen off', () => {
  holds((world, rule) => {
    if (world.observed.listing.state === 'complete') return;
    for (const a of actionsOf(world, rule)) if (a.kind === 'finish') assert.equal(powerOf(world, a.id), 'off');
  });
});

test('"a machine that works is never killed" but for lifetime, heartbeat, pause or a person', () => {
  holds((world, rule) => {
    const { machinetypes, settings } = world.configuration;
    for (const a of actionsOf(world, rule)) {
      if (a.kind !== 'end' && !(a.kind === 'destroy' && a.why !== 'finished' && a.why !== 'no-record')) continue;
      const m = world.observed.machines.find((one) => one.id === a.id);
      assert.ok(m !== undefined && m.state !== 'finished');
      if (m.state === 'ending') continue;
      assert.ok(m.held !== true, 'it is held');
      if (a.why === 'paused') assert.equal(powerOf(world, m.id), 'paused');
      else if (a.why === 'wallclock') assert.ok(m.shutdownTime < world.observed.now);
      else if (a.why === 'shutdown-time') assert.ok(m.drainAnnounced === true || (settings.shutdownTime ?? Number.POSITIVE_INFINITY) < world.observed.now);
      else {
        const type = machinetypes.get(m.machinetype);
        assert.ok(a.why === 'heartbeat-missing' || a.why === 'heartbeat-old');
        assert.ok(type?.heartbeatFile !== undefined && world.observed.guestServiceSince !== undefined);
        assert.equal(a.why === 'heartbeat-missing', m.heartbeatFileAt === undefined);
      }
    }
  });
});

test('nothing is done to a machine in flight, nor twice to any', () => {
  holds((world, rule) => {
    const done = new Set<string>();
    for (const a of actionsOf(world, rule)) {
      if (a.kind === 'create') continue;
      assert.ok(!world.observed.inFlight.has(a.id));
      assert.ok(!done.has(`${a.kind} ${a.id}`));
      done.add(`${a.kind} ${a.id}`);
    }
  });
});

test('what carries our mark without a record is removed, unless the journal is at fault', () => {
  holds((world, rule) => {
    const { listing, machines, host } = world.observed;
    if (listing.state === 'unknown') return;
    const known = new Set(machines.map((m) => m.id));
    const strangers = listing.sightings.filter((s) => !known.has(s.id)).map((s) => s.id);
    const removed = actionsOf(world, rule).filter((a) => a.kind === 'destroy' && a.why === 'no-record');
    assert.equal(removed.length, host.journalFault === undefined ? strangers.length : 0);
  });
});

test('a machine that started is accounted when it is finished, one that did not is not', () => {
  holds((world, rule) => {
    for (const a of actionsOf(world, rule)) {
      if (a.kind !== 'finish') continue;
      const m = world.observed.machines.find((one) => one.id === a.id);
      assert.ok(m !== undefined);
      const ran = ('startedAt' in m && m.startedAt !== undefined) || powerOf(world, m.id) === 'off' || m.contactAt !== undefined;
      assert.equal(a.usage !== undefined, ran);
      assert.ok(a.usage === undefined || (a.usage.wall >= 0 && a.usage.cpu >= 0));
    }
  });
});

test('a shutdown time is never set nearer than grace, except as Vac 3.1 does', () => {
  holds((world) => {
    for (const a of actionsOf(world, 'vacua'))
      if (a.kind === 'shorten') assert.ok(a.shutdownTime - world.observed.now >= world.configuration.settings.grace * 1000);
  });
});

test('with the same facts the same is done until wakeAt, which lies in the future and no further than a cycle', () => {
  const done = (world: World, rule: Rule): string[] =>
    actionsOf(world, rule)
      .filter((a) => a.kind !== 'shorten') // its aim moves with `now`, and the first one settles it
      .map((a) => (a.kind === 'create' ? `create ${a.machinetype} ${a.slot} ${a.processors}` : `${a.kind} ${a.id} ${'why' in a ? a.why : ''}`));
  fc.assert(
    fc.property(anyWorld, fc.constantFrom(...rules), fc.double({ min: 0, max: 1, noNaN: true }), (world, rule, part) => {
      const { now } = world.observed;
      const { wakeAt } = decide(world.observed, world.configuration, half, rule);
      assert.ok(wakeAt > now && wakeAt - now <= world.configuration.settings.cycle * 1000);
      const before = instant(now + Math.floor((wakeAt - 1 - now) * part));
      assert.deepEqual(done({ ...world, observed: { ...world.observed, now: before } }, rule), done(world, rule));
    }),
    { numRuns: 2000 },
  );
});

test('every turn without a start says why, and every machinetype has a verdict', () => {
  holds((world, rule) => {
    const { actions, reasons } = decide(world.observed, world.configuration, half, rule);
    assert.ok(creations(actions).length > 0 || reasons.veto !== undefined);
    assert.deepEqual(
      reasons.machinetypes.map((r) => r.machinetype),
      [...world.configuration.machinetypes.keys()],
    );
    const started = reasons.machinetypes.reduce((sum, r) => sum + (r.verdict.why === 'started' ? r.verdict.count : 0), 0);
    assert.equal(started, creations(actions).length);
  });
});

test('deciding a snapshot gives the same first creation, or the same reason for none', () => {
  holds((world, rule) => {
    const { actions, reasons } = decide(world.observed, world.configuration, half, rule);
    const [first] = creations(actions);
    const again = decideSituation(JSON.parse(JSON.stringify(observedToSituation(world.observed, world.configuration))), rule, half);
    if (first === undefined) return assert.equal(again.reason, reasons.veto?.why);
    const { machinetype, processors, superslot, slot } = first;
    assert.deepEqual(
      { machinetype, processors, superslot, slot },
      { machinetype: again.machinetype, processors: again.processors, superslot: again.superslot, slot: again.slot },
    );
  });
});
