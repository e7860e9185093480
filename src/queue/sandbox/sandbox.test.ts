import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import * as fc from 'fast-check';
import type { Job } from '../../core/jobs/job.ts';
import { instant, seconds } from '../../core/units.ts';
import { Refusal } from '../refusal.ts';
import { jobId, plainSpec, TestDirectory } from '../testing.ts';
import type { SandboxJob } from './places.ts';
import type { Incoming } from './receive.ts';
import { Sandbox } from './sandbox.ts';
import { sweep } from './sweep.ts';

const limits = { fileBytes: 1000, jobBytes: 1500, ownerBytes: 2500 };
const job = (n: number, owner = 'ann'): SandboxJob => ({ id: jobId(n), spec: { ...plainSpec, owner } });
const body = (text: string, announce = true): Incoming => ({ bytes: pieces(text), ...(announce && { length: text.length }) });
async function* pieces(text: string): AsyncIterable<Uint8Array> {
  for (let at = 0; at < text.length; at += 100) yield Buffer.from(text.slice(at, at + 100));
}
async function* never(): AsyncIterable<Uint8Array> {
  yield await Promise.reject(new Error('the body was read'));
}
const textOf = async (file: { stream: ReadableStream } | undefined): Promise<string | undefined> => file && new Response(file.stream).text();
const contents = (sandbox: Sandbox): number => readdirSync(sandbox.places.content, { recursive: true, withFileTypes: true }).filter((e) => e.isFile()).length;
const incoming = (sandbox: Sandbox): string[] => readdirSync(sandbox.places.incoming);

it('files are kept by content, once, and read back as they came', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  const { sha256 } = await sandbox.put(job(1), 'input', 'a', body('same'), 1500);
  await sandbox.put(job(2, 'bob'), 'input', 'b', body('same', false), 1500);
  await sandbox.put(job(1), 'output', 'a', body('other'), 1500);
  assert.equal(sha256, createHash('sha256').update('same').digest('hex'));
  assert.equal(contents(sandbox), 2);
  assert.equal(await textOf(await sandbox.open(job(2, 'bob'), 'input', 'b')), 'same');
  assert.equal(await textOf(await sandbox.open(job(1), 'output', 'a')), 'other');
  assert.equal(await sandbox.open(job(2), 'input', 'b'), undefined, 'another owner has another directory');
  await sandbox.put(job(1), 'output', 'a', body('newer'), 1500);
  assert.equal(await textOf(await sandbox.open(job(1), 'output', 'a')), 'newer');
  await sandbox.put(job(1), 'output', 'empty', body(''), 1500);
  assert.equal(await textOf(await sandbox.open(job(1), 'output', 'empty')), '');
});

it('a body that does not fit is refused before a byte of it is read, and one that lies about its length as soon as it is seen', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  const huge: Incoming = { bytes: never(), length: 1e9 };
  await assert.rejects(sandbox.put(job(1), 'input', 'a', huge, 1e12), { code: 'too_large' });
  await sandbox.put(job(1), 'input', 'a', body('x'.repeat(900)), 1500);
  await assert.rejects(sandbox.put(job(1), 'input', 'b', { bytes: never(), length: 601 }, 1500), { code: 'over_quota' });
  await sandbox.put(job(2), 'input', 'a', body('x'.repeat(1000)), 1500);
  await assert.rejects(sandbox.put(job(3), 'input', 'a', { bytes: never(), length: 601 }, 1500), /your jobs would keep more than 2500 bytes/);
  await sandbox.put(job(3, 'bob'), 'input', 'a', body('x'.repeat(601)), 1500);
  await assert.rejects(sandbox.put(job(4), 'input', 'a', body('x'.repeat(1200), false), 1500), { code: 'over_quota' });
  await assert.rejects(sandbox.put(job(1), 'input', 'c', { bytes: pieces('short'), length: 500 }, 1500), { code: 'bad_request' });
  assert.deepEqual(incoming(sandbox), [], 'nothing is left of what was refused');
  await sandbox.put(job(1), 'input', 'a', body('x'.repeat(1000)), 1500);
  await sandbox.wipe(job(2));
  await sandbox.put(job(5), 'input', 'a', body('x'.repeat(1000)), 1500);
});

it('what was counted is what is kept, whatever was put, replaced, removed and refused (property)', async () => {
  const step = fc.record({
    n: fc.nat(3),
    name: fc.constantFrom('a', 'b'),
    size: fc.nat(900),
    what: fc.constantFrom('put', 'put', 'remove', 'wipe', 'log', 'copy'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      using directory = new TestDirectory();
      const sandbox = new Sandbox(directory.path, limits);
      for (const { n, name, size, what } of steps) {
        const on = job(n);
        const refused = (error: unknown): void => assert.ok(error instanceof Refusal);
        if (what === 'put') await sandbox.put(on, 'input', name, body('x'.repeat(size)), 1500).catch(refused);
        if (what === 'remove') await sandbox.remove(on, 'input', name);
        if (what === 'wipe') await sandbox.wipe(on);
        if (what === 'log') await sandbox.appendLog(on, 1, 0, Buffer.alloc(size), 500).catch(refused);
      }
      const other = new Sandbox(directory.path, limits);
      for (const room of [0, 1, 10, 100, 1000]) {
        const fits = async (s: Sandbox): Promise<boolean> =>
          s.put(job(9), 'output', 'probe', { bytes: pieces(''), length: room }, 1e9).then(
            () => true,
            (e: Refusal) => e.code === 'bad_request',
          );
        assert.equal(await fits(sandbox), await fits(other), `room for ${room}`);
      }
    }),
    { numRuns: 25 },
  );
});

it('requests for the same file at the same time are counted once each, and together stay within the limits', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  const name = 'a';
  await sandbox.put(job(1), 'input', name, body('x'.repeat(1000)), 1500);
  await Promise.all(Array.from({ length: 5 }, () => sandbox.put(job(1), 'input', name, body('y'), 1500)));
  // 1 byte is kept. Had each of them given back what it replaced, there would be room for more than the quota.
  await sandbox.put(job(2), 'input', 'a', body('x'.repeat(1000)), 1500);
  await sandbox.put(job(3), 'input', 'a', body('x'.repeat(1000)), 1500);
  await assert.rejects(sandbox.put(job(4), 'input', 'a', body('x'.repeat(500)), 1500), { code: 'over_quota' });
  await Promise.all(Array.from({ length: 5 }, () => sandbox.remove(job(2), 'input', 'a')));
  await Promise.all(Array.from({ length: 5 }, () => sandbox.wipe(job(3))));
  await sandbox.put(job(5), 'input', 'a', body('x'.repeat(1000)), 1500);
  await sandbox.put(job(6), 'input', 'a', body('x'.repeat(1000)), 1500);
  await assert.rejects(sandbox.put(job(7), 'input', 'a', body('x'.repeat(500)), 1500), { code: 'over_quota' });
  await sandbox.wipe(job(5));
  await sandbox.wipe(job(6));
  const several = await Promise.allSettled(['a', 'b', 'c'].map((each) => sandbox.put(job(8), 'output', each, body('x'.repeat(700), false), 1500)));
  assert.equal(several.filter(({ status }) => status === 'fulfilled').length, 2);
  assert.equal(
    (await sandbox.list(job(8), 'output')).reduce((sum, { size }) => sum + size, 0),
    1400,
  );
  assert.deepEqual(incoming(sandbox), []);
});

it('only flat names are names, and nothing leads out of the sandbox', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(join(directory.path, 'sandbox'), limits);
  await sandbox.put(job(1), 'output', 'a', body('inside'), 1500);
  writeFileSync(join(directory.path, 'secret'), 'secret');
  for (const name of ['..', '.', '', 'a/b', '../a', 'a\0', 'a\nb', '.hidden', 'ä', 'a b', 'x'.repeat(129), '%2e%2e']) {
    await assert.rejects(sandbox.put(job(1), 'output', name, body(''), 1500), { code: 'bad_name' }, JSON.stringify(name));
    await assert.rejects(async () => sandbox.open(job(1), 'output', name), { code: 'bad_name' });
  }
  const links = sandbox.places.files(job(1), 'output');
  symlinkSync(join(directory.path, 'secret'), join(links, 'absolute'));
  symlinkSync('../../../../../secret', join(links, 'relative'));
  writeFileSync(join(links, 'plain'), 'no link');
  mkdirSync(join(links, 'folder'));
  symlinkSync(join(directory.path, 'secret'), sandbox.places.log(job(1), 1));
  for (const name of ['absolute', 'relative', 'plain', 'folder']) assert.equal(await sandbox.open(job(1), 'output', name), undefined, name);
  await assert.rejects(sandbox.log(job(1), 1), { code: 'ELOOP' });
  await assert.rejects(sandbox.appendLog(job(1), 1, 0, Buffer.from('x'), 100), { code: 'ELOOP' });
  assert.deepEqual(
    (await sandbox.list(job(1), 'output')).map(({ name }) => name),
    ['a'],
  );
});

it('a log grows by what is new, whatever is repeated, and ends at its full length', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  const add = (offset: number, text: string): Promise<number> => sandbox.appendLog(job(1), 1, offset, Buffer.from(text), 10);
  assert.deepEqual([await add(0, 'abc'), await add(0, 'abcd'), await add(9, 'zz'), await add(2, 'cd')], [3, 4, 4, 4]);
  const both = await Promise.all([add(4, 'efg'), add(4, 'efg')]);
  assert.deepEqual(both, [7, 7]);
  assert.equal(await add(7, 'hijklmn'), 10);
  await assert.rejects(add(10, 'o'), { code: 'too_large' });
  await sandbox.appendLog(job(1), 2, 0, Buffer.from('second'), 10);
  assert.deepEqual([await textOf(await sandbox.log(job(1), 1)), await textOf(await sandbox.log(job(1)))], ['abcdefghij', 'second']);
  assert.equal(await sandbox.log(job(2)), undefined);
});

it('logs count for the quota of their owner, and end where it ends', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  await sandbox.put(job(1), 'input', 'a', body('x'.repeat(1000)), 1500);
  await sandbox.put(job(2), 'input', 'a', body('x'.repeat(1000)), 1500);
  for (let run = 1; run <= 4; run++) assert.equal(await sandbox.appendLog(job(1), run, 0, Buffer.alloc(100), 150), 100);
  await assert.rejects(sandbox.appendLog(job(1), 5, 0, Buffer.alloc(101), 150), { code: 'over_quota' });
  assert.equal(await sandbox.appendLog(job(1), 5, 0, Buffer.alloc(100), 150), 100);
  await assert.rejects(sandbox.appendLog(job(1), 5, 100, Buffer.alloc(1), 150), { code: 'over_quota' });
  assert.equal(await sandbox.appendLog(job(1), 5, 0, Buffer.alloc(100), 150), 100, 'what is there may be told again');
});

it('a result that does not count any more is not kept', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  const lost = (): Promise<void> => Promise.reject(new Refusal('lost', 'lost'));
  await assert.rejects(sandbox.put(job(1), 'output', 'a', body('late'), 1500, lost), { code: 'lost' });
  assert.deepEqual([await sandbox.list(job(1), 'output'), incoming(sandbox)], [[], []]);
});

it('the files of one job are given to another of the same owner without a copy', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  await sandbox.put(job(1), 'input', 'a', body('x'.repeat(900)), 1500);
  await sandbox.put(job(1), 'input', 'b', body('y'), 1500);
  await sandbox.copyInputs(job(1), job(2), ['a'], 1500);
  assert.deepEqual(
    (await sandbox.list(job(2), 'input')).map(({ name, size }) => [name, size]),
    [['a', 900]],
  );
  assert.equal(contents(sandbox), 2);
  await assert.rejects(sandbox.copyInputs(job(1), job(3), ['a'], 800), { code: 'over_quota' });
  await assert.rejects(sandbox.copyInputs(job(1), job(4, 'bob'), ['a'], 1500), TypeError);
});

it('a sweep removes what nobody needs and nothing else', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  const now = instant(Date.now());
  await sandbox.put(job(1), 'input', 'a', body('kept by 1 and 2'), 1500);
  await sandbox.put(job(2), 'input', 'a', body('kept by 1 and 2'), 1500);
  await sandbox.put(job(2), 'output', 'b', body('only of 2'), 1500);
  await sandbox.put(job(3), 'input', 'a', body('fresh, of a job nobody knows'), 1500);
  await sandbox.put(job(4, 'bob'), 'input', 'a', body('removed'), 1500);
  await sandbox.remove(job(4, 'bob'), 'input', 'a');
  writeFileSync(join(sandbox.places.incoming, 'of a crash'), 'x');
  const known = (n: number, state: Job['state'], ago: number): [string, Job] => [
    jobId(n),
    { ...job(n), spec: plainSpec, state, attributes: [], submittedAt: now, changedAt: instant(now - ago * 1000), runs: 1 },
  ];
  const jobs = new Map([known(1, 'TERMINAL', 100), known(2, 'TERMINAL', 10_000), known(4, 'PREPROCESSING', 99_999)]);
  const swept = (at: number) => sweep({ sandbox, job: async (id) => jobs.get(id), now: instant(at), keep: seconds(5000) });
  assert.deepEqual(await swept(now), { jobs: 1, contents: 0 }, 'content and directories of the last hour may belong to a request that goes on');
  assert.equal((await sandbox.list(job(1), 'input')).length, 1);
  assert.deepEqual(await sandbox.list(job(2), 'input'), []);
  assert.equal(contents(sandbox), 4);
  for (const entry of readdirSync(directory.path, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) utimesSync(join(entry.parentPath, entry.name), 1, 1);
  }
  jobs.set(...known(1, 'TERMINAL', 0));
  assert.deepEqual(await swept(now), { jobs: 1, contents: 3 }, 'job 3 is no job');
  assert.equal(await textOf(await sandbox.open(job(1), 'input', 'a')), 'kept by 1 and 2');
  assert.deepEqual([contents(sandbox), incoming(sandbox)], [1, []]);
});

it('a disk that is full is told as such, and nothing is left of what did not fit', async () => {
  using directory = new TestDirectory();
  const sandbox = new Sandbox(directory.path, limits);
  async function* full(): AsyncIterable<Uint8Array> {
    yield Buffer.from('some');
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  }
  await assert.rejects(sandbox.put(job(1), 'output', 'a', { bytes: full() }, 1500), { code: 'disk_full', status: 507, retryAfter: 60 });
  assert.deepEqual([await sandbox.list(job(1), 'output'), incoming(sandbox)], [[], []]);
  await sandbox.put(job(1), 'output', 'a', body('x'.repeat(1000)), 1500);
});
