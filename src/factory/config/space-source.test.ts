import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { testEnvironment } from '../../core/config/testing.ts';
import { instant, seconds } from '../../core/units.ts';
import type { Fetched } from '../http-fetch.ts';
import { FileConfigurationSource, type FileConfigurationOptions } from './source.ts';
import { SpaceConfigurationSource } from './space-source.ts';

const never = new AbortController().signal;
let dir: string;
const open: FileConfigurationSource[] = [];
let now = 1_700_000_000;
const clock = { wall: () => instant(now * 1000), uptime: () => seconds(now) };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vacua-spaces-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
  await rm(dir, { recursive: true, force: true });
});

const sourceOf = (options: FileConfigurationOptions = {}): FileConfigurationSource => {
  const environment = { ...testEnvironment, stateDir: join(dir, 'state') };
  const source = new FileConfigurationSource({ files: [join(dir, 'site.conf')], environment, clock, ...options });
  open.push(source);
  return source;
};
const write = (text: string, name = 'site.conf') => writeFile(join(dir, name), text);
const space = (name: string, limit: number | string): string => `[space ${name}]\napi = command\ncommand = /bin/true\nprocessors_limit = ${limit}\n`;
const limitOf = (source: SpaceConfigurationSource): number | undefined => source.current().configuration?.settings.cloud?.processorsLimit;

describe('one space of a site', () => {
  it('a change of one space is told to that one alone; a broken one stays as it was, the others follow', async () => {
    await write(space('a', 1) + space('b', 1));
    const site = sourceOf();
    await site.refresh(never);
    const [a, b] = [new SpaceConfigurationSource(site, 'a'), new SpaceConfigurationSource(site, 'b')];
    const told: string[] = [];
    a.onChange(() => told.push('a'));
    b.onChange(() => told.push('b'));
    await write(space('a', 1) + space('b', 22));
    await b.refresh(never);
    assert.deepEqual([limitOf(a), limitOf(b), told], [1, 22, ['b']]);
    await write(space('a', 'many') + space('b', 333));
    await site.refresh(never);
    assert.deepEqual([limitOf(a), limitOf(b), told], [1, 333, ['b', 'a', 'b']]);
    assert.match(a.current().problems[0]?.text ?? '', /"many" is not a whole number/);
    assert.deepEqual(b.current().problems, []);
    assert.deepEqual([a.exists, a.current().configuration?.settings.draining], [true, false]);
    assert.deepEqual([...(site.current().configuration?.spaces?.keys() ?? [])], ['a', 'b'], 'what works is in force as it was');
  });

  it('a space that has vanished drains with its last good configuration, and comes back', async () => {
    await write(space('a', 1) + space('b', 1));
    const site = sourceOf();
    await site.refresh(never);
    const a = new SpaceConfigurationSource(site, 'a');
    let changes = 0;
    a.onChange(() => changes++);
    await write(`${space('b', 1)}[machinetype a prod]\n`);
    await site.refresh(never);
    const gone = a.current().configuration;
    assert.deepEqual([a.exists, limitOf(a), gone?.settings.draining, changes], [false, 1, true, 1]);
    assert.equal(a.current().configuration, gone, 'the same is the same');
    await write(space('b', 1) + space('a', 10));
    await site.refresh(never);
    assert.deepEqual([a.exists, limitOf(a), a.current().configuration?.settings.draining, changes], [true, 10, false, 2]);
  });

  it('files that cannot be read change nothing', async () => {
    await write(space('a', 1));
    const site = sourceOf();
    await site.refresh(never);
    const a = new SpaceConfigurationSource(site, 'a');
    await rm(join(dir, 'site.conf'));
    await site.refresh(never);
    assert.deepEqual([a.exists, limitOf(a), a.current().configuration?.settings.draining], [true, 1, false]);
    assert.match(a.current().problems[0]?.text ?? '', /does not exist/);
  });

  it('a space that was never usable has no configuration; closing a view leaves the site open', async () => {
    await write(space('a', 'x') + space('b', 1));
    const site = sourceOf();
    await site.refresh(never);
    const a = new SpaceConfigurationSource(site, 'a');
    assert.deepEqual([a.exists, a.current().configuration], [true, undefined]);
    let changes = 0;
    a.onChange(() => changes++);
    await a.close();
    await write(space('a', 1) + space('b', 1));
    await site.refresh(never);
    assert.deepEqual([changes, limitOf(a)], [0, 1]);
  });

  it('a host beside them is not touched', async () => {
    await write(`[settings]\nvac_space = vac01.example.com\n${space('a', 'x')}`);
    const site = sourceOf();
    await site.refresh(never);
    const { configuration } = site.current();
    assert.deepEqual([configuration?.settings.space, configuration?.host, configuration?.spaces?.size], ['vac01.example.com', undefined, 0]);
  });
});

describe('pipes of spaces', () => {
  const document = (suffix: string): string =>
    JSON.stringify({ machinetypes: [{ suffix, target_share: 1, root_image: 'image:x', user_data: 'u', backoff_seconds: 1, fizzle_seconds: 1 }] });
  const pipe = (of: string): string => `[vacuum_pipe ${of}vo]\nvacuum_pipe_url = https://${of.trim() || 'host'}.example.org/p\ntarget_share = 1\n`;

  it('equal prefixes of the host and of spaces are kept apart, on disk too; a slow one delays no other', async () => {
    await write(`[settings]\nvac_space = vac01.example.com\n${pipe('')}${space('a', 1)}${pipe('a ')}${space('b', 1)}${pipe('b ')}`);
    let release = (): void => undefined;
    const slow = new Promise<void>((done) => {
      release = done;
    });
    const fetch = async (url: string): Promise<Fetched> => {
      const host = new URL(url).hostname.split('.')[0] ?? '';
      if (host === 'b') await slow;
      return { status: 200, headers: new Headers(), body: Buffer.from(document(`of-${host}`)) };
    };
    const site = sourceOf({ fetch });
    const seen = new Promise<void>((done) => site.onChange(() => (site.current().pipes.filter((p) => p.fetchedAt).length === 2 ? done() : undefined)));
    await site.refresh(never);
    const a = new SpaceConfigurationSource(site, 'a');
    const b = new SpaceConfigurationSource(site, 'b');
    await seen;
    const types = (source: SpaceConfigurationSource): string[] => [...(source.current().configuration?.machinetypes.keys() ?? [])];
    assert.deepEqual([types(a), types(b), [...(site.current().configuration?.machinetypes.keys() ?? [])]], [['vo-of-a'], [], ['vo-of-host']]);
    release();
    await site.settled();
    assert.deepEqual(types(b), ['vo-of-b']);
    assert.deepEqual(
      a.current().pipes.map(({ space: of, prefix, machinetypes }) => [of, prefix, machinetypes]),
      [['a', 'vo', 1]],
    );
    assert.deepEqual(await readdir(join(dir, 'state', 'spaces', 'b', 'pipescache')), ['vo.pipe']);
    assert.deepEqual(await readdir(join(dir, 'state', 'pipescache')), ['vo.pipe']);
  });

  it('the last good copy stays when a fetch fails', async () => {
    await write(space('a', 1) + pipe('a '));
    let fail = false;
    const fetch = (): Promise<Fetched> =>
      fail ? Promise.reject(new Error('nobody listens')) : Promise.resolve({ status: 200, headers: new Headers(), body: Buffer.from(document('x')) });
    const site = sourceOf({ fetch });
    await site.refresh(never);
    await site.settled();
    fail = true;
    now += 4000;
    await site.refresh(never);
    await site.settled();
    const a = new SpaceConfigurationSource(site, 'a');
    assert.deepEqual([a.current().pipes[0]?.failure, a.current().pipes[0]?.machinetypes], ['nobody listens', 1]);
  });
});

describe('the places of a vcycle.conf', () => {
  it('are read before those of vac.conf, in their order (spec/cloud.md §1.1)', async () => {
    const [etc, run, shared] = ['etc', 'run', 'shared'].map((name) => join(dir, name)) as [string, string, string];
    await Promise.all([
      mkdir(join(etc, 'vac.d'), { recursive: true }),
      mkdir(join(etc, 'vcycle.d'), { recursive: true }),
      mkdir(join(shared, 'vcycle.d'), { recursive: true }),
      mkdir(run),
    ]);
    const site = sourceOf({ files: [], places: { usual: { etc, run, shared } } });
    await site.refresh(never);
    assert.match(site.current().problems[0]?.text ?? '', /there is no configuration in any of .*vcycle\.d\/\*\.conf, .*vcycle\.conf, .*vac\.conf/);
    const seen: (number | undefined)[] = [];
    for (const [file, limit] of [
      [join(etc, 'vcycle.d', 'b.conf'), 2],
      [join(etc, 'vcycle.d', 'a.conf'), 1],
      [join(shared, 'vcycle.d', 'z.conf'), 9],
      [join(etc, 'vcycle.conf'), 3],
      [join(etc, 'vac.conf'), 4],
    ] as const) {
      await writeFile(file, space('a', limit));
      await site.refresh(never);
      seen.push(site.current().configuration?.spaces?.get('a')?.settings.cloud?.processorsLimit);
    }
    assert.deepEqual(seen, [2, 2, 2, 3, 4]);
    assert.equal(site.current().configuration?.host, false);
  });
});
