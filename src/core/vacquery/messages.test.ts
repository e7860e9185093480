import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { bytes, factoryFacts, ownStatus, start, typeFacts } from '../space/testing.ts';
import type { MachinetypeFacts } from '../space/types.ts';
import { later } from '../units.ts';
import { readStatus, statusKind } from './decode.ts';
import { openEarlyStatuses, openFactory, openMachinetypes, type Sender } from './encode.ts';
import { parseObject } from './json.ts';
import { hs06PerClaim, messageBytes } from './limits.ts';
import { replyEnding } from './prepared.ts';
import { queryKind, readQuery } from './query.ts';

const sender: Sender = { space: 'vac01.example.com', site: 'EXAMPLE-SITE', factory: 'wn01.example.com', version: 'Vacua 0.1.0', component: 'vacd-responder' };
const cookie = 'c'.repeat(64);
const sentAt = Math.floor(start / 1000);
const closed = (open: string): string => `${open}${replyEnding(`"${cookie}"`, sentAt)}}`;

const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z0-9]$/);
const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.constant(`300 ${'x'.repeat(5000)}`), fc.constant('300 first\nsecond'));
const anyNumber = fc.oneof(fc.nat(10_000), fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1));
const anyFacts = fc
  .record({ machinetype: label, fqan: anyText, runningHs06: anyNumber, runningMachines: anyNumber, shutdownMessage: anyText, shutdownAgo: fc.nat(1e6) })
  .map(({ shutdownAgo, ...f }): MachinetypeFacts => typeFacts(f.machinetype, { ...f, shutdownAt: later(start, -shutdownAgo) }));

test('every message is ASCII, valid JSON and below 1400 bytes, whatever machines and hosts say', () => {
  fc.assert(
    fc.property(fc.array(anyFacts, { maxLength: 20 }), anyText, (types, said) => {
      const own = ownStatus(types, [
        { machine: 'wn01-00.example.com', state: 'Starting', processors: 1, cpuSeconds: Number.NaN as never, cpuPercent: 0, hs06: 1 },
      ]);
      const factory = openFactory({ ...factoryFacts, osIssue: said, kernelVersion: said, site: said, daemonVersion: said }, { ...sender, site: said });
      for (const open of [...openMachinetypes(types, sender), ...openEarlyStatuses(own, sender), factory]) {
        const text = closed(open);
        assert.match(text, /^[ -~]*$/);
        assert.ok(text.length < messageBytes, `${text.length} bytes`);
        JSON.parse(text);
      }
    }),
    { numRuns: 200 },
  );
});

test('the two numbers that a Vac needs are never null; a message has one line of at most 200 characters', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const [open = ''] = openMachinetypes([facts], sender);
      const told = JSON.parse(closed(open)) as Record<string, unknown>;
      assert.equal(typeof told['running_hs06'], 'number');
      assert.equal(typeof told['num_before_fizzle'], 'number');
      const said = told['shutdown_message'];
      assert.ok(said === null || (typeof said === 'string' && /^[ -~]{1,200}$/.test(said)), String(said));
    }),
  );
});

test('what is told is what is read', () => {
  const whole = typeFacts('lhcb', {
    runningHs06: 12.25,
    shutdownMessage: '400 Banned',
    shutdownAt: later(start, -50),
    shutdownMachine: 'wn01-03.example.com',
    usage: 7.5,
  });
  const object = parseObject(bytes(closed(openMachinetypes([whole], sender)[0] ?? '')));
  assert.ok(object);
  const status = readStatus('machinetypes', object, start);
  assert.deepEqual('facts' in status && status.facts, whole);
});

const valid = JSON.parse(closed(openMachinetypes([typeFacts('lhcb')], sender)[0] ?? '')) as Record<string, unknown>;
const changed = (change: Record<string, unknown>) => readStatus('machinetypes', { ...valid, ...change }, start);

test('null is the same as absent; another type makes the message invalid and names the key', () => {
  const { running_machines: _, ...without } = valid;
  assert.deepEqual(changed({ running_machines: null }), readStatus('machinetypes', without, start));
  for (const [key, value, words] of [
    ['running_hs06', null, 'running_hs06 is missing'],
    ['running_hs06', '31.5', 'running_hs06 is not a number'],
    ['num_before_fizzle', '1', 'num_before_fizzle is not a number'],
    ['num_machinetypes', 2.5, 'num_machinetypes is not a whole number'],
    ['shutdown_time', '1541000000', 'shutdown_time is not a number'],
    ['shutdown_message', 300, 'shutdown_message is not a string'],
    ['machinetype', 'a b', 'machinetype is not a name'],
    ['machinetype', { a: 1 }, 'machinetype is not a string'],
    ['factory', 'wn01\u001b[2J', 'factory is not a name'],
  ] as const) {
    assert.deepEqual(changed({ [key]: value }), { wrong: words });
  }
});

test('what a Vac leaves out or writes in its own way is understood', () => {
  const old = {
    ...valid,
    running_processors: undefined,
    running_cpus: 8.0,
    min_processors: undefined,
    shutdown_message: '300 first\r\nsecond',
    shutdown_time: sentAt - 10,
    unknown: [1],
  };
  const status = readStatus('machinetypes', old, start);
  assert.ok('facts' in status && status.kind === 'machinetypes');
  assert.equal(status.facts.runningProcessors, 8);
  assert.equal(status.facts.shutdownMessage, '300 first');
  assert.equal(status.facts.shutdownAt, later(start, -10));
});

test('a number that cannot be true is cut to what can, and noted', () => {
  const status = changed({ running_hs06: -5, num_before_fizzle: 1e300, shutdown_time: sentAt + 1e9, shutdown_message: '300 x' });
  assert.ok('facts' in status && status.kind === 'machinetypes');
  assert.equal(status.facts.runningHs06, 0);
  assert.equal(status.facts.shutdownAt, start, 'the future is now');
  assert.deepEqual(status.lies, ['running_hs06', 'num_before_fizzle', 'shutdown_time']);
  const more = changed({ running_hs06: 1e300 });
  assert.equal('facts' in more && more.kind === 'machinetypes' && more.facts.runningHs06, hs06PerClaim);
});

test('no datagram makes reading throw', () => {
  const keys = [...Object.keys(valid), 'num_machines', 'machine', 'state', 'method', '__proto__', 'constructor'];
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom('machine_status', 'machinetype_status', 'factory_status', 'machines_query', 1e308, -1e308, 8.5));
  const object = fc.dictionary(fc.constantFrom(...keys), value).map((o) => ({ ...(o['factory'] === undefined ? valid : {}), ...o }));
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map(bytes),
    object.map((o) => bytes(JSON.stringify(o))),
  );
  fc.assert(
    fc.property(payload, (datagram) => {
      const parsed = parseObject(datagram);
      if (!parsed) return;
      for (const kind of ['machinetypes', 'machines', 'factories'] as const) {
        const status = readStatus(kind, parsed, start);
        if ('facts' in status) assert.ok(JSON.stringify(status).length < 10_000);
      }
      statusKind(parsed);
      const kind = queryKind(parsed);
      if (kind) readQuery(kind, parsed, datagram);
    }),
    { numRuns: 500 },
  );
});

test('a cookie goes back as it came, whatever it is', () => {
  for (const cookie of ['"abc"', '7', '12345678901234567890', '1e400', '-0.0', 'null', 'true', '[1, {"a": 10000000000000000001}]', '"caf\\u00e9"']) {
    const payload = bytes(`{"method": "machines", "space": "s", "cookie": ${cookie}}`);
    const object = parseObject(payload);
    assert.ok(object);
    const query = readQuery('machines', object, payload);
    assert.equal(query?.cookie, cookie.replaceAll(', ', ',').replaceAll(': ', ':'));
  }
});

test('either key names the question, in the order of the reference; the early status query is known', () => {
  assert.equal(queryKind({ method: 'factories', message_type: 'machinetypes_query' }), 'machinetypes');
  assert.equal(queryKind({ method: 'machines' }), 'machines');
  assert.equal(queryKind({ message_type: 'factory_query' }), 'factories');
  assert.equal(queryKind({ method: 'status' }), 'status');
  assert.equal(queryKind({ method: 'totals', message_type: 7 }), undefined);
});

test('the early status query: one message per machine with the last outcome of every type inside', () => {
  const ended = { shutdownMessage: '300 No work', shutdownAt: later(start, -60) };
  const own = ownStatus(
    [typeFacts('lhcb', ended), typeFacts('atlas')],
    [{ machine: 'm', state: 'Running', machinetype: 'lhcb', processors: 1, cpuSeconds: 0 as never, cpuPercent: 0, hs06: 1 }],
  );
  const told = JSON.parse(closed(openEarlyStatuses(own, sender)[0] ?? '')) as Record<string, unknown>;
  assert.deepEqual(
    [told['state'], told['machinetype'], told['outcomes']],
    ['Running', 'lhcb', { lhcb: { shutdown_message: '300 No work', shutdown_time: sentAt - 60 } }],
  );
});
