import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import type { PeerStatus } from '../../core/observed.ts';
import type { OwnStatus } from '../../core/space/types.ts';
import { instant, later, seconds } from '../../core/units.ts';
import { Agenda } from '../agenda.ts';
import { datagrams, SharedNetwork } from './shared.ts';

const start = instant(Date.UTC(2030, 0, 1));
const names = ['a.example.com', 'b.example.com', 'c.example.com'];
const timings = [
  { name: 'red', longestPause: seconds(60), fizzle: seconds(60) },
  { name: 'blue', longestPause: seconds(60), fizzle: seconds(60) },
];

function network(agenda: Agenda, onNews: (factory: number) => void = () => undefined, loss = 0): SharedNetwork {
  const options = { names, space: 'vac01.example.com', refresh: seconds(10), udpTimeout: seconds(10), push: false, delay: seconds(0.05), loss };
  return new SharedNetwork({ ...options, machinetypes: timings, onDemand: false }, agenda, onNews);
}

const told = (machines: number, fresh = 0): OwnStatus =>
  ({
    machinetypes: timings.map(({ name }) => ({
      machinetype: name,
      runningHs06: machines * 10.5,
      runningMachines: machines,
      runningProcessors: machines,
      numBeforeFizzle: fresh,
    })),
  }) as unknown as OwnStatus;

const totals = (peers: readonly PeerStatus[], own: string, machinetype: string): number[] => {
  const others = peers.filter((p) => p.factory !== own && p.machinetype === machinetype);
  const sum = (of: (p: PeerStatus) => number): number => others.reduce((total, p) => total + of(p), 0);
  return [sum((p) => p.runningHs06), sum((p) => p.runningMachines), sum((p) => p.runningProcessors), sum((p) => p.numBeforeFizzle)].map(
    (n) => Math.round(n * 1000) / 1000,
  );
};

const step = fc.record({ after: fc.nat(20), factory: fc.nat(2), machines: fc.nat(8), gone: fc.boolean() });

it('for every factory at every time, the sum is that of the statuses one by one', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const agenda = new Agenda(start);
      const space = network(agenda);
      for (const i of names.keys()) space.open(i, seconds(0), () => undefined);
      for (const { after, factory, machines, gone } of steps) {
        agenda.runUntil(later(agenda.now, after));
        if (gone) space.lost(factory);
        else space.publish(factory, told(machines, machines >> 1));
        for (const [i, name] of names.entries()) {
          for (const { name: type } of timings) {
            assert.deepEqual(totals(space.view(i, false).peers, name, type), totals(space.view(i, true).peers, name, type));
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});

it('a factory sees others as of its last round, and forgets the silent after the limit', () => {
  const agenda = new Agenda(start);
  const space = network(agenda);
  for (const i of names.keys()) {
    space.open(i, seconds(0), () => undefined);
    space.publish(i, told(i));
  }
  const seen = (): number => totals(space.view(0, false).peers, names[0] ?? '', 'red')[1] ?? Number.NaN;
  agenda.runUntil(later(start, 12));
  assert.equal(seen(), 1 + 2);
  space.publish(1, told(5));
  agenda.runUntil(later(start, 19));
  assert.equal(seen(), 1 + 2, 'the round of 10 s did not know it');
  agenda.runUntil(later(start, 20));
  assert.equal(seen(), 5 + 2);
  space.lost(2);
  agenda.runUntil(later(start, 300));
  assert.equal(seen(), 5 + 2, 'its last word still counts');
  agenda.runUntil(later(start, 340));
  assert.equal(seen(), 5);
});

it('who waits is woken when the last fresh machine has gone, and not before its next round', () => {
  const agenda = new Agenda(start);
  const woken: number[] = [];
  const space = network(agenda, (factory) => woken.push(factory));
  for (const i of names.keys()) {
    space.open(i, seconds(0), () => undefined);
    space.publish(i, told(i, i));
  }
  space.await(0);
  space.publish(2, told(1, 1));
  assert.deepEqual(woken, []);
  space.publish(1, told(0));
  space.publish(2, told(0));
  assert.deepEqual(woken, [0]);
});

it('counts one question and one answer per machinetype for each pair and round, and repeats what is lost', () => {
  assert.equal(datagrams(3, 0), 4);
  assert.ok(datagrams(3, 0.2) > 6 && datagrams(3, 0.2) < 12);
  const agenda = new Agenda(start);
  const space = network(agenda);
  for (const i of names.keys()) space.publish(i, told(1));
  agenda.runUntil(later(start, 60));
  assert.equal(space.messages, 3 * 2 * 3 * 6);
});
