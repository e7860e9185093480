import assert from 'node:assert/strict';
import { test } from 'node:test';
import { elapsed, later, seconds } from '../units.ts';
import { ownStatus, start, ToySpace, typeFacts } from './testing.ts';

const names = ['wn01.example.com', 'wn02.example.com', 'wn03.example.com'];
const [wn01, wn02, wn03] = names as [string, string, string];

function three(space: ToySpace): void {
  for (const name of names) {
    const member = space.join(name, names);
    member.publish(ownStatus([typeFacts('lhcb', { runningHs06: name === wn02 ? 20 : 10 }), typeFacts('atlas')]), space.now);
  }
}

/** Times on the wire are whole seconds, so a duration may be off by one. */
const whole = (s: number): number => Math.round(s / 5) * 5;

test('every factory learns what the others run, and never asks itself', () => {
  const space = new ToySpace();
  three(space);
  space.runUntil(later(start, 1));
  const view = space.members.get(wn01)?.view(space.now);
  assert.deepEqual(view?.silent, []);
  assert.deepEqual(view?.peers.map((p) => `${p.factory} ${p.machinetype} ${p.runningHs06}`).sort(), [
    'wn02.example.com atlas 31.5',
    'wn02.example.com lhcb 20',
    'wn03.example.com atlas 31.5',
    'wn03.example.com lhcb 10',
  ]);
  assert.equal(space.log.filter((d) => d.from === d.to).length, 0);
  assert.equal(space.log.filter((d) => d.text.includes('machinetypes_query')).length, 6, 'one question to each other factory');
});

test('a dead factory costs five tries in its first round, then one with growing pauses', () => {
  const space = new ToySpace();
  three(space);
  space.down.add(wn03);
  space.runUntil(later(start, 3600));
  const asked = space.log.filter((d) => d.from === wn01 && d.to === wn03).map((d) => Math.round(elapsed(start, d.at) * 10) / 10);
  assert.deepEqual(asked.slice(0, 5), [0, 0.2, 0.5, 1.5, 4]);
  assert.ok(asked.length <= 5 + 10, `${asked.length} questions in an hour`);
  assert.ok((asked[6] ?? 0) - (asked[5] ?? 0) > 40);
  assert.deepEqual(space.members.get(wn01)?.view(space.now).silent, [{ factory: wn03, since: start }]);
});

test('a factory that falls silent counts until its facts are too old; its abort stays one', () => {
  const space = new ToySpace();
  three(space);
  const abort = { shutdownMessage: '300 No work', shutdownAt: later(start, -20) };
  space.members.get(wn02)?.publish(ownStatus([typeFacts('lhcb', abort)]), start);
  space.runUntil(later(start, 100));
  space.down.add(wn02);
  const seen = (): string[] =>
    space.members
      .get(wn01)
      ?.view(space.now)
      .peers.filter((p) => p.factory === wn02)
      .map((p) => `${p.runningHs06} ${p.runningMachines} ${p.numBeforeFizzle} ${p.shutdownMessage} ${whole(elapsed(start, p.shutdownAt ?? start))}`) ?? [];
  space.runUntil(later(start, 380));
  assert.deepEqual(seen(), ['31.5 3 1 300 No work -20']);
  space.runUntil(later(start, 420));
  assert.deepEqual(seen(), ['0 0 0 300 No work -20']);
  assert.deepEqual(
    space.members
      .get(wn01)
      ?.view(space.now)
      .silent.map((s) => s.factory),
    [wn02],
  );
  space.runUntil(later(start, 100_000));
  assert.deepEqual(seen(), []);
});

test('after a partition all find each other again within a minute of the first contact', () => {
  let cut = false;
  const space = new ToySpace(0.001, (from, to) => cut && (from === wn01) !== (to === wn01));
  three(space);
  space.runUntil(later(start, 60));
  cut = true;
  space.runUntil(later(start, 7200));
  assert.equal(space.members.get(wn01)?.view(space.now).silent.length, 2);
  cut = false;
  space.runUntil(later(start, 7200 + 760));
  for (const name of names) assert.deepEqual(space.members.get(name)?.view(space.now).silent, [], name);
});

test('loss of every fifth datagram leaves the view whole', () => {
  let n = 0;
  const space = new ToySpace(0.001, () => ++n % 5 === 0);
  three(space);
  space.runUntil(later(start, 3000));
  for (const name of names) assert.equal(space.members.get(name)?.view(space.now).peers.length, 4, name);
});

test('when the clock is set, everything stays as old as it is', () => {
  const space = new ToySpace();
  three(space);
  space.members.get(wn02)?.publish(ownStatus([typeFacts('lhcb', { shutdownMessage: '300 x', shutdownAt: later(start, -100) })]), start);
  space.runUntil(later(start, 5));
  const member = space.members.get(wn01);
  assert.ok(member);
  const next = elapsed(space.now, member.nextTick);
  member.shift(seconds(-3600));
  const now = later(space.now, -3600);
  assert.equal(elapsed(now, member.nextTick), next);
  const abort = member.view(now).peers.find((p) => p.shutdownMessage === '300 x');
  assert.equal(whole(elapsed(abort?.shutdownAt ?? now, now)), 105);
});
