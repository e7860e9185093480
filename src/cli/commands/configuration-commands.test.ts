import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { testEnvironment } from '../../core/config/testing.ts';
import { instant } from '../../core/units.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { type OnlineCheck, ProviderCheck } from '../../factory/online-check.ts';
import { type Finding, type Provider, ProviderError } from '../../providers/contract.ts';
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

describe('vacua check, spaces at clouds', () => {
  const space = (name: string, more = ''): string =>
    `[space ${name}]\napi = openstack\nurl = https://k.example.com/v3\ncred_id = i\ncred_secret = hunter2\nprocessors_limit = 8\n${more}[machinetype ${name} prod]\ntarget_share = 2\nroot_image = image:x\nuser_data = u\nbackoff_seconds = 1\nfizzle_seconds = 1\nflavor_names = m1\n`;
  /** A cloud for each space, which says this; `undefined`: it never answers. */
  const clouds = (findings: Readonly<Record<string, readonly Finding[] | undefined>>, asked: string[] = []): OnlineCheck => ({
    async *check({ settings: { space: name } }, signal) {
      asked.push(name);
      const own = findings[name];
      if (own) yield* own;
      else {
        await new Promise<void>((done) => signal.addEventListener('abort', () => done(), { once: true }));
        yield { what: 'credentials', state: 'unknown', text: 'no answer in time' };
      }
    },
  });
  const ok: Finding = { what: 'credentials', state: 'ok', text: 'accepted' };

  it('spaces alone: a table for each, secrets in no output', async () => {
    const source = await file('spaces.conf', space('a.example.com') + space('b.example.com', 'orphans = x\n'));
    const { lines, code } = await check(source, { effective: true }, view);
    const text = lines.join('\n');
    assert.equal(code, 2);
    assert.match(text, /spaces.conf:20:11: orphans: "x" is not one of the words/);
    assert.match(text, /^Spaces at clouds alone: this host makes no machines of its own.$/m);
    assert.match(text, /^space a.example.com, openstack, at most 8 processors\nMACHINETYPE .*\nprod +100 % +1\+ +m1 +24 h +.*spaces.conf:7$/m);
    assert.match(text, /^\[space a.example.com\]\n(.*\n)*cred_secret = \*\*\*$/m);
    assert.doesNotMatch(text, /space b.example.com, |hunter2/);
    const json = JSON.parse((await check(source, { json: true }, view)).lines.join('\n'));
    assert.deepEqual(json.spaces, { 'a.example.com': { shares: { prod: 1 } } });
    assert.equal(json.configuration['machinetype a.example.com prod'].flavor_names, 'm1');
    assert.doesNotMatch(JSON.stringify(json), /hunter2/);
  });

  it('--online: findings as they come, and what they mean for scripts', async () => {
    const source = await file('online.conf', space('a.example.com') + space('b.example.com'));
    const told: string[] = [];
    const wrong: Finding = { what: 'image x', state: 'wrong', text: 'is not there\u001b[2J' };
    const { lines, code } = await check(
      source,
      { online: true },
      { ...view, tell: (some) => void told.push(...some) },
      clouds({ 'a.example.com': [ok, wrong], 'b.example.com': [ok] }),
    );
    assert.deepEqual([lines, code], [[], 1]);
    assert.deepEqual(told.slice(-3).toSorted(), [
      'ok       a.example.com: credentials: accepted',
      'ok       b.example.com: credentials: accepted',
      told.find((line) => line.startsWith('wrong')),
    ]);
    assert.match(told.join('\n'), /^wrong {4}a.example.com: image x: is not there/m);
    assert.equal(told.join('').includes('\u001b'), false);
    const good = await check(source, { online: true, json: true }, view, clouds({ 'a.example.com': [ok], 'b.example.com': [ok] }));
    assert.equal(good.code, 0);
    assert.deepEqual(JSON.parse(good.lines.join('\n')).online, [
      { ...ok, space: 'a.example.com' },
      { ...ok, space: 'b.example.com' },
    ]);
  });

  it('--online: a cloud that does not answer delays no other, and is status 3', async () => {
    const source = await file('dead.conf', space('dead.example.com') + space('b.example.com'));
    const leaving = new AbortController();
    const told: string[] = [];
    const tell = (some: readonly string[]): void => {
      told.push(...some);
      if (some.some((line) => line.startsWith('ok'))) leaving.abort();
    };
    const { code } = await check(source, { online: true }, { ...view, signal: leaving.signal, tell }, clouds({ 'b.example.com': [ok] }));
    assert.equal(code, 3);
    assert.match(told.at(-1) ?? '', /^unknown {2}dead.example.com: credentials: no answer in time$/);
  });

  it('--online asks no space that is not usable', async () => {
    const asked: string[] = [];
    const source = await file('half.conf', space('a.example.com') + space('b.example.com', 'orphans = x\n'));
    const { code } = await check(source, { online: true }, view, clouds({ 'a.example.com': [ok] }, asked));
    assert.deepEqual([asked, code], [['a.example.com'], 2]);
    const none = await check(await file('host.conf', settings), { online: true }, view, clouds({}, asked));
    assert.match(none.lines.join('\n'), /There is no usable space at a cloud, so nothing was asked online/);
    assert.deepEqual([asked.length, none.code], [1, 0]);
  });

  it('the check of a provider: its own, or opening and listing it; faults are findings', async () => {
    const { configuration } = await readOnce({ ...(await file('one.conf', space('a.example.com'))), offline: true }, view.signal);
    const own = configuration?.spaces?.get('a.example.com') ?? assert.fail();
    const closed: string[] = [];
    const base = { kind: 'command', close: async () => void closed.push('closed') };
    const look = async (provider: object): Promise<readonly Finding[]> => {
      const found: Finding[] = [];
      for await (const finding of new ProviderCheck(async () => provider as Provider).check(own, view.signal)) found.push(finding);
      return found;
    };
    const types: string[] = [];
    const verify = async function* (machinetypes: readonly Machinetype[]) {
      types.push(...machinetypes.map(({ name }) => name));
      yield ok;
    };
    assert.deepEqual(await look({ ...base, verify }), [ok]);
    assert.deepEqual(types, ['prod']);
    const list = async () => ({ complete: true, sightings: [], foreignProcessors: 0 });
    assert.deepEqual(await look({ ...base, open: async () => ({ notes: ['version 1'] }), list }), [
      { what: 'command', state: 'ok', text: 'answers; version 1' },
      { what: 'machines', state: 'ok', text: '0 listed' },
    ]);
    const fails = (fault: 'host' | 'provider') => ({ ...base, open: () => Promise.reject(new ProviderError('X', 'no\nsuch', { fault })) });
    assert.deepEqual(await look(fails('host')), [{ what: 'openstack', state: 'wrong', text: 'no such' }]);
    assert.deepEqual(await look(fails('provider')), [{ what: 'openstack', state: 'unknown', text: 'no such' }]);
    assert.equal(closed.length, 4);
  });
});
