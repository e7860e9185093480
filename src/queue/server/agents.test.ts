import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SignJWT, UnsecuredJWT } from 'jose';
import type { JobDocument } from './schema.ts';
import { facts, jdl, readJob, type TestQueue, testQueue } from './testing.ts';

const simple = 'Executable = "/bin/true";';
const submit = async (queue: TestQueue, text = simple, token = queue.tokens.ann): Promise<JobDocument> => {
  const answer = await queue.ask('POST', '/jobs', { ...jdl(text), token });
  assert.equal(answer.status, 201, await answer.clone().text());
  return (await answer.json()) as JobDocument;
};
const job = async (queue: TestQueue, id: string, token = queue.tokens.ann): Promise<JobDocument> =>
  (await (await queue.ask('GET', `/jobs/${id}`, { token })).json()) as JobDocument;

it('an agent fetches a job, runs it, and brings its log, its outputs and its result', async () => {
  await using queue = await testQueue();
  const text = `[ Executable = "run.sh"; InputSandbox = {"/home/ann/run.sh", "data"}; StdOutput = "out"; OutputSandbox = {"result", "out"};
    OutputSandboxBaseDestURI = "gsiftp://localhost"; MaxOutputSandboxSize = 1000; Environment = {"A=b c"}; MaxWallTime = 600 ]`;
  const { id, stageIn, state } = await submit(queue, text);
  assert.deepEqual([state, stageIn], ['PREPROCESSING', `/jobs/${id}/input/`]);
  const { token } = { token: queue.tokens.ann };
  const early = await queue.ask('POST', `/jobs/${id}/actions`, { token, type: 'application/json', body: '{"action":"start"}' });
  assert.equal(early.status, 409);
  assert.match(await early.text(), /lacks input files: run\.sh, data/);
  for (const name of ['run.sh', 'data']) assert.equal((await queue.ask('PUT', `/jobs/${id}/input/${name}`, { token, body: `of ${name}` })).status, 201);
  assert.equal((await queue.ask('POST', `/jobs/${id}/actions`, { token, type: 'application/json', body: '{"action":"start"}' })).status, 200);

  const session = await queue.session();
  const given = await queue.ask('POST', '/agent/v1/jobs?wait=0', { token: session, body: facts });
  assert.equal(given.status, 200);
  const { fields, script } = await readJob(given);
  assert.deepEqual(
    ['job', 'lease_seconds', 'wall', 'kill_after', 'log_bytes', 'output_bytes'].map((name) => fields.get(name)),
    [id, '120', '600', '30', '1048576', '1000'],
  );
  assert.deepEqual(
    [fields.getAll('input'), fields.getAll('output')],
    [
      ['run.sh', 'data'],
      ['out', 'result'],
    ],
  );
  assert.match(script, /^#!\/bin\/sh\n[^]*export A='b c'\n[^]*\.\/'run\.sh' <\/dev\/null >\.\/'out'\n$/);
  const lease = (path: string, body?: string, method = 'POST') =>
    queue.ask(method, `/agent/v1/leases/${fields.get('lease')}/${path}`, { token: session, ...(body !== undefined && { body }) });
  assert.equal((await lease('begin')).status, 200);
  assert.equal(await (await lease('inputs/run.sh', undefined, 'GET')).text(), 'of run.sh');
  assert.equal((await lease('inputs/other', undefined, 'GET')).status, 404);
  assert.equal(await (await lease('log?offset=0', 'hello ')).text(), 'offset=6\n');
  assert.equal(await (await lease('log?offset=0', 'hello again')).text(), 'offset=11\n');
  assert.equal(await (await lease('renew')).text(), 'lease=120\n');
  assert.equal((await lease('outputs/result', 'x'.repeat(900), 'PUT')).status, 201);
  assert.equal((await lease('outputs/out', 'x'.repeat(101), 'POST')).status, 413);
  assert.equal((await lease('outputs/other', 'x')).status, 404);
  assert.equal((await lease('outputs/%2e%2e%2fout', 'x')).status, 404);
  assert.equal((await lease('finish', 'result=exited\nexit=0\nwall=12\n')).status, 200);
  assert.equal((await lease('finish', 'result=exited\nexit=0\nwall=12\n')).status, 200, 'the answer may have been lost');
  await lease('finish', 'result=exited\nexit=9\nwall=12\n');
  assert.equal((await lease('log?offset=11', 'late')).status, 409);

  const ended = await job(queue, id);
  assert.deepEqual([ended.state, ended.attributes, ended.exitCode], ['TERMINAL', [], 0], 'a second result changes nothing');
  assert.equal(await (await queue.ask('GET', `/jobs/${id}/log`, { token })).text(), 'hello again');
  assert.equal((await (await queue.ask('GET', `/jobs/${id}/output/result`, { token })).text()).length, 900);
  const history = (await (await queue.ask('GET', `/jobs/${id}/history`, { token })).json()) as { events: unknown[] };
  assert.ok(history.events.length >= 4);
});

it('a token is accepted only from the tenant it names, for this, in its time, and from one agent', async () => {
  await using queue = await testQueue({ conf: 'banned_machines = machine-9\nbanned_sites = bad.example.org' });
  const open = async (token: string, nonce = 'a'.repeat(32)): Promise<number> =>
    (await queue.ask('POST', '/agent/v1/sessions', { token, body: `nonce=${nonce}\n` })).status;
  const now = Math.floor(queue.clock.now() / 1000);
  assert.equal(await open(await queue.machineToken({ exp: now - 61 })), 401, 'expired');
  assert.equal(await open(await queue.machineToken({ nbf: now + 120 })), 401, 'not yet');
  assert.equal(await open(await queue.machineToken({}, 'blue')), 401, 'signed by another tenant');
  assert.equal(await open(await queue.machineToken({ tenant: 'green' })), 401, 'of no tenant');
  assert.equal(await open(await queue.machineToken({ tenant: 7 })), 401);
  assert.equal(await open(await queue.machineToken({ aud: 'vacua-demand' })), 401, 'for something else');
  assert.equal(await open(await queue.machineToken({ environments: 'all' })), 401);
  assert.equal(
    await open(await queue.machineToken({ environments: Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(200, 'x')) })),
    401,
    'too long for a session',
  );
  assert.equal(await open(await queue.machineToken({ jti: undefined })), 401);
  assert.equal(await open(await queue.machineToken({ exp: undefined })), 401);
  assert.equal(await open(`${(await queue.machineToken()).slice(0, -4)}AAAA`), 401, 'a signature that is none');
  assert.equal(await open('nonsense'), 401);
  const claims = { sub: 'machine-1', aud: 'vacua-queue', jti: 'x', iss: 'f', tenant: 'red', site: 's', machinetype: 'm', environments: [] };
  assert.equal(await open(new UnsecuredJWT(claims).setExpirationTime(now + 100).encode()), 401, 'no signature at all');
  const publicKey = new TextEncoder().encode('the public key as a shared secret, the oldest trick of all');
  assert.equal(
    await open(
      await new SignJWT(claims)
        .setExpirationTime(now + 100)
        .setProtectedHeader({ alg: 'HS256' })
        .sign(publicKey),
    ),
    401,
  );
  assert.equal(await open(await queue.machineToken({ sub: 'machine-9' })), 403, 'banned machine');
  assert.equal(await open(await queue.machineToken({ site: 'bad.example.org' })), 403, 'banned site');
  assert.equal(await open(await queue.machineToken(), 'short'), 400);

  const token = await queue.machineToken();
  assert.equal(await open(token), 201);
  assert.equal(await open(token, 'A'.repeat(32)), 201, 'the same agent again, whose answer was lost');
  assert.equal(await open(token, 'b'.repeat(32)), 409, 'another agent');
  assert.equal(await open(await queue.machineToken({ tenant: 'blue', jti: 'token 1' }, 'blue')), 201, 'a tenant cannot use up the tokens of another');
  assert.ok(!JSON.stringify(queue.log).includes(token.slice(0, 40)));
});

it('a session is believed as long as its machine lives, and only as it was given', async () => {
  await using queue = await testQueue();
  const session = await queue.session();
  const ask = async (token: string): Promise<number> => (await queue.ask('POST', '/agent/v1/jobs', { token, body: facts })).status;
  assert.equal(await ask(session), 204);
  const [body = '', mac = ''] = session.split('.');
  const forged = Buffer.from(Buffer.from(body, 'base64url').toString().replace('"t":"red"', '"t":"blue"')).toString('base64url');
  for (const wrong of [`${forged}.${mac}`, body, `${body}.`, `${body}.AAAA`, '', 'x.y']) assert.equal(await ask(wrong), 401, wrong.slice(0, 20));
  assert.equal((await queue.ask('POST', '/agent/v1/jobs', { body: facts })).status, 401);
  assert.equal((await queue.ask('GET', '/jobs', { token: session })).status, 401, 'an agent is no user');
  assert.equal(await ask(queue.tokens.ann), 401, 'a user is no agent');
  queue.clock.move(7200 + 61);
  assert.equal(await ask(session), 401);
});

it('jobs go to machines of their own tenant alone, and a machine that has worked for one owner works for no other', async () => {
  await using queue = await testQueue();
  const { id } = await submit(queue);
  const blue = await queue.session('machine-b', { tenant: 'blue' });
  const none = await queue.ask('POST', '/agent/v1/jobs?wait=0', { token: blue, body: facts });
  assert.deepEqual([none.status, none.headers.get('vacua-reason')], [204, 'no job waits']);
  const red = await queue.session('machine-r');
  const { fields } = await readJob(await queue.ask('POST', '/agent/v1/jobs', { token: red, body: facts }));
  assert.equal(fields.get('job'), id);
  const lease = fields.get('lease');
  const other = await queue.session('machine-s');
  for (const foreign of [other, blue]) {
    for (const what of ['begin', 'renew', 'finish', 'return', 'log?offset=0', 'outputs/x']) {
      const answer = await queue.ask('POST', `/agent/v1/leases/${lease}/${what}`, {
        token: foreign,
        body: what === 'finish' ? 'result=exited\nexit=0\nwall=1\n' : 'why=x\n',
      });
      assert.equal(answer.status, 409, `${what} for the job of another`);
    }
  }
  assert.equal((await queue.ask('POST', `/agent/v1/leases/${lease}/begin`, { token: red })).status, 200);
  assert.equal((await queue.ask('POST', `/agent/v1/leases/${lease}/finish`, { token: red, body: 'result=exited\nexit=3\nwall=1\n' })).status, 200);
  assert.deepEqual([(await job(queue, id)).exitCode, (await job(queue, id)).attributes], [3, ['APP-FAILURE']]);
  await submit(queue, simple, queue.tokens.amy);
  const bound = await queue.ask('POST', '/agent/v1/jobs', { token: red, body: facts });
  assert.equal(bound.status, 204, 'the machine has worked for ann');
  assert.equal((await queue.ask('POST', '/agent/v1/jobs', { token: other, body: facts })).status, 200);
});

it('a job that is cancelled or lost is told to its agent at its next word, and its files count no more', async () => {
  await using queue = await testQueue();
  const text = 'Executable = "/bin/sleep"; Arguments = "1000"; StdOutput = "out"; MaxWallTime = 2000;';
  const first = await submit(queue, text);
  const session = await queue.session();
  const fetch = async () => (await readJob(await queue.ask('POST', '/agent/v1/jobs', { token: session, body: facts }))).fields.get('lease');
  const say = async (lease: string | null, what: string, body = 'text'): Promise<number> =>
    (await queue.ask('POST', `/agent/v1/leases/${lease}/${what}`, { token: session, body })).status;
  const lease = await fetch();
  assert.equal(await say(lease, 'begin'), 200);
  assert.equal(
    (await queue.ask('POST', `/jobs/${first.id}/actions`, { token: queue.tokens.ann, type: 'application/json', body: '{"action":"cancel"}' })).status,
    200,
  );
  for (const what of ['log?offset=0', 'outputs/out', 'renew', 'return']) assert.equal(await say(lease, what, 'why=x'), 410, what);
  assert.equal((await job(queue, first.id)).state, 'TERMINAL');

  const second = await submit(queue, text);
  const lost = await fetch();
  assert.equal(await say(lost, 'begin'), 200);
  assert.equal(await say(lost, 'outputs/out', 'of the first run'), 201);
  queue.clock.move(121);
  await queue.running.deps.store.expire(queue.clock.now());
  for (const what of ['log?offset=0', 'outputs/out', 'renew', 'begin']) assert.equal(await say(lost, what), 409, what);
  const again = await fetch();
  assert.equal(await say(again, 'begin'), 200);
  const { outputs } = (await (await queue.ask('GET', `/jobs/${second.id}`, { token: queue.tokens.ann })).json()) as { outputs: unknown[] };
  assert.deepEqual(outputs, [], 'files of a run that was lost are not taken for those of the next');
  assert.equal(await say(again, 'return', 'why=the machine ends\n'), 200);
  assert.equal((await job(queue, second.id)).state, 'PROCESSING-QUEUED');
});

it('what an agent may say is checked', async () => {
  await using queue = await testQueue();
  const session = await queue.session();
  for (const [body, what] of [
    ['processors=0\nmemory_mb=1\n', /processors=0; valid/],
    ['memory_mb=1\n', /processors= is missing/],
    ['processors=1\nmemory_mb=lots\n', /memory_mb=lots/],
    ['processors', /not of the form name=value/],
    ['x'.repeat(5000), /longer than 4096/],
  ] as const) {
    const answer = await queue.ask('POST', '/agent/v1/jobs', { token: session, body });
    assert.ok(answer.status === 400 || answer.status === 413);
    assert.match(await answer.text(), what);
    assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
  }
  await submit(queue);
  const { fields } = await readJob(await queue.ask('POST', '/agent/v1/jobs', { token: session, body: facts }));
  const finish = async (body: string): Promise<number> =>
    (await queue.ask('POST', `/agent/v1/leases/${fields.get('lease')}/finish`, { token: session, body })).status;
  for (const body of ['', 'result=won\n', 'result=exited\nwall=1\n', 'result=exited\nexit=256\nwall=1\n', 'result=failed\nphase=all\n'])
    assert.equal(await finish(body), 400, body);
  assert.equal(await finish('result=failed\nphase=prologue\ntext=\u001b[31mno\u0007\n'), 200);
  const [ended] = ((await (await queue.ask('GET', '/jobs', { token: queue.tokens.ann })).json()) as { jobs: JobDocument[] }).jobs;
  assert.equal(ended?.state, 'TERMINAL');
  assert.ok(!JSON.stringify(ended).includes('\\u001b'));
});

it('a factory learns of its own tenant how many jobs wait', async () => {
  await using queue = await testQueue({ conf: '[environment sl6]\ncost = 2\ntags = sl\n[environment el9]\ncost = 1\ntags = rhel\n' });
  await submit(queue);
  await submit(queue, `${simple} VirtualEnvironment = "sl6";`);
  await submit(queue, `${simple} Requirements = Member("rhel", other.GlueHostApplicationSoftwareRunTimeEnvironment);`);
  await submit(queue, `${simple} VirtualEnvironment = {"VM-sl6", "rhel"};`);
  await submit(queue, `${simple} VirtualEnvironment = "VM-elsewhere-1";`);
  await submit(queue, `${simple} VirtualEnvironment = "sl6"; MemoryMb = 100000;`);
  const demand = async (token: string) => queue.ask('GET', '/demand', { token });
  const answer = await demand(await queue.machineToken({ aud: 'vacua-demand', sub: 'factory' }));
  const one = { waiting: 1, running: 0 };
  assert.deepEqual(await answer.json(), { tenant: 'red', environments: { sl6: one, el9: { waiting: 2, running: 0 }, 'elsewhere-1': one }, unbound: one });
  const other = await demand(await queue.machineToken({ aud: 'vacua-demand', tenant: 'blue' }, 'blue'));
  assert.deepEqual(await other.json(), { tenant: 'blue', environments: {}, unbound: { waiting: 0, running: 0 } });
  assert.equal((await demand(await queue.machineToken())).status, 401);
});
