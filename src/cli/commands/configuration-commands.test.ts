import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { testEnvironment } from '../../core/config/testing.ts';
import { instant } from '../../core/units.ts';
import { HttpFetchError } from '../../factory/http-fetch.ts';
import { maskedConfiguration } from '../../factory/control/masked.ts';
import { CliError } from '../context.ts';
import { check, readOnce } from './check.ts';
import { configurationText, interview, refusals, takeDefaults, writeConfiguration } from './init.ts';
import { configurationFrom, plan } from './plan.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vacua-cli-'));
});
after(() => rm(dir, { recursive: true, force: true }));

const view = { width: 100, colour: false, now: instant(1_700_000_000_000), signal: new AbortController().signal };
const file = async (name: string, text: string): Promise<{ files: string[]; environment: typeof testEnvironment }> => {
  await writeFile(join(dir, name), text);
  return { files: [join(dir, name)], environment: { ...testEnvironment, stateDir: join(dir, 'state') } };
};
const settings = '[settings]\nvac_space = vac01.example.com\nuser_data_option_key = hunter2\n';
const type = (name: string, share: number): string => `[machinetype ${name}]\ntarget_share = ${share}\nroot_image = x\n`;

describe('vacua check', () => {
  it('a usable configuration: shares in percent, exit code 0', async () => {
    const { lines, code } = await check(await file('good.conf', settings + type('a', 3) + type('b', 1)), {}, view);
    assert.equal(code, 0);
    assert.match(lines.join('\n'), /^a +75 % +cernvm3 +1 +24 h +.*good.conf:4$/m);
    assert.match(lines.join('\n'), /^b +25 %/m);
    assert.match(lines.at(-1) ?? '', /^The configuration is usable: 0 errors, 0 warnings\.$/);
  });

  it('every problem, exit code 2, and what is left', async () => {
    const { lines, code } = await check(await file('bad.conf', `${settings + type('a', 3)}max_processors = x\ntarget_shar = 1\n${type('b', 1)}`), {}, view);
    assert.equal(code, 2);
    assert.match(lines[0] ?? '', /bad.conf:7:18: max_processors: "x" is not a whole number; valid: /);
    assert.match(lines[1] ?? '', /bad.conf:8:1: target_shar: .*did you mean target_share\? \(warning\)$/);
    assert.match(lines.join('\n'), /^b +100 %/m);
    assert.match(lines.at(-1) ?? '', /What the errors name is disabled, the rest is usable: 1 error, 1 warning\./);
  });

  it('a refused configuration and a missing file', async () => {
    const refused = await check(await file('refused.conf', '[settings]\n'), {}, view);
    assert.equal(refused.code, 2);
    assert.match(refused.lines.at(-1) ?? '', /^The configuration is refused: 1 error/);
    const missing = await check({ files: [join(dir, 'none.conf')], environment: testEnvironment }, {}, view);
    assert.equal(missing.code, 2);
    assert.match(missing.lines.join('\n'), /none.conf: does not exist/);
  });

  it('no secret in any form of output', async () => {
    const source = await file('secret.conf', `${settings}[vacuum_pipe vo]\nvacuum_pipe_url = http://u:hunter2@127.0.0.1:1/p?token=hunter2\n`);
    for (const options of [{ effective: true }, { json: true }, { effective: true, offline: true }]) {
      const { lines } = await check(source, options, view);
      assert.doesNotMatch(lines.join('\n'), /hunter2/);
      assert.match(lines.join('\n'), /vac01\.example\.com/);
    }
  });

  it('JSON of a hostile file is safe on a terminal and means the same', async () => {
    const source = await file('hostile\u202e.conf', `${settings + type('a', 1)}max_processors = x\n`);
    const { lines } = await check(source, { json: true }, view);
    const planned = await plan(source, { json: true, against: source.files }, () => Promise.resolve(undefined), view.signal);
    for (const json of [lines, planned.lines]) {
      assert.doesNotMatch(json.join('\n'), /\u202e/);
      assert.match(json.join('\n'), /hostile\\+u\{?202e/);
    }
    assert.equal((JSON.parse(lines.join('\n')) as { problems: { file: string }[] }).problems[0]?.file, source.files[0]);
  });

  it('pipes are tried and reported, not stored; offline they are not asked', async () => {
    const source = await file('pipe.conf', `${settings}[vacuum_pipe vo]\nvacuum_pipe_url = https://vo.example.org/p\ntarget_share = 1\n`);
    const asked: string[] = [];
    const good = (url: string) => {
      asked.push(url);
      return Promise.resolve({ status: 200, headers: new Headers(), body: Buffer.from('{"machinetypes":[{"suffix":"a","target_share":1,"root_image":"x"}]}') });
    };
    const online = await check({ ...source, fetch: good }, {}, view);
    assert.match(online.lines.join('\n'), /^vo-a +100 % .*https:\/\/vo.example.org\/p$/m);
    await assert.rejects(stat(join(dir, 'state')));
    const offline = await check({ ...source, fetch: good }, { offline: true }, view);
    assert.match(offline.lines.join('\n'), /\[vacuum_pipe vo\]: not fetched, and there is no copy yet/);
    assert.deepEqual(asked, ['https://vo.example.org/p']);
    const failing = () => Promise.reject(new HttpFetchError('HTTP_CONNECT', 'https://vo.example.org/p', 'nobody listens'));
    const failed = await check({ ...source, fetch: failing }, {}, view);
    assert.match(failed.lines.join('\n'), /\[vacuum_pipe vo\]: .*nobody listens; there is no copy yet/);
    assert.equal(failed.code, 0);
  });

  it('--json', async () => {
    const { lines } = await check(await file('json.conf', `${settings}draining = yse\n${type('a', 1)}`), { json: true }, view);
    const answer = JSON.parse(lines.join('\n'));
    assert.equal(answer.ok, true);
    assert.equal(answer.problems[0].option, 'draining');
    assert.deepEqual(answer.shares, { a: 1 });
    assert.equal(answer.configuration.settings.user_data_option_key, '***');
    assert.equal(answer.configuration['machinetype a'].max_wallclock_seconds, '86400');
  });
});

describe('vacua plan', () => {
  const none = () => Promise.resolve(undefined);
  it('against other files', async () => {
    const before = await file('old.conf', settings + type('a', 1));
    const after = await file('new.conf', settings + type('a', 1) + type('b', 1));
    const { lines, code } = await plan(after, { against: before.files }, none, view.signal);
    assert.equal(code, 0);
    assert.deepEqual(lines, ['a: share of the space 100 % → 50 %', 'b: is new; may be started from now on; share of the space 0 % → 50 %']);
    assert.deepEqual((await plan(before, { against: before.files }, none, view.signal)).lines, ['Nothing would change.']);
    const json = JSON.parse((await plan(after, { against: before.files, json: true }, none, view.signal)).lines.join('\n'));
    assert.equal(json.machinetypes[1].effect, 'starts');
  });

  it('against a running factory, as its control API tells its configuration', async () => {
    const before = await file('old.conf', `${settings}shutdown_time = 1800000000\n${type('a', 1)}`);
    const { configuration } = await readOnce({ ...before, offline: true }, view.signal);
    const told = JSON.parse(JSON.stringify({ ...maskedConfiguration(configuration), problems: [], pipes: [] }));
    const current = () => {
      const read = configurationFrom(told);
      return Promise.resolve(read && { configuration: read });
    };
    assert.deepEqual((await plan(before, {}, current, view.signal)).lines, ['Nothing would change.']);
    const after = await file('new.conf', settings + type('a', 0));
    assert.deepEqual((await plan(after, {}, current, view.signal)).lines, [
      'settings: shutdown_time is no longer given (was "1800000000")',
      'a: would not be started any more; share of the space 100 % → 0 %',
    ]);
  });

  it('a refused file changes nothing, exit code 2; no factory and nothing to compare with, 3', async () => {
    const good = await file('good.conf', settings);
    assert.equal((await plan(await file('refused.conf', '[settings]\n'), {}, none, view.signal)).code, 2);
    await assert.rejects(plan(good, {}, none, view.signal), (error) => error instanceof CliError && error.exitCode === 3 && error.next.includes('--against'));
  });
});

describe('vacua init', () => {
  it('the defaults make a file that is accepted without a word', async () => {
    for (const hostName of ['wn01.example.com', 'WN01', '']) {
      assert.deepEqual(refusals('vac.conf', configurationText(await interview(takeDefaults, hostName))), [], hostName);
    }
  });

  it('answers are written; bad ones are found before', async () => {
    const given = ['f.example.org', 'vac.example.org', 'https://a.example.org/pipe', 'alice', '3', 'https://b.example.org/pipe', 'bob', '1', ''];
    const ask = () => Promise.resolve(given.shift() ?? '');
    const text = configurationText(await interview(ask, 'x'));
    assert.deepEqual(refusals('vac.conf', text), []);
    assert.match(text, /\[vacuum_pipe alice\]\nvacuum_pipe_url = https:\/\/a.example.org\/pipe\ntarget_share = 3\n/);
    assert.match(
      refusals('vac.conf', configurationText({ factory: 'f.example.org', space: 'f.example.org', tenants: [] })).join(),
      /vac_space: .* is the name of a factory/,
    );
  });

  it('never overwrites without --force', async () => {
    const path = join(dir, 'deep', 'init.conf');
    await writeConfiguration(path, 'one', false);
    await assert.rejects(writeConfiguration(path, 'two', false), (error) => error instanceof CliError && error.exitCode === 1);
    assert.equal(await readFile(path, 'utf8'), 'one');
    await writeConfiguration(path, 'two', true);
    assert.equal(await readFile(path, 'utf8'), 'two');
  });
});
