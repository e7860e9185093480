import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { factoryFacts as someFactory } from '../space/testing.ts';
import type { FactoryFacts, MachinetypeFacts, SlotFacts } from '../space/types.ts';
import { instant, seconds } from '../units.ts';
import { cookieFor } from './cookie.ts';
import { readStatus, type Status, statusKind } from './decode.ts';
import { openFactory, openMachines, openMachinetypes, type Sender } from './encode.ts';
import { parseObject } from './json.ts';
import { replyEnding } from './prepared.ts';
import { openQuery, queryKind, readQuery } from './query.ts';

/** Name and datagram of each example. */
const examples = new Map(
  readFileSync(new URL('transcripts/examples.txt', import.meta.url), 'utf8')
    .split('\n\n')
    .filter((part) => !part.startsWith('#'))
    .map((part) => part.trim().split('\n') as [string, string]),
);
const example = (name: string): string => examples.get(name) ?? assert.fail(`no example ${name}`);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const salt = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
const cookie = '717d22cdda2d6cabd8e060f0e4db6ddafd83cffc340a78084e5582db5e6a23b7';
const unix = (s: number) => instant(s * 1000);
const from: Sender = { space: 'vac01.example.com', site: 'EXAMPLE-SITE', factory: 'wn01.example.com', version: 'Vac 03.01', component: 'vacd-responder' };

test('the cookie of the example is the hash of salt and name', () => {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
  assert.equal(cookieFor(salt, 'wn01.example.com', digest), cookie);
});

for (const kind of ['machinetypes', 'machines', 'factories'] as const) {
  test(`our ${kind} query is the example's, and the example is understood`, () => {
    const theirs = example(`query ${kind}`);
    const component = { machinetypes: 'Vac 03.01 vacd-factory', machines: 'Vac 03.01 vac-command', factories: 'Vac 03.01' }[kind];
    assert.equal(`${openQuery(kind, from.space, cookie, component)}}`, theirs);
    const object = parseObject(bytes(theirs));
    assert.ok(object);
    assert.equal(queryKind(object), kind);
    assert.deepEqual(readQuery(kind, object, bytes(theirs)), { kind, cookie: `"${cookie}"`, space: from.space });
  });
}

const lhcb: MachinetypeFacts = {
  machinetype: 'lhcb-prod',
  fqan: '/lhcb/Role=pilot',
  runningHs06: 31.5,
  runningMachines: 3,
  runningProcessors: 3,
  numBeforeFizzle: 1,
  shutdownMessage: '300 No more work available from task queue',
  shutdownAt: unix(1_540_999_880),
  shutdownMachine: 'wn01-07.example.com',
  bytesPerProcessor: 2_147_483_648,
  minWallclock: seconds(9000),
  maxWallclock: seconds(100_000),
  minProcessors: 1,
  maxProcessors: 1,
};
const running: SlotFacts = {
  machine: 'wn01-00.example.com',
  state: 'Running',
  machineModel: 'cernvm3',
  uuid: '3f0c5f2e-6a51-4d6c-9a0e-2f4b7c1d8e90',
  machinetype: 'lhcb-prod',
  fqan: '/lhcb/Role=pilot',
  createdAt: unix(1_540_956_790),
  startedAt: unix(1_540_956_800),
  heartbeatAt: unix(1_540_999_960),
  processors: 1,
  cpuSeconds: seconds(41_210),
  cpuPercent: 97.3,
  hs06: 10.5,
};
const empty: SlotFacts = { machine: 'wn01-01.example.com', state: 'Shut down', processors: 0, cpuSeconds: seconds(0), cpuPercent: 0, hs06: 0 };
const host: FactoryFacts = {
  ...someFactory,
  daemonVersion: 'Vac 03.01',
  kernelVersion: '3.10.0-862.el7.x86_64',
  osIssue: 'CentOS Linux release 7.5.1804 (Core)',
  bootTime: unix(1_539_000_000),
  factoryHeartbeat: unix(1_540_999_960),
  responderHeartbeat: unix(1_541_000_003),
  mjfHeartbeat: unix(1_540_999_990),
  metadataHeartbeat: unix(1_540_999_700),
};

/** Ours, complete, as an object. */
const ours = (open: string | undefined, sentAt: number): object => JSON.parse(`${open}${replyEnding(`"${cookie}"`, sentAt)}}`) as object;
const read = (name: string, receivedAt: number): Status => {
  const object = parseObject(bytes(example(name)));
  const kind = object && statusKind(object);
  assert.ok(kind);
  const status = readStatus(kind, object, unix(receivedAt));
  return 'wrong' in status ? assert.fail(status.wrong) : status;
};

test('our machinetype_status says what the example says, and the example is read', () => {
  assert.deepEqual(ours(openMachinetypes([lhcb, lhcb], from)[0], 1_541_000_000), JSON.parse(example('machinetype_status')));
  const status = read('machinetype_status', 1_541_000_000);
  assert.deepEqual([status.of, status.item, status.cookie, status.factory], [2, 'lhcb-prod', cookie, 'wn01.example.com']);
  assert.deepEqual(status.facts, lhcb);
});

test('our machine_status messages say what the examples say, and the examples are read', () => {
  const slots = [running, empty, ...Array.from({ length: 6 }, () => empty)];
  const [first, second] = openMachines(slots, from);
  assert.deepEqual(ours(first, 1_541_000_002), JSON.parse(example('machine_status running')));
  assert.deepEqual(ours(second, 1_541_000_002), JSON.parse(example('machine_status empty')));
  assert.deepEqual(read('machine_status running', 1_541_000_002).facts, running);
  assert.deepEqual(read('machine_status empty', 1_541_000_002).facts, empty);
});

test('our factory_status says what the example says, and the example is read', () => {
  assert.deepEqual(ours(openFactory(host, from), 1_541_000_003), JSON.parse(example('factory_status')));
  assert.deepEqual(read('factory_status', 1_541_000_003).facts, { ...host, daemonVersion: 'Vac 03.01 vacd-responder' });
});

test('durations on the wire become local time at receipt, however the sender sets its clock', () => {
  const hourLater = read('machinetype_status', 1_541_003_600);
  assert.ok(hourLater.kind === 'machinetypes');
  assert.equal(hourLater.facts.shutdownAt, unix(1_541_003_600 - 120));
});
