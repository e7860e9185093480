import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { exportJWK, SignJWT } from 'jose';
import type { JobStore, StoreErrorCode } from '../store.ts';
import { StoreError } from '../store.ts';
import { SqliteStore } from '../store/sqlite-store.ts';
import { TestDirectory } from '../testing.ts';
import { routes } from './app.ts';
import type { JobDocument } from './schema.ts';
import { facts, jdl, type TestQueue, testQueue } from './testing.ts';

const simple = 'Executable = "/bin/true";';
type Body = Record<string, unknown> & { readonly id: string; readonly detail: string; readonly problems: Record<string, unknown>[] };
const json = async (answer: Response): Promise<Body> => (await answer.json()) as Body;
const act = (queue: TestQueue, id: string, action: object, token = queue.tokens.ann): Promise<Response> =>
  queue.ask('POST', `/jobs/${id}/actions`, { token, type: 'application/json', body: JSON.stringify(action) });

it('every problem of a job description is told with its place, and no job is made', async () => {
  await using queue = await testQueue();
  const problems = async (text: string) => {
    const answer = await queue.ask('POST', '/jobs', { ...jdl(text), token: queue.tokens.ann });
    assert.equal(answer.status, 400);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
    const body = await json(answer);
    assert.equal(body['code'], 'bad_description');
    return body.problems.map(({ attribute, line, column, text: what }) => `${line}:${column} ${attribute}: ${what}`);
  };
  assert.match((await problems('Arguments = "x";')).join(), /Executable: is missing/);
  assert.match((await problems('Executable = "/bin/a";\nInputSandbox = {"a/x",\n  "b/x"};')).join(), /^3:3 InputSandbox: two files have the base name x/);
  const lists = 'Executable = "/bin/a";\nOutputSandbox = {"a", "b"};\nOutputSandboxDestURI = {"gsiftp://localhost/a"};';
  assert.match((await problems(lists)).join(), /^3:\d+ OutputSandboxDestURI: 1 destinations for 2 files/);
  assert.match((await problems('Executable = "/bin/a";\nRequirements = nosuch(1);')).join(), /^2:\d+ Requirements: .*nosuch/);
  assert.match((await problems('Executable = ')).join(), /^1:\d+ /);
  assert.match((await problems('Executable = "/bin/a"; InputSandbox = "https://example.org/x";')).join(), /fetches nothing/);
  for (const name of ['../x', 'a\\nb', '..', '.hidden']) {
    assert.ok((await problems(`Executable = "/bin/a"; OutputSandbox = {"${name}"}; OutputSandboxBaseDestURI = "gsiftp://localhost";`)).length > 0, name);
  }
  const bulk = await queue.ask('POST', '/jobs', {
    token: queue.tokens.ann,
    type: 'application/json',
    body: JSON.stringify([simple, { Arguments: 'x' }, simple]),
  });
  assert.deepEqual([bulk.status, (await json(bulk)).problems[0]?.['job']], [400, 1]);
  assert.deepEqual((await json(await queue.ask('GET', '/jobs', { token: queue.tokens.ann })))['jobs'], []);
});

it('a description that is too long to be kept is refused, however it is written', async () => {
  await using queue = await testQueue();
  const { ann: token } = queue.tokens;
  const long = 'x'.repeat(131_072);
  for (const [type, body] of [
    ['application/vnd.jdl', `Executable = "/bin/a"; Arguments = "${long}";`],
    ['application/json', JSON.stringify({ Executable: '/bin/a', Arguments: long })],
    ['application/json', JSON.stringify([{ Executable: '/bin/a', Whatever: long }])],
    ['application/x-ndjson', JSON.stringify(`Executable = "/bin/a"; Requirements = "${long}" == "y";`)],
  ] as const) {
    const answer = await queue.ask('POST', '/jobs', { token, type, body });
    assert.equal(answer.status, 400);
    assert.match((await json(answer)).problems[0]?.['text'] as string, /^the description has 131\d{3} characters; valid: at most 131072$/);
  }
  const several = await queue.ask('POST', '/jobs', { token, type: 'application/json', body: JSON.stringify(Array(1000).fill(simple)) });
  assert.equal(((await json(several))['ids'] as string[]).length, 1000);
});

it('jobs come as JDL, as JSON of the same attributes, or many at once; the same key makes none twice', async () => {
  await using queue = await testQueue();
  const { ann: token } = queue.tokens;
  const one = await queue.ask('POST', '/jobs', { token, type: 'application/json', body: JSON.stringify({ Executable: '/bin/true', CpuNumber: 2 }) });
  assert.equal(one.headers.get('location'), `/jobs/${(await json(one.clone())).id}`);
  assert.equal(((await one.json()) as JobDocument).spec.processors, 2);
  const lines = [simple, simple, { Executable: '/bin/false' }].map((item) => JSON.stringify(item)).join('\n');
  const submit = async (): Promise<unknown> =>
    (await json(await queue.ask('POST', '/jobs', { token, type: 'application/x-ndjson', body: lines, headers: { 'idempotency-key': 'k' } })))['ids'];
  const ids = (await submit()) as string[];
  assert.equal(ids.length, 3);
  assert.deepEqual(await submit(), ids);
  const { jobs, next } = await json(await queue.ask('GET', '/jobs?limit=3', { token }));
  assert.deepEqual([(jobs as unknown[]).length, next], [3, ids[1]]);
  const rest = await json(await queue.ask('GET', `/jobs?limit=3&after=${next as string}`, { token }));
  assert.deepEqual(
    (rest['jobs'] as JobDocument[]).map(({ id }) => id),
    [ids[2]],
  );
  for (const query of ['limit=0', 'limit=x', 'state=NONE', 'since=never', 'after=..%2f'])
    assert.equal((await queue.ask('GET', `/jobs?${query}`, { token })).status, 400, query);
  assert.equal((await queue.ask('POST', '/jobs', { token, type: 'image/png', body: 'x' })).status, 415);
  assert.equal((await queue.ask('POST', '/jobs', { token, type: 'application/json', body: '{' })).status, 400);
});

it('a tenant, and an owner, sees its own jobs and no others; an administrator sees all', async () => {
  await using queue = await testQueue();
  const { id } = await json(await queue.ask('POST', '/jobs', { ...jdl(simple), token: queue.tokens.ann }));
  for (const token of [queue.tokens.bob, queue.tokens.amy]) {
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/history'],
      ['GET', '/log'],
      ['GET', '/output'],
      ['GET', '/output/x'],
      ['PUT', '/input/x'],
    ] as const) {
      const answer = await queue.ask(method, `/jobs/${id}${path}`, { token, ...(method === 'PUT' && { body: 'x' }) });
      assert.equal(answer.status, 404, `${method} ${path}`);
      assert.equal(
        (await json(answer)).detail,
        (await json(await queue.ask('GET', '/jobs/00000000000000000000', { token }))).detail.replace('0'.repeat(20), id),
        'as if it did not exist',
      );
    }
    assert.equal((await act(queue, id, { action: 'cancel' }, token)).status, 404);
    assert.deepEqual((await json(await queue.ask('GET', '/jobs?owner=ann&vo=red', { token })))['jobs'], []);
  }
  assert.equal((await queue.ask('GET', `/jobs/${id}`, { token: queue.tokens.root })).status, 200);
  assert.equal(((await json(await queue.ask('GET', '/jobs?owner=ann', { token: queue.tokens.root })))['jobs'] as unknown[]).length, 1);
  const several = await queue.ask('POST', '/jobs', { ...jdl(simple), token: queue.tokens.root });
  assert.match((await json(several)).detail, /several tenants; name one of them with tenant=: blue, red/);
  assert.equal((await queue.ask('POST', '/jobs?tenant=blue', { ...jdl(simple), token: queue.tokens.root })).status, 201);
  assert.equal((await queue.ask('POST', '/jobs?tenant=blue', { ...jdl(simple), token: queue.tokens.ann })).status, 403);
  for (const token of [undefined, 'wrong', `${queue.tokens.ann}x`]) {
    const answer = await queue.ask('GET', '/jobs', token === undefined ? {} : { token });
    assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, 'Bearer']);
  }
  assert.equal((await queue.ask('GET', '/metrics', { token: queue.tokens.ann })).status, 403);
  assert.match(
    await (await queue.ask('GET', '/metrics', { token: queue.tokens.root })).text(),
    /vacua_queue_jobs\{tenant="red",state="PROCESSING-QUEUED"\} 1\n/,
  );
});

it('users show tokens of the configured issuer', async () => {
  using directory = new TestDirectory();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = join(directory.path, 'jwks.json');
  writeFileSync(file, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'k' }] }));
  const conf = `issuer = https://login.example.org\njwks_file = ${file}\naudience = jobs\ntenant_claim = wlcg.groups\nadministrators = boss\n[tenant red]\nusers = eve`;
  await using queue = await testQueue({ conf });
  const now = Math.floor(queue.clock.now() / 1000);
  const token = (claims: object, key = privateKey, alg = 'ES256'): Promise<string> =>
    new SignJWT({ iss: 'https://login.example.org', aud: 'jobs', sub: 'carol', exp: now + 600, 'wlcg.groups': ['/red'], ...claims })
      .setProtectedHeader({ alg, kid: 'k' })
      .sign(key);
  const status = async (t: Promise<string>): Promise<number> => (await queue.ask('POST', '/jobs', { ...jdl(simple), token: await t })).status;
  assert.equal(await status(token({})), 201);
  assert.equal(await status(token({ aud: ['other', 'jobs'] })), 201);
  assert.equal(await status(token({ sub: 'eve', 'wlcg.groups': [] })), 201, 'a member by name');
  assert.equal(await status(token({ 'wlcg.groups': ['/green'] })), 403);
  assert.equal(await status(token({ 'wlcg.groups': 7 })), 403);
  assert.equal(await status(token({ exp: now - 61 })), 401);
  assert.equal(await status(token({ exp: now - 30 })), 201, 'clocks differ');
  assert.equal(await status(token({ iss: 'https://evil.example.org' })), 401);
  assert.equal(await status(token({ aud: 'vacua-queue' })), 401);
  assert.equal(await status(token({ sub: '' })), 401);
  assert.equal(await status(token({}, other.privateKey)), 401);
  assert.equal((await queue.ask('GET', '/metrics', { token: await token({ sub: 'boss' }) })).status, 200);
});

it('an issuer whose keys cannot be had is no fault of the user', async () => {
  const conf = 'issuer = https://login.example.org\njwks_url = http://127.0.0.1:9/keys';
  await using queue = await testQueue({ conf });
  const { privateKey } = generateKeyPairSync('ed25519');
  const token = await new SignJWT({ sub: 'x' }).setProtectedHeader({ alg: 'EdDSA', kid: 'k' }).setExpirationTime('1h').sign(privateKey);
  const answer = await queue.ask('GET', '/jobs', { token });
  assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '10']);
});

it('files have flat names and a place in the description, and their sizes have limits', async () => {
  await using queue = await testQueue({ conf: 'file_max_mb = 0.001\njob_max_mb = 0.0015\nowner_max_mb = 0.0024' });
  const { ann: token } = queue.tokens;
  const { id } = await json(await queue.ask('POST', '/jobs', { ...jdl('Executable = "a"; InputSandbox = {"a", "b"};'), token }));
  const put = async (name: string, size: number): Promise<number> =>
    (await queue.ask('PUT', `/jobs/${id}/input/${name}`, { token, body: 'x'.repeat(size) })).status;
  for (const name of ['%2e%2e', '..%2f..%2fetc%2fpasswd', 'a%00', 'a%0ab', '.a', 'a%2fb', '%252e%252e', 'x'.repeat(200)]) {
    const status = await put(name, 1);
    assert.ok(status === 400 || status === 404, `${name}: ${status}`);
    const got = (await queue.ask('GET', `/jobs/${id}/output/${name}`, { token })).status;
    assert.ok(got === 400 || got === 404, name);
  }
  assert.equal(await put('c', 1), 404);
  assert.equal(await put('a', 1050), 413);
  assert.equal(await put('a', 1000), 201);
  assert.equal(await put('b', 600), 413, 'more than one job may have');
  assert.equal(await put('b', 500), 201);
  const huge = await queue.ask('PUT', `/jobs/${id}/input/a`, { token, body: 'x', headers: { 'content-length': '1000000000' } });
  assert.deepEqual([huge.status, huge.headers.get('connection')], [413, 'close']);
  const second = await json(await queue.ask('POST', '/jobs', { ...jdl('Executable = "a"; InputSandbox = "a";'), token }));
  const full = await queue.ask('PUT', `/jobs/${second.id}/input/a`, { token, body: 'x'.repeat(1048) });
  assert.match((await json(full)).detail, /your jobs would keep more than/);
  assert.equal((await act(queue, id, { action: 'start' })).status, 200);
  assert.equal(await put('a', 1), 409);
  assert.equal((await queue.ask('DELETE', `/jobs/${id}/input/a`, { token })).status, 409);
  assert.equal(await (await queue.ask('GET', `/jobs/${id}/input/b`, { token })).text(), 'x'.repeat(500));
});

it('actions do what the states of a job allow; files of one job serve for many', async () => {
  await using queue = await testQueue();
  const { ann: token } = queue.tokens;
  const text = 'Executable = "a"; InputSandbox = "a";';
  const lines = Array.from({ length: 50 }, () => JSON.stringify(text)).join('\n');
  const { ids } = (await json(await queue.ask('POST', '/jobs', { token, type: 'application/x-ndjson', body: lines }))) as unknown as { ids: string[] };
  const [first = '', ...rest] = ids;
  await queue.ask('PUT', `/jobs/${first}/input/a`, { token, body: 'script' });
  const all = (body: object, by = token): Promise<Response> =>
    queue.ask('POST', '/jobs/actions', { token: by, type: 'application/json', body: JSON.stringify(body) });
  const missing = (await json(await all({ ids: rest.slice(0, 2), action: 'start' }))) as unknown as { refused: { detail: string }[] };
  assert.match(missing.refused[0]?.detail ?? '', /lacks input files: a/);
  const foreign = await json(await all({ ids: [first], action: 'start' }, queue.tokens.bob));
  assert.deepEqual([foreign['done'], (foreign['refused'] as unknown[]).length], [[], 1]);
  assert.deepEqual((await json(await all({ ids: rest, action: 'start', inputsOf: first })))['refused'], []);
  assert.deepEqual(await queue.running.deps.store.counts('red').then((c) => [c.PREPROCESSING, c['PROCESSING-QUEUED']]), [1, 49]);
  const [a = '', b = ''] = rest;
  for (const [action, status] of [
    ['pause', 200],
    ['pause', 409],
    ['resume', 200],
    ['restart', 409],
    ['wipe', 409],
    ['cancel', 200],
    ['cancel', 409],
    ['restart', 200],
    ['cancel', 200],
    ['wipe', 200],
    ['wipe', 404],
    ['explode', 404],
  ] as const) {
    assert.equal((await act(queue, a, { action })).status, status, action);
  }
  assert.equal((await act(queue, first, { action: 'cancel' })).status, 200);
  assert.equal((await json(await act(queue, first, { action: 'restart' })))['state'], 'PROCESSING-QUEUED', 'it was never started, and has its files');
  assert.equal((await act(queue, b, { action: 'explode' })).status, 400);
  assert.equal((await queue.ask('GET', `/jobs/${a}/input/a`, { token })).status, 404);
  assert.equal(await (await queue.ask('GET', `/jobs/${b}/input/a`, { token })).text(), 'script');
});

it('a submission wakes an agent that waits', async () => {
  await using queue = await testQueue();
  const session = await queue.session();
  const waiting = queue.ask('POST', '/agent/v1/jobs?wait=30', { token: session, body: facts });
  while (queue.running.deps.waiters.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  const { id } = await json(await queue.ask('POST', '/jobs', { ...jdl(simple), token: queue.tokens.ann }));
  assert.match(await (await waiting).text(), new RegExp(`^job=${id}\n`));
});

it('a store that is full, locked or gone is told as such, with the time after which to come again', async () => {
  const faults: { code?: StoreErrorCode } = {};
  const store = (path: string, meets: ConstructorParameters<typeof SqliteStore>[1]['meets']): JobStore =>
    new Proxy(new SqliteStore(path, { meets }), {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...words: unknown[]): unknown =>
          faults.code !== undefined && name !== 'close'
            ? Promise.reject(new StoreError(faults.code, 'the store says why'))
            : (value.apply(target, words) as unknown);
      },
    });
  await using queue = await testQueue({ store });
  const session = await queue.session();
  for (const [code, status, after] of [
    ['FULL', 503, '60'],
    ['BUSY', 503, '1'],
    ['UNREACHABLE', 503, '5'],
    ['DAMAGED', 500, null],
  ] as const) {
    faults.code = code;
    const user = await queue.ask('POST', '/jobs', { ...jdl(simple), token: queue.tokens.ann });
    assert.deepEqual([user.status, user.headers.get('retry-after')], [status, after], code);
    assert.match((await json(user)).detail, /^the store of the queue (is|cannot be) \w+$/, 'hosts and paths are for the log');
    assert.match(JSON.stringify(queue.log.at(-1)), /the store says why/);
    const agent = await queue.ask('POST', '/agent/v1/jobs?wait=30', { token: session, body: facts });
    assert.deepEqual([agent.status, agent.headers.get('retry-after')], [status, after], code);
    assert.match(agent.headers.get('content-type') ?? '', /^text\/plain/);
  }
  delete faults.code;
  assert.equal((await queue.ask('POST', '/jobs', { ...jdl(simple), token: queue.tokens.ann })).status, 201, 'and all is well afterwards');
});

it('what is advertised shows the environments and how many jobs run and wait', async () => {
  await using queue = await testQueue({ conf: 'site = EXAMPLE-HEP\n[environment sl6-6.10]\ntags = VO-red-slc6\nvos = red\n' });
  await queue.ask('POST', '/jobs', { ...jdl(`${simple} VirtualEnvironment = "sl6-6.10";`), token: queue.tokens.ann });
  const { environments } = await json(await queue.ask('GET', '/environments'));
  const [sl6] = environments as Record<string, unknown>[];
  assert.deepEqual([sl6?.['tags'], sl6?.['waiting'], sl6?.['running'], sl6?.['state']], [['VM-sl6-6.10', 'VO-red-slc6', 'sl6-6.10'], 1, 0, 'installable']);
  assert.match(await (await queue.ask('GET', '/classads')).text(), /GlueCEStateWaitingJobs = 1/);
  assert.match(await (await queue.ask('GET', '/glue2.ldif')).text(), /GLUE2DomainID=EXAMPLE-HEP/);
  assert.match(await (await queue.ask('GET', '/glue1.ldif')).text(), /^dn: .*GlueCEUniqueID=/m);
  assert.ok(Array.isArray((await json(await queue.ask('GET', '/glue2')))['ComputingShare']));
  const match = async (text: string, token = queue.tokens.ann) => (await json(await queue.ask('POST', '/match', { ...jdl(text), token })))['matches'];
  assert.deepEqual(await match(`${simple} Requirements = Member("VM-sl6-6.10", other.GlueHostApplicationSoftwareRunTimeEnvironment);`), [
    { environment: 'sl6-6.10', matches: true, full: false },
  ]);
  const [no] = (await match(`${simple} Requirements = true && Member("VM-el9", other.GlueHostApplicationSoftwareRunTimeEnvironment);`)) as Record<
    string,
    unknown
  >[];
  assert.match(String(no?.['why']), /Requirements: .*VM-el9.* is false/);
  const [foreign] = (await match(simple, queue.tokens.bob)) as Record<string, unknown>[];
  assert.equal(foreign?.['why'], 'only for red');
});

it('the union trap: tags of two environments that one machine never has give no match (spec/environments.md §4.2, §8.4)', async () => {
  await using queue = await testQueue({ conf: 'advertise = union\n[environment a]\n[environment b]\n' });
  const both = `${simple} Requirements = Member("VM-a", other.GlueHostApplicationSoftwareRunTimeEnvironment) && Member("VM-b", other.GlueHostApplicationSoftwareRunTimeEnvironment);`;
  assert.match(await (await queue.ask('GET', '/classads')).text(), /\{ "VM-a", "a", "VM-b", "b" \}/);
  const { matches } = (await json(await queue.ask('POST', '/match', { ...jdl(both), token: queue.tokens.ann }))) as unknown as {
    matches: { matches: boolean }[];
  };
  assert.deepEqual(
    matches.map((line) => line.matches),
    [false, false],
  );
  const refused = await queue.ask('POST', '/jobs', { ...jdl(both), token: queue.tokens.ann });
  assert.equal(refused.status, 422, 'what the union has attracted is refused before it is accepted');
  assert.match(await refused.text(), /no environment of this site can run the job.*a: Requirements: .*VM-b.*b: Requirements: .*VM-a/s);
  assert.equal((await queue.ask('POST', '/jobs', { ...jdl(simple), token: queue.tokens.ann })).status, 201);
});

it('where each environment is published for itself, a job that needs two of them waits, and the agent is told why it gets none', async () => {
  await using queue = await testQueue({ conf: '[environment a]\n[environment b]\n' });
  const both = `${simple} Requirements = Member("VM-a", other.GlueHostApplicationSoftwareRunTimeEnvironment) && Member("VM-b", other.GlueHostApplicationSoftwareRunTimeEnvironment);`;
  assert.equal((await queue.ask('POST', '/jobs', { ...jdl(both), token: queue.tokens.ann })).status, 201);
  const session = await queue.session('machine-a', { environments: ['a', 'VM-a'] });
  const answer = await queue.ask('POST', '/agent/v1/jobs', { token: session, body: facts });
  assert.equal(answer.status, 204);
  assert.match(answer.headers.get('vacua-reason') ?? '', /VM-b/);
});

it('the description of the API has every route, and errors have the documented form', async () => {
  await using queue = await testQueue();
  const document = await json(await queue.ask('GET', '/openapi.json'));
  const paths = document['paths'] as Record<string, Record<string, unknown>>;
  for (const { method, path } of routes) assert.ok(paths[path]?.[method], `${method} ${path}`);
  assert.deepEqual(Object.keys((document['components'] as Record<string, object>)['securitySchemes'] ?? {}), ['user', 'machine', 'session', 'demand']);
  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g))
    assert.ok((document['components'] as { schemas: object }).schemas.hasOwnProperty(name ?? ''), name);
  const none = await queue.ask('GET', '/nothing');
  assert.deepEqual([none.status, (await json(none))['code']], [404, 'not_found']);
  assert.deepEqual((await queue.ask('GET', '/agent/v1/nothing')).headers.get('content-type'), 'text/plain; charset=utf-8');
});
