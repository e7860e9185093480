import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { testEnvironment } from '../../core/config/testing.ts';
import { instant, seconds } from '../../core/units.ts';
import { fetchLimited } from '../http-fetch.ts';
import { FileConfigurationSource, type FileConfigurationOptions } from './source.ts';

const never = new AbortController().signal;
const document = (...suffixes: readonly string[]): string =>
  JSON.stringify({ cache_seconds: 600, machinetypes: suffixes.map((suffix) => ({ suffix, target_share: 1, root_image: 'boot.iso' })) });

let dir: string;
let server: Server;
let base: string;
let answer: (response: ServerResponse) => void;
let asked = 0;
let now = 1_700_000_000;
const open: FileConfigurationSource[] = [];
const clock = { wall: () => instant(now * 1000), uptime: () => seconds(now) };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vacua-config-'));
  asked = 0;
  answer = (response) => response.end(document('prod'));
  server = createServer((_request, response) => {
    asked++;
    answer(response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(dir, { recursive: true, force: true });
});

const sourceOf = (options: FileConfigurationOptions = {}): FileConfigurationSource => {
  const source = new FileConfigurationSource({
    files: [join(dir, 'vac.conf')],
    environment: { ...testEnvironment, stateDir: join(dir, 'state') },
    clock,
    fetch: fetchLimited,
    ...options,
  });
  open.push(source);
  return source;
};
const write = (text: string, name = 'vac.conf') => writeFile(join(dir, name), text);
const settings = '[settings]\nvac_space = vac01.example.com\n';
const withPipe = () => `${settings}[vacuum_pipe vo]\nvacuum_pipe_url = ${base}/pipe.json\ntarget_share = 1\n`;
const refresh = async (source: FileConfigurationSource): Promise<void> => {
  await source.refresh(never);
  await source.settled();
};
const machinetypes = (source: FileConfigurationSource): string[] => [...(source.current().configuration?.machinetypes.keys() ?? [])];

describe('configuration files', () => {
  it('the usual places, in their order (spec/factory.md §3.1, §23)', async () => {
    const [etc, run] = [join(dir, 'etc'), join(dir, 'run')];
    await mkdir(join(etc, 'vac.d'), { recursive: true });
    await mkdir(run);
    const put = (file: string, mb: number, more = '') => writeFile(file, `[settings]\nmb_per_processor = ${mb}\n${more}`);
    const source = sourceOf({ files: [], places: { usual: { etc, run } } });
    await source.refresh(never);
    assert.match(source.current().problems[0]?.text ?? '', /there is no configuration in any of .*vac\.d\/\*\.conf.*`vacua init` writes one/);
    const seen: (number | undefined)[] = [];
    for (const [file, mb, more] of [
      [join(etc, 'vac.d', 'b.conf'), 2, 'vac_space = vac01.example.com\n'],
      [join(etc, 'vac.d', 'a.conf'), 1, ''],
      [join(etc, 'vac-factories.conf'), 3, ''],
      [join(etc, 'vac.conf'), 4, ''],
      [join(run, 'vac.conf'), 5, ''],
      [join(etc, 'vac.d', 'z.conf.rpmsave'), 6, ''],
    ] as const) {
      await put(file, mb, more);
      await source.refresh(never);
      seen.push(source.current().configuration?.settings.mbPerProcessor);
    }
    assert.deepEqual(seen, [2, 2, 3, 4, 5, 5]);
    assert.deepEqual(source.current().problems, []);
  });

  it('files that are missing, not files, or not readable are told; the last good configuration stays in force', async () => {
    await write(settings);
    const source = sourceOf();
    let changes = 0;
    source.onChange(() => changes++);
    await source.refresh(never);
    const good = source.current().configuration;
    assert.ok(good);
    await source.refresh(never);
    assert.equal(changes, 1, 'nothing changed, nobody is told');
    await write('[settings]\nvac_space = vac01.example.com\nmb_per_processor = x\n');
    await source.refresh(never);
    assert.equal(source.current().configuration, good);
    assert.equal(source.current().problems[0]?.line, 3);
    await rm(join(dir, 'vac.conf'));
    await source.refresh(never);
    assert.match(source.current().problems[0]?.text ?? '', /does not exist; valid/);
    await mkdir(join(dir, 'vac.conf'));
    await source.refresh(never);
    assert.match(source.current().problems[0]?.text ?? '', /not a regular file/);
    assert.equal(source.current().configuration, good);
    await rm(join(dir, 'vac.conf'), { recursive: true });
    await write(`${settings}mb_per_processor = 7\n`);
    await source.refresh(never);
    assert.equal(source.current().configuration?.settings.mbPerProcessor, 7);
    assert.notEqual(source.current().configuration?.digest, good.digest);
    assert.equal(changes, 5);
  });

  it('a file replaced by another of the same size and time is noticed', async () => {
    await write(`${settings}mb_per_processor = 1\n`);
    const source = sourceOf();
    await source.refresh(never);
    await write(`${settings}mb_per_processor = 2\n`, 'new');
    await rename(join(dir, 'new'), join(dir, 'vac.conf'));
    await source.refresh(never);
    assert.equal(source.current().configuration?.settings.mbPerProcessor, 2);
  });

  it('a state directory of the command line counts instead of state_dir', async () => {
    await write(`${settings}state_dir = /somewhere\n`);
    const source = sourceOf({ environment: { ...testEnvironment, stateDirGiven: join(dir, 'given') } });
    await source.refresh(never);
    assert.equal(source.current().configuration?.settings.stateDir, join(dir, 'given'));
  });
});

describe('fetching pipes (spec/factory.md §4)', () => {
  it('fetched once, kept for cache_seconds, stored for its owner alone', async () => {
    await write(withPipe());
    const source = sourceOf();
    let changes = 0;
    source.onChange(() => changes++);
    await source.refresh(never);
    assert.deepEqual(machinetypes(source), [], 'refresh does not wait for the pipe');
    await source.settled();
    assert.deepEqual(machinetypes(source), ['vo-prod']);
    assert.equal(changes, 2);
    assert.deepEqual(source.current().pipes, [{ prefix: 'vo', url: `${base}/pipe.json`, fetchedAt: clock.wall(), machinetypes: 1 }]);
    now += 599;
    await refresh(source);
    assert.equal(asked, 1);
    answer = (response) => response.end(document('prod', 'test'));
    now += 1;
    await refresh(source);
    assert.equal(asked, 2);
    assert.deepEqual(machinetypes(source), ['vo-prod', 'vo-test']);
    const pipes = join(dir, 'state', 'pipescache');
    assert.deepEqual(await readdir(pipes), ['vo.pipe']);
    assert.equal((await stat(join(pipes, 'vo.pipe'))).mode & 0o777, 0o600);
  });

  it('a restarted daemon uses the stored copy at once, and a damaged one not at all', async () => {
    await write(withPipe());
    await refresh(sourceOf());
    const second = sourceOf({ offline: true });
    await second.refresh(never);
    assert.deepEqual(machinetypes(second), ['vo-prod']);
    assert.equal(asked, 1);
    const file = join(dir, 'state', 'pipescache', 'vo.pipe');
    for (const damaged of [
      '',
      '{',
      '{}',
      (await readFile(file, 'utf8')).replace('machinetypes', 'x'),
      (await readFile(file, 'utf8')).replace(base, 'http://other'),
    ]) {
      await writeFile(file, damaged);
      const third = sourceOf({ offline: true });
      await third.refresh(never);
      assert.deepEqual(machinetypes(third), [], damaged);
    }
  });

  it('a copy of another URL is not used', async () => {
    await write(withPipe());
    const source = sourceOf();
    await refresh(source);
    answer = (response) => response.writeHead(500).end();
    await write(withPipe().replace('pipe.json', 'other.json'));
    await refresh(source);
    assert.deepEqual(machinetypes(source), []);
    assert.match(source.current().pipes[0]?.failure ?? '', /status 500; valid: 200/);
  });

  const failures: readonly (readonly [string, (response: ServerResponse) => void, RegExp])[] = [
    ['a web page', (r) => r.writeHead(200, { 'content-type': 'text/html' }).end('<html>login</html>'), /markup/],
    ['404', (r) => r.writeHead(404).end(document('prod')), /status 404; valid: 200/],
    ['204', (r) => r.writeHead(204).end(), /status 204/],
    ['the wrong shape', (r) => r.end('{"machinetypes": 5}'), /no list machinetypes/],
    ['not UTF-8', (r) => r.end(Buffer.from([0x7b, 0xff, 0x7d])), /not UTF-8/],
    ['100 MB announced', (r) => r.writeHead(200, { 'content-length': 100_000_000 }).write('{'), /1048576/],
    ['100 MB sent', (r) => pour(r), /1048576/],
    ['a connection that breaks', (r) => r.destroy(), /./],
  ];
  for (const [what, bad, message] of failures) {
    it(`${what}: the last good copy stays in use, its age is known, and it is tried again after 60 s, then 120 s`, async () => {
      await write(withPipe());
      const source = sourceOf();
      await refresh(source);
      const fetchedAt = clock.wall();
      answer = bad;
      now += 600;
      await refresh(source);
      assert.deepEqual(machinetypes(source), ['vo-prod']);
      const [pipe] = source.current().pipes;
      assert.match(pipe?.failure ?? '', message);
      assert.equal(pipe?.fetchedAt, fetchedAt);
      const attempts: number[] = [];
      for (let i = 0; i < 200; i++) {
        const before = asked;
        now += 1;
        await refresh(source);
        if (asked > before) attempts.push(i + 1);
      }
      assert.deepEqual(attempts, [60, 180]);
      answer = (response) => response.end(document('again'));
      now += 240;
      await refresh(source);
      assert.deepEqual(machinetypes(source), ['vo-again']);
      assert.equal(source.current().pipes[0]?.failure, undefined);
    });
  }

  it('a slow pipe holds up neither a turn nor another pipe', async () => {
    const slow = Promise.withResolvers<never>();
    await write(`${withPipe()}[vacuum_pipe slow]\nvacuum_pipe_url = ${base}/slow\ntarget_share = 1\n`);
    const limits: unknown[] = [];
    const source = sourceOf({
      fetch: (url, options) => {
        limits.push([options.timeoutSeconds, options.maxBytes]);
        return url.endsWith('/slow') ? slow.promise : fetchLimited(url, options);
      },
    });
    const fetched = new Promise<void>((done) => source.onChange(() => machinetypes(source).length > 0 && done()));
    await source.refresh(never);
    await fetched;
    assert.deepEqual(machinetypes(source), ['vo-prod']);
    await source.refresh(never);
    assert.deepEqual(limits, [
      [30, 1024 ** 2],
      [30, 1024 ** 2],
    ]);
    slow.reject(new Error('not complete after 30 s'));
    await source.settled();
    assert.deepEqual(
      source.current().pipes.map(({ prefix, failure }) => [prefix, failure]),
      [
        ['vo', undefined],
        ['slow', 'not complete after 30 s'],
      ],
    );
  });

  it('a clock that steps back asks again, and one that steps on too', async () => {
    await write(withPipe());
    const source = sourceOf();
    await refresh(source);
    now -= 3600 * 24 * 365;
    await refresh(source);
    assert.equal(asked, 2);
    now += 3600 * 24 * 365;
    await refresh(source);
    assert.equal(asked, 3);
  });

  it('close ends a fetch that hangs', async () => {
    const hangs = Promise.withResolvers<void>();
    answer = () => hangs.resolve();
    await write(withPipe());
    const source = sourceOf();
    await source.refresh(never);
    await hangs.promise;
    await source.close();
    assert.equal(asked, 1);
  });
});

function pour(response: ServerResponse): void {
  const block = Buffer.alloc(64 * 1024, ' ');
  const blocks = Array.from({ length: 1600 }, () => block);
  Readable.from(blocks).pipe(response);
}
