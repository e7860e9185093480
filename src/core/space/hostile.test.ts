import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { SpaceKey } from '../vacquery/seal.ts';
import { later, seconds } from '../units.ts';
import { createSpaceMember, type Member } from './member.ts';
import { bytes, emptySlot, ownStatus, settingsOf, space, start, text, toolsOf, ToySpace, toyDigest, typeFacts } from './testing.ts';
import type { Datagram } from './types.ts';

const [own, peer] = ['wn01.example.com', 'wn02.example.com'];
const key = (secret: string): SpaceKey => ({
  fingerprint: toyDigest(secret).slice(0, 8),
  mac: (content) => toyDigest(secret + text(content)).slice(0, 32),
});

/** A member that has asked the one other factory; the question it sent. */
function asking(settings = {}): { member: Member; question: Record<string, unknown> } {
  const member = createSpaceMember(settingsOf(own, [own, peer], settings), toolsOf(1), start);
  member.publish(ownStatus([typeFacts('lhcb')], [emptySlot('wn01-00.example.com')]), start);
  const [sent] = member.tick(start);
  return { member, question: JSON.parse(text(sent?.payload ?? bytes('{}'))) as Record<string, unknown> };
}
const reply = (question: Record<string, unknown>, more: Record<string, unknown> = {}): Uint8Array =>
  bytes(
    JSON.stringify({
      message_type: 'machinetype_status',
      cookie: question['cookie'],
      space,
      factory: peer,
      time_sent: Math.floor(start / 1000),
      num_machinetypes: 1,
      machinetype: 'lhcb',
      running_hs06: 10,
      num_before_fizzle: 0,
      shutdown_message: null,
      shutdown_time: null,
      shutdown_machine: null,
      ...more,
    }),
  );
const from = { host: peer, port: 995 };
const known = (member: Member): number => member.view(start).peers.length;

test('a reply counts only with the cookie of the question, from the factory that was asked, of this space', () => {
  for (const [more, reason] of [
    [{ cookie: 'f'.repeat(64) }, 'unasked'],
    [{ cookie: 7 }, 'unasked'],
    [{ cookie: '0' }, 'unasked'],
    [{ factory: 'wn03.example.com' }, 'misnamed'],
    [{ factory: own }, 'misnamed'],
    [{ factory: peer.toUpperCase() }, 'misnamed'],
    [{ space: 'vac02.example.com' }, 'other_space'],
    [{ message_type: 'factory_status' }, 'misnamed'],
    [{ running_hs06: null }, 'invalid'],
    [{ running_hs06: '10' }, 'invalid'],
  ] as const) {
    const { member, question } = asking();
    member.receive(reply(question, more), from, start);
    assert.equal(known(member), 0, reason);
    assert.equal(member.counters.rejected[reason], 1, `${reason} ${JSON.stringify(member.counters.rejected)}`);
    member.receive(reply(question), from, start);
    assert.equal(known(member), 1, 'the round goes on');
  }
});

test('a factory that answers under another name is told by that name', () => {
  const { member, question } = asking();
  member.receive(reply(question, { factory: 'WN02.example.com' }), from, start);
  assert.equal(member.report(start).factories[0]?.why, 'not the factory that was asked: answers as WN02.example.com');
});

test('thousands of machinetypes are believed up to a limit', () => {
  const { member, question } = asking();
  for (let i = 0; i < 3000; i++) member.receive(reply(question, { num_machinetypes: 3000, machinetype: `type-${i}` }), from, start);
  assert.equal(known(member), 256);
  assert.ok(member.counters.lies > 0);
});

test('a liar about its power is cut, and counted', () => {
  const { member, question } = asking();
  member.receive(reply(question, { running_hs06: 1e300 }), from, start);
  assert.equal(member.view(start).peers[0]?.runningHs06, 1e6);
  assert.equal(member.counters.lies, 1);
});

test('no datagram makes a member throw, and none but a fitting reply changes its view', () => {
  const { member, question } = asking();
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(space, peer, own, 'machinetype_status', 'machines_query', '0'));
  const object = fc.dictionary(
    fc.constantFrom('message_type', 'method', 'space', 'factory', 'cookie', 'machinetype', 'running_hs06', 'vacua_key', 'vacua_nonce'),
    value,
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 100 }),
        object.map((o) => bytes(JSON.stringify(o))),
      ),
      (payload) => {
        member.receive(payload, from, start);
        assert.equal(known(member), 0);
      },
    ),
    { numRuns: 1000 },
  );
  assert.equal(typeof question['cookie'], 'string');
});

test('a stranger is never sent more than it sent, however it asks', () => {
  const member = createSpaceMember(settingsOf(own, [own, peer]), toolsOf(1), start);
  member.publish(
    ownStatus(
      Array.from({ length: 20 }, (_, i) => typeFacts(`type-${i}`)),
      Array.from({ length: 64 }, (_, i) => emptySlot(`wn01-${i}.example.com`)),
    ),
    start,
  );
  const size = (datagrams: readonly Datagram[]): number => datagrams.reduce((sum, { payload }) => sum + payload.length, 0);
  // Over all runs: a source keeps what it has saved up.
  const [sent, got] = [new Map<string, number>(), new Map<string, number>()];
  const add = (to: Map<string, number>, host: string, n: number): unknown => to.set(host, (to.get(host) ?? 0) + n);
  let answers = 0;
  fc.assert(
    fc.property(fc.constantFrom('machines', 'machinetypes', 'factories', 'status'), fc.nat(1300), fc.nat(3), (method, padding, host) => {
      const source = `198.51.100.${host}`;
      const query = bytes(JSON.stringify({ method, space, cookie: 'c', pad: 'x'.repeat(padding) }));
      const answer = member.receive(query, { host: source, port: 53 }, start);
      answers += answer.length;
      add(sent, source, query.length);
      add(got, source, size(answer));
      assert.ok((got.get(source) ?? 0) <= (sent.get(source) ?? 0));
    }),
    { numRuns: 1000 },
  );
  assert.ok(answers > 0, 'who sends enough is answered');
});

test('a factory gets full answers, but not a flood of them', () => {
  const { member } = asking();
  const ask = (): number => member.receive(bytes(JSON.stringify({ message_type: 'machinetypes_query', space, cookie: 'c' })), from, start).length;
  assert.equal(ask(), 1);
  let answered = 0;
  for (let i = 0; i < 10_000; i++) answered += ask();
  assert.ok(answered < 2600, `${answered} answers in one moment`);
  assert.ok((member.counters.rejected.limited ?? 0) > 7000);
});

test('with a key: signed messages are believed once, unsigned, foreign and changed ones are counted', () => {
  const ours = key('ours');
  const world = new ToySpace();
  const [one, two] = [own, peer].map((name) => world.join(name, [own, peer], { keys: [ours] }));
  assert.ok(one && two);
  for (const member of [one, two]) member.publish(ownStatus([typeFacts('lhcb')]), start);
  world.runUntil(later(start, 5));
  assert.equal(one.view(world.now).peers.length, 1);
  const question = world.log.find((d) => d.from === peer && d.text.includes('machinetypes_query'))?.text ?? '';
  assert.ok(question.length < 1024, 'a Vac reads 1024 bytes');
  assert.deepEqual(one.receive(bytes(question), from, world.now), [], 'a replay is not answered');
  assert.equal(one.counters.rejected.replayed, 1);
  one.receive(bytes(question.replace('machinetypes', 'machines')), from, world.now);
  assert.equal(one.counters.rejected.forged, 1);
  one.receive(bytes(JSON.stringify({ method: 'machines', space, cookie: 'c' })), from, world.now);
  assert.equal(one.counters.rejected.unsigned, 1);
  const other = createSpaceMember(settingsOf(peer, [own, peer], { keys: [key('theirs')] }), toolsOf(9), world.now);
  one.receive(other.tick(world.now)[0]?.payload ?? bytes(''), from, world.now);
  assert.equal(one.report(world.now).factories[0]?.why, `signed with another key: key ${key('theirs').fingerprint}`);
});

test('pushed changes are seen within a second, only where all sign, and never by going back in time', () => {
  const world = new ToySpace();
  const settings = { keys: [key('ours')], push: true };
  const [one, two] = [own, peer].map((name) => world.join(name, [own, peer], settings));
  assert.ok(one && two);
  for (const member of [one, two]) member.publish(ownStatus([typeFacts('lhcb', { runningMachines: 3 })]), start);
  world.runUntil(later(start, 5));
  const seen = (): number | undefined => one.view(world.now).peers[0]?.runningMachines;
  for (const n of [4, 5]) {
    two.publish(ownStatus([typeFacts('lhcb', { runningMachines: n })]), world.now);
    world.runUntil(later(world.now, 1));
    assert.equal(seen(), n);
  }
  const pushes = world.log.filter((d) => d.from === peer && d.text.includes('"cookie": "0"'));
  assert.equal(pushes.length, 2);
  one.receive(bytes(pushes[0]?.text ?? ''), from, world.now);
  assert.equal(seen(), 5, 'an old push is not believed again');
  assert.equal(one.counters.rejected.replayed, 1);
});

test('without a key nothing is pushed, and nothing has keys that a Vac does not know', () => {
  const world = new ToySpace();
  const [one, two] = [own, peer].map((name) => world.join(name, [own, peer], { push: true }));
  for (const n of [1, 2]) {
    for (const member of [one, two]) member?.publish(ownStatus([typeFacts('lhcb', { runningMachines: n })]), world.now);
    world.runUntil(later(world.now, 40));
  }
  assert.equal(world.log.filter((d) => d.text.includes('vacua') || d.text.includes('"cookie": "0"')).length, 0);
});

test('an announcement is believed of this space only, and never of this factory itself', () => {
  const member = createSpaceMember(settingsOf(own, []), toolsOf(1), start);
  const other = createSpaceMember(settingsOf(peer, []), toolsOf(2), start);
  const at = { host: '192.0.2.7', port: 9955 };
  assert.deepEqual(member.announced(other.announcement(995), at, start), { factory: peer, endpoint: { host: '192.0.2.7', port: 995 } });
  assert.equal(member.announced(member.announcement(995), at, start), undefined);
  const foreign = createSpaceMember(settingsOf(peer, [], { space: 'vac02.example.com' }), toolsOf(3), start);
  assert.equal(member.announced(foreign.announcement(995), at, start), undefined);
  for (const bad of [
    '',
    '7',
    '{"message_type":"vacua_announcement"}',
    `{"message_type":"vacua_announcement","space":"${space}","factory":"A b","vacua_port":-1}`,
  ]) {
    assert.equal(member.announced(bytes(bad), at, start), undefined);
  }
  assert.deepEqual({ ...member.counters.rejected, unasked: 0 }, { ...member.counters.rejected, other_space: 2, garbled: 2, invalid: 1 });
});

test('in a space of thirty, one datagram lost of a hundred leaves nobody unknown', () => {
  let n = 0;
  const world = new ToySpace(0.001, () => ++n % 100 === 0);
  const names = Array.from({ length: 30 }, (_, i) => `wn${i}.example.com`);
  for (const name of names) world.join(name, names, { refresh: seconds(30) }).publish(ownStatus([typeFacts('lhcb')]), start);
  world.runUntil(later(start, 10));
  for (const [name, member] of world.members) assert.equal(member.view(world.now).peers.length, 29, name);
});
