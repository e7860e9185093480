import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { jwtVerify } from 'jose';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Configuration } from '../../core/settings.ts';
import { neutralMachinetype, neutralSettings } from '../../core/situation/neutral.ts';
import { later } from '../../core/units.ts';
import { TestClock } from '../images/test-world.ts';
import { DemandWatch } from './demand-watch.ts';

const privateKey = generateKeyPairSync('ed25519').privateKey;

interface Stage {
  readonly clock: TestClock;
  readonly watch: DemandWatch;
  readonly requests: IncomingMessage[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  configured(...types: readonly Partial<Machinetype>[]): Configuration;
  /** Resolves at the next change that the watch tells. */
  changed(): Promise<void>;
}

const counts = (environments: object, unbound: object = { waiting: 0, running: 0 }, tenant = 'red'): string =>
  JSON.stringify({ tenant, environments, unbound });

async function staged(t: TestContext): Promise<Stage> {
  const filesDir = await mkdtemp(join(tmpdir(), 'vacua-demand-'));
  await writeFile(join(filesDir, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    stage.answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const clock = new TestClock();
  let tell = (): void => undefined;
  const watch = new DemandWatch({ clock, onChange: () => tell() });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/demand`;
  const stage: Stage = {
    clock,
    watch,
    requests,
    answer: (_request, response) => void response.end(counts({})),
    configured: (...types) => ({
      settings: { ...neutralSettings, factoryName: 'wn01.example.com' },
      machinetypes: new Map(
        types.map((type, i) => {
          const whole = { ...neutralMachinetype, name: `t${i}`, targetShare: 1, filesDir, tenant: 'red', queueTokenKey: 'key.pem', demand: { url }, ...type };
          return [whole.name, whole];
        }),
      ),
      pipes: [],
      digest: '',
    }),
    changed: () => new Promise((resolve) => (tell = resolve)),
  };
  t.after(async () => {
    await watch.close();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await rm(filesDir, { recursive: true, force: true });
  });
  return stage;
}

test('one question serves all machinetypes of a tenant, and shows a token of its key', async (t) => {
  const stage = await staged(t);
  stage.answer = (_request, response) =>
    void response.end(counts({ sl6: { waiting: 3, running: 1 }, other: { waiting: 9, running: 9 } }, { waiting: 2, running: 0 }));
  const configuration = stage.configured({ environments: ['sl6'] }, {}, { demand: undefined as never });
  assert.deepEqual(stage.watch.demand(configuration), new Map(), 'nothing is known before the first answer');
  const changed = stage.changed();
  stage.watch.want(configuration);
  await changed;
  const at = stage.clock.wall();
  assert.deepEqual(
    stage.watch.demand(configuration),
    new Map([
      ['t0', { waiting: 3, running: 1, at }],
      ['t1', { waiting: 2, running: 0, at }],
    ]),
  );
  assert.equal(stage.requests.length, 1);
  const token = stage.requests[0]?.headers.authorization?.replace('Bearer ', '') ?? '';
  const { payload } = await jwtVerify(token, createPublicKey(privateKey), { audience: 'vacua-demand', currentDate: new Date(at) });
  assert.deepEqual([payload['tenant'], payload.sub], ['red', 'wn01.example.com']);
});

test('a queue is asked every 5 s, and an unchanged answer is confirmed without a body', async (t) => {
  const stage = await staged(t);
  stage.answer = (request, response) => {
    if (request.headers['if-none-match'] === '"1"') response.writeHead(304, { etag: '"1"' }).end();
    else response.writeHead(200, { etag: '"1"' }).end(counts({}, { waiting: 1, running: 0 }));
  };
  const configuration = stage.configured({});
  const changed = stage.changed();
  stage.watch.want(configuration);
  await changed;
  for (const expected of [1, 2, 3]) {
    await stage.clock.advance(4.9);
    assert.equal(stage.requests.length, expected);
    await stage.clock.advance(0.1);
    while (stage.requests.length === expected) await new Promise((next) => setImmediate(next));
  }
  await stage.clock.advance(0);
  assert.deepEqual(stage.watch.demand(configuration)?.get('t0'), { waiting: 1, running: 0, at: stage.clock.wall() });
});

test('a failure leaves the last answer in force for 120 s, and is then the answer, with its reason', async (t) => {
  const stage = await staged(t);
  let [broken, text] = [false, counts({}, { waiting: 1, running: 0 })];
  stage.answer = (_request, response) => (broken ? void response.writeHead(503).end() : void response.end(text));
  const configuration = stage.configured({});
  const first = stage.changed();
  stage.watch.want(configuration);
  await first;
  const answered = stage.clock.wall();
  broken = true;
  const failed = stage.changed();
  await stage.clock.advance(5);
  await failed;
  assert.deepEqual(stage.watch.demand(configuration)?.get('t0'), { waiting: 1, running: 0, at: answered });
  for (const pause of [10, 20, 40, 46]) await stage.clock.advance(pause);
  assert.deepEqual(stage.watch.demand(configuration)?.get('t0'), {
    unknownSince: later(answered, 5),
    why: 'demand_url: the queue answers with status 503; valid: 200',
  });
  broken = false;
  text = counts({}, { waiting: 7, running: 0 });
  const again = stage.changed();
  await stage.clock.advance(14);
  await again;
  assert.deepEqual(stage.watch.demand(configuration)?.get('t0'), { waiting: 7, running: 0, at: stage.clock.wall() });
});

test('an answer that is not of the documented form is a failure', async (t) => {
  const bodies: [string, RegExp][] = [
    ['<html>', /the answer is not JSON/],
    [counts({ a: { waiting: -1, running: 0 } }), /no usable environments\.a\.waiting/],
    [counts({}, { waiting: 1, running: 0 }, 'blue'), /answers for the tenant "blue"; valid: red/],
    ['{}', /no usable tenant/],
    [`"${'x'.repeat(1024 ** 2)}"`, /at most 1048576/],
  ];
  for (const [body, wanted] of bodies) {
    const stage = await staged(t);
    stage.answer = (_request, response) => void response.end(body);
    const configuration = stage.configured({});
    const changed = stage.changed();
    stage.watch.want(configuration);
    await changed;
    const fact = stage.watch.demand(configuration)?.get('t0');
    assert.ok(fact !== undefined && 'why' in fact);
    assert.match(fact.why, wanted);
  }
});

test('a token is not carried to another server, and a key that cannot be read is named', async (t) => {
  const stage = await staged(t);
  stage.answer = (_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/demand' }).end();
  for (const [type, wanted] of [
    [{}, /redirect/],
    [{ queueTokenKey: 'none.pem' }, /^queue_token_key: .*none\.pem: ENOENT/],
  ] as const) {
    const configuration = stage.configured(type);
    const changed = stage.changed();
    stage.watch.want(configuration);
    await changed;
    const fact = stage.watch.demand(configuration)?.get('t0');
    assert.match(fact !== undefined && 'why' in fact ? fact.why : '', wanted);
  }
  assert.equal(stage.requests.length, 1);
});

test('a machinetype that leaves the configuration is no longer asked for', async (t) => {
  const stage = await staged(t);
  const configuration = stage.configured({});
  const changed = stage.changed();
  stage.watch.want(configuration);
  await changed;
  stage.watch.want(stage.configured());
  assert.equal(stage.watch.demand(stage.configured()), undefined);
  stage.clock.advanceIdle(10);
  await stage.watch.close();
  assert.equal(stage.requests.length, 1);
});
