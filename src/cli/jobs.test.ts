import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { queuePlaces } from '../queue/config/places.ts';
import { facts, readJob, type TestQueue, testQueue } from '../queue/server/testing.ts';
import { TestDirectory } from '../queue/testing.ts';
import { localJob, readJdlFile } from './job-files.ts';
import type { Surroundings } from './program.ts';
import { expand, readSweep } from './sweep.ts';
import { type Transcript, vacua } from './testing.ts';

interface Scene extends AsyncDisposable {
  readonly queue: TestQueue;
  readonly dir: string;
  write(name: string, text: string): string;
  run(...argv: string[]): Promise<Transcript>;
}

async function scene(conf = ''): Promise<Scene> {
  const directory = new TestDirectory();
  const queue = await testQueue({ conf });
  const env: Surroundings['env'] = { VACUA_STATE_DIR: directory.path, VACUA_QUEUE: queue.running.url, VACUA_QUEUE_TOKEN: queue.tokens.ann };
  return {
    queue,
    dir: directory.path,
    write(name, text) {
      writeFileSync(join(directory.path, name), text);
      return join(directory.path, name);
    },
    run: (...argv) => vacua(directory.path, argv, { env, now: () => queue.clock.now() }),
    async [Symbol.asyncDispose]() {
      await queue[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
}

/** A machine that runs every job that waits, in its own way. */
async function machine({ queue }: Scene, result: (n: number) => string): Promise<number> {
  const token = await queue.session();
  for (let n = 0; ; n++) {
    const given = await queue.ask('POST', '/agent/v1/jobs', { token, body: facts });
    if (given.status === 204) return n;
    const { fields } = await readJob(given);
    const lease = (what: string, body: string): Promise<Response> => queue.ask('POST', `/agent/v1/leases/${fields.get('lease')}/${what}`, { token, body });
    await lease('begin', '');
    await lease('log?offset=0', 'to the log \u001b[31mred\n');
    for (const name of fields.getAll('output')) await lease(`outputs/${name}`, `of ${fields.get('job')}`);
    await lease('finish', result(n));
  }
}
const fine = 'result=exited\nexit=0\nwall=5\n';

it('a sweep of jobs with shared files goes from the command line to machines and back', async () => {
  await using at = await scene();
  at.write('run.sh', '#!/bin/sh\necho "$@"\n');
  const jdl = at.write('sweep.jdl', 'Executable = "run.sh"; InputSandbox = "run.sh"; Arguments = "@{seed}"; StdOutput = "out"; ');
  const { code, out, err } = await at.run('job', 'submit', jdl, '--sweep', 'seed=1..30');
  assert.deepEqual([code, err], [0, '']);
  const ids = out.trim().split('\n');
  assert.equal(ids.length, 30);
  const { spec } = JSON.parse((await at.run('job', 'status', ids[6] ?? '', '--json')).out) as { spec: { arguments: string[] } };
  assert.deepEqual(spec.arguments, ['7']);
  assert.match((await at.run('job', 'list', '--limit', '5')).out, /waiting {2}run\.sh {2}red {5}ann[^]*--after /);
  assert.equal(await machine(at, (n) => (n === 3 ? 'result=exited\nexit=4\nwall=5\n' : fine)), 30);
  assert.equal((await at.run('job', 'list')).out, 'No jobs.\n');
  const all = (await at.run('job', 'list', '--all')).out;
  assert.equal(all.match(/ done /g)?.length, 29);
  assert.match(all, / failed .* ended with 4/);
  const first = ids[0] ?? '';
  assert.match((await at.run('job', 'output', first)).out, /23 {2}out\n/);
  assert.equal((await at.run('job', 'output', first, 'out')).out, `of ${first}`);
  assert.equal((await at.run('job', 'output', first, '--dir', join(at.dir, 'got'))).out, `${join(at.dir, 'got', 'out')}\n`);
  assert.equal(readFileSync(join(at.dir, 'got', 'out'), 'utf8'), `of ${first}`);
  assert.equal((await at.run('job', 'log', first)).out, 'to the log \u001b[31mred\n');
  assert.ok(!(await vacuaOnTerminal(at, 'job', 'log', first)).includes('\u001b'), 'a terminal is not for guests to paint on');
  const status = (await at.run('job', 'status', first)).out;
  for (const part of [/^job {12}0/, /state {10}done {2}TERMINAL/, /run {12}1 on machine-1/, /outputs {8}out \(23 bytes\)/, /history\n.*submitted by ann/])
    assert.match(status, part);
});

const vacuaOnTerminal = async ({ queue, dir }: Scene, ...argv: string[]): Promise<string> =>
  (await vacua(dir, argv, { isTerminal: true, env: { VACUA_QUEUE: queue.running.url, VACUA_QUEUE_TOKEN: queue.tokens.ann } })).out;

it('an output that the job has not made is named as missing', async () => {
  await using at = await scene();
  const text =
    'Executable = "/bin/echo"; Arguments = "\'a b\' c"; StdOutput = "out"; OutputSandbox = {"out", "none"}; OutputSandboxBaseDestURI = "gsiftp://localhost";';
  const [id = ''] = (await at.run('job', 'submit', at.write('a.jdl', text))).out.trim().split('\n');
  assert.doesNotMatch((await at.run('job', 'status', id)).out, /outputs/);
  const token = await at.queue.session();
  const { fields } = await readJob(await at.queue.ask('POST', '/agent/v1/jobs', { token, body: facts }));
  const lease = `/agent/v1/leases/${fields.get('lease')}`;
  await at.queue.ask('PUT', `${lease}/outputs/out`, { token, body: 'x' });
  await at.queue.ask('POST', `${lease}/finish`, { token, body: fine });
  const { out } = await at.run('job', 'status', id);
  assert.match(out, /^outputs +out \(1 byte\), none \(not there\)$/m);
  assert.match(out, /^command +\/bin\/echo 'a b' c$/m);
});

it('--wait waits for all, and its status says whether all have succeeded', async () => {
  await using at = await scene();
  const jdl = at.write('a.jdl', 'Executable = "/bin/true";');
  const submitted = at.run('job', 'submit', jdl, '--count', '3', '--wait');
  while ((await at.queue.running.deps.store.counts('red'))['PROCESSING-QUEUED'] < 3) await new Promise((resolve) => setImmediate(resolve));
  await machine(at, (n) => (n === 1 ? 'result=timeout\nwall=60\n' : fine));
  const { code, out, err } = await submitted;
  assert.equal(code, 1);
  assert.match(out, /3 jobs: 2 done, 1 failed\n$/);
  assert.match(err, /3 jobs: /);
});

it('mistakes in a description are told with file, line and column, and nothing is submitted', async () => {
  await using at = await scene();
  const jdl = at.write('bad.jdl', 'Executable = "/bin/a";\nCpuNumber = 0;\nInputSandbox = {"x/a",\n  "y/a"};');
  const { code, out, err } = await at.run('job', 'submit', jdl);
  assert.deepEqual([code, out], [2, '']);
  assert.match(err, new RegExp(`^vacua: ${jdl}:2:\\d+: CpuNumber: `));
  assert.match(err, new RegExp(`^${jdl}:4:3: InputSandbox: two files have the base name a; valid: `, 'm'));
  assert.doesNotMatch(err, /\\x/);
  const missing = await at.run('job', 'submit', at.write('m.jdl', 'Executable = "/bin/a";\n InputSandbox = "nowhere";'));
  assert.deepEqual([missing.code, missing.err.match(/m\.jdl:2:\d+: InputSandbox: .*nowhere does not exist/)?.length], [2, 1]);
  for (const [text, what] of [
    ['Executable = "/bin/@{x}";', /uses @\{x\}, which has no values/],
    ['Executable = "/bin/a";', /does not use @\{seed\}/],
  ] as const) {
    const answer = await at.run('job', 'submit', at.write('s.jdl', text), ...(text.includes('@') ? [] : ['--sweep', 'seed=1..3']));
    assert.equal(answer.code, 2);
    assert.match(answer.err, what);
  }
  assert.equal((await at.run('job', 'submit', join(at.dir, 'none.jdl'))).code, 2);
  const refused = await at.run('job', 'submit', at.write('gpu.jdl', 'Executable = "/bin/a";\nGPUNumber = 1;'));
  assert.equal(refused.code, 2);
  assert.match(refused.err, /no machine of this queue tells of GPUs/);
  assert.equal((await at.run('job', 'list', '--all')).out, 'No jobs.\n');
});

it('files that do not fit take their jobs back', async () => {
  await using at = await scene('file_max_mb = 0.01');
  at.write('big', 'x'.repeat(20_000));
  const { code, err } = await at.run('job', 'submit', at.write('a.jdl', 'Executable = "big"; InputSandbox = "big";'), '--count', '3');
  assert.equal(code, 1);
  assert.match(err, /big is greater than 10486 bytes/);
  assert.equal((await at.run('job', 'list', '--all')).out, 'No jobs.\n');
});

it('jobs are cancelled by their owner alone', async () => {
  await using at = await scene();
  const [id = ''] = (await at.run('job', 'submit', at.write('a.jdl', 'Executable = "/bin/true";'))).out.trim().split('\n');
  const foreign = await vacua(at.dir, ['job', 'cancel', id], { env: { VACUA_QUEUE: at.queue.running.url, VACUA_QUEUE_TOKEN: at.queue.tokens.bob } });
  assert.deepEqual([foreign.code, foreign.out], [1, '']);
  assert.match(foreign.err, /there is no job/);
  assert.deepEqual(await at.run('job', 'cancel', id).then(({ code, out }) => [code, out]), [0, `${id} cancelled\n`]);
  assert.equal((await at.run('job', 'cancel', id)).code, 1);
  assert.equal((await at.run('job', 'status', '0'.repeat(20))).code, 1);
});

it('jobs are paused, resumed, run again and wiped; what their state does not allow is said', async () => {
  await using at = await scene();
  const [id = ''] = (await at.run('job', 'submit', at.write('a.jdl', 'Executable = "/bin/true"; JobName = "one";'))).out.trim().split('\n');
  const act = async (action: string): Promise<readonly unknown[]> => {
    const { code, out, err } = await at.run('job', action, id);
    return [code, out, err];
  };
  assert.deepEqual(await act('pause'), [0, `${id} paused\n`, '']);
  assert.match((await at.run('job', 'list')).out, /paused +one/);
  assert.equal(await machine(at, () => fine), 0);
  assert.deepEqual(await act('wipe'), [1, '', `vacua: job ${id}: wipe: the job is PROCESSING-QUEUED; cancel it first\n`]);
  assert.deepEqual(await act('resume'), [0, `${id} resumed\n`, '']);
  assert.equal(await machine(at, () => 'result=exited\nexit=3\nwall=5\n'), 1);
  assert.match((await at.run('job', 'list', '--all')).out, /failed +one .* ended with 3$/m);
  assert.deepEqual(await act('restart'), [0, `${id} restarted\n`, '']);
  assert.equal(await machine(at, () => fine), 1);
  assert.deepEqual(await act('restart'), [1, '', `vacua: job ${id}: restart: the job has succeeded\n`]);
  assert.deepEqual(await act('wipe'), [0, `${id} wiped\n`, '']);
  assert.equal((await at.run('job', 'list', '--all')).out, 'No jobs.\n');
  const gone = await at.run('job', 'wipe', id, '--json');
  assert.deepEqual([gone.code, (JSON.parse(gone.out) as { done: string[] }).done], [1, []]);
});

it('match says which term fails, by the queue or by a configuration alone', async () => {
  const environments = '[environment sl6]\nmemory_mb = 4000\n[environment el9]\n';
  await using at = await scene(environments);
  const jdl = at.write(
    'a.jdl',
    'Executable = "/bin/true"; MemoryMb = 1000;\nRequirements = other.GlueHostMainMemoryRAMSize >= 3000 && Member("VM-el9", other.GlueHostApplicationSoftwareRunTimeEnvironment);',
  );
  const asked = await at.run('job', 'match', jdl);
  assert.equal(asked.code, 1);
  assert.match(asked.out, /el9 +no +Requirements: other\.GlueHostMainMemoryRAMSize >= 3000 is false\nsl6 +no +Requirements: .*VM-el9.*\n/);
  const conf = at.write('queue.conf', `[queue]\n${environments}`);
  const alone = await vacua(at.dir, ['--config', conf, 'job', 'match', jdl]);
  assert.deepEqual([alone.code, alone.out], [1, asked.out]);
  const good = await vacua(at.dir, [
    '--config',
    conf,
    'job',
    'match',
    at.write('b.jdl', 'Executable = "/bin/true"; VirtualEnvironment = "sl6"; MemoryMb = 1000;'),
    '--json',
  ]);
  assert.deepEqual(
    [good.code, (JSON.parse(good.out) as { matches: { environment: string; matches: boolean }[] }).matches[0]],
    [0, { environment: 'sl6', matches: true, full: false }],
  );
});

it('match takes a description of many jobs with a value', async () => {
  await using at = await scene('[environment one]\n[environment two]\n');
  const file = at.write('s.jdl', 'Executable = "/bin/true"; StdOutput = "out-@{i}"; VirtualEnvironment = "@{e}";');
  const without = await at.run('job', 'match', file, '--sweep', 'i=1..3');
  assert.deepEqual([without.code, without.out], [2, '']);
  assert.match(without.err, /uses @\{e\}, which has no values\nGive them with --sweep e=/);
  assert.match((await at.run('job', 'match', file, '--sweep', 'i=1..3', '--sweep', 'e=two,one')).out, /^two +yes\none +no +needs environment two$/m);
});

it('who cannot be reached or is not believed is said, with the next step', async () => {
  await using at = await scene();
  const jdl = at.write('a.jdl', 'Executable = "/bin/true";');
  const env = { VACUA_QUEUE: 'http://127.0.0.1:9', VACUA_QUEUE_TOKEN: 'x' };
  const away = await vacua(at.dir, ['job', 'submit', jdl], { env });
  assert.equal(away.code, 3);
  assert.match(away.err, /no queue answers at http:\/\/127\.0\.0\.1:9 \(ECONNREFUSED\)\nStart one with `vacua queue serve`/);
  const stranger = await vacua(at.dir, ['job', 'list'], { env: { VACUA_QUEUE: at.queue.running.url, VACUA_QUEUE_TOKEN: 'x' } });
  assert.equal(stranger.code, 1);
  assert.match(stranger.err, /the token is none of this queue\nGive a token with --token-file/);
  assert.equal((await vacua(at.dir, ['job', 'list', '--queue', 'ftp://x'], { env: {} })).code, 2);
});

it('the address and the token of a queue on this host are found; a token that others can read is not used', async () => {
  await using at = await scene();
  const places = queuePlaces(join(at.dir, 'queue'));
  mkdirSync(join(at.dir, 'queue'));
  writeFileSync(places.address, `${at.queue.running.url}\n`);
  writeFileSync(places.tokens, `# TOKEN OWNER TENANT\n${at.queue.tokens.ann} ann red\n`, { mode: 0o600 });
  assert.equal((await vacua(at.dir, ['job', 'list'])).out, 'No jobs.\n');
  chmodSync(places.tokens, 0o644);
  const open = await vacua(at.dir, ['job', 'list']);
  assert.deepEqual([open.code, open.err.includes('chmod 0600')], [2, true]);
});

it('keys and tokens are made once, for their user alone', async () => {
  using directory = new TestDirectory();
  const { code, out } = await vacua(directory.path, ['queue', 'key', 'red']);
  assert.equal(code, 0);
  const places = queuePlaces(join(directory.path, 'queue'));
  assert.ok(out.includes(places.privateKey('red')));
  const before = readFileSync(places.privateKey('red'), 'utf8');
  const again = await vacua(directory.path, ['queue', 'key', 'red']);
  assert.deepEqual([again.code, readFileSync(places.privateKey('red'), 'utf8')], [1, before]);
  assert.equal((await vacua(directory.path, ['queue', 'key', '../red'])).code, 2);
  const token = (await vacua(directory.path, ['queue', 'token', 'ann', 'red'])).out.trim();
  const lines = readFileSync(places.tokens, 'utf8').trim().split('\n');
  assert.deepEqual([lines.length, lines.at(-1)], [3, `${token} ann red`]);
  assert.match(lines[1] ?? '', / \*$/);
  assert.equal((await vacua(directory.path, ['queue', 'token', 'an n'])).code, 2);
});

it('a configuration with mistakes is told with all of them, and nothing is served', async () => {
  using directory = new TestDirectory();
  const conf = join(directory.path, 'queue.conf');
  writeFileSync(conf, '[queue]\nlisten = nowhere\nlease_secnds = 10\nlease_seconds = 1\nissuer = https://x.example.org\n[tenant Red!]\n');
  const { code, err } = await vacua(directory.path, ['--config', conf, 'queue', 'serve']);
  assert.equal(code, 2);
  for (const part of [
    /queue\.conf:2:10: listen: /,
    /queue\.conf:3:1: lease_secnds: .*lease_seconds/,
    /queue\.conf:4:\d+: lease_seconds: /,
    /queue\.conf:5:\d+: issuer: its public keys/,
    /queue\.conf:6:1: /,
  ]) {
    assert.match(err, part);
  }
  assert.equal((await vacua(directory.path, ['queue', 'serve', '--listen', '127.0.0.1:99999'])).code, 2);
  const relative = await vacua(directory.path, ['queue', 'serve', '--store', 'jobs.sqlite']);
  assert.equal(relative.code, 2);
  assert.match(relative.err, /--store is no place for jobs; valid: an absolute path for SQLite, or a URL postgres:\/\//);
});

it('the examples are right', async () => {
  const examples = join(import.meta.dirname, '..', '..', 'examples');
  using directory = new TestDirectory();
  const { err, code } = await vacua(directory.path, ['--config', join(examples, 'queue.conf'), 'job', 'match', join(examples, 'hello.jdl')]);
  assert.deepEqual([err, code], ['', 0]);
  const jobs = expand(readJdlFile(join(examples, 'sweep.jdl')), [readSweep('seed=1..300')]);
  assert.equal(jobs.length, 300);
  assert.deepEqual(localJob('sweep.jdl', jobs[6] ?? '').description.arguments, ['-c', 'echo seed 7']);
});

it('sweeps are ranges, steps and lists, and all combinations of them', () => {
  assert.deepEqual(readSweep('a=1..3').values, ['1', '2', '3']);
  assert.deepEqual(readSweep('a=-2..4..3').values, ['-2', '1', '4']);
  assert.deepEqual(readSweep('a=x,,y').values, ['x', '', 'y']);
  assert.deepEqual(expand('@{a}@{b}-@{a}', [readSweep('a=1..2'), readSweep('b=x,y')]), ['1x-1', '1y-1', '2x-2', '2y-2']);
  for (const wrong of ['', 'a', 'a=', '=1', 'a=3..1', 'a=1..2..0', 'a=1..x', '1=2', 'a=1..1000000'])
    assert.throws(() => readSweep(wrong), { name: 'CliError' }, wrong);
  assert.throws(() => expand('@{a}@{b}', [readSweep('a=1..400'), readSweep('b=1..400')]), /160000 jobs/);
});
