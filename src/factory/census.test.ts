import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { fakeAnswer, fakeFactoryFacts, fakeSpaceNow } from '../core/space/fake-answers.ts';
import { later } from '../core/units.ts';
import { CensusFiles, seenIn } from './census.ts';

let top = '';
let directory = '';
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'vacua-census-'));
  directory = join(top, 'space-census');
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

const now = fakeSpaceNow;
const census = (): CensusFiles => new CensusFiles(directory, () => 'vac01.example.com');
const summary = (files: CensusFiles, at: typeof now) => files.entries(at).map((e) => `${e.factory} ${e.member ? 'member' : 'gone'}`);

it('each answer is a file with the factory_status; the silent have none', async () => {
  await census().store([fakeAnswer('wn02.example.com'), fakeAnswer('wn01.example.com'), fakeAnswer('wn03.example.com', 'silent')], now);
  assert.deepEqual(readdirSync(directory).sort(), ['wn01.example.com', 'wn02.example.com']);
  const message = JSON.parse(readFileSync(join(directory, 'wn01.example.com'), 'utf8')) as Record<string, unknown>;
  assert.equal(message['message_type'], 'factory_status');
  assert.equal(message['factory'], 'wn01.example.com');
  assert.equal(message['max_processors'], 8);
  assert.equal(message['time_sent'], now / 1000);
});

it('a later process reads them again', async () => {
  await census().store([fakeAnswer('wn01.example.com')], now);
  const again = census();
  await again.load(later(now, 60));
  const [entry] = again.entries(later(now, 60));
  assert.equal(entry?.seenAt, now);
  assert.equal(entry.version, 'Vacua 0.1.0 vacd-responder');
  assert.deepEqual({ ...entry.facts, daemonVersion: '' }, { ...fakeFactoryFacts, daemonVersion: '' });
  assert.equal(again.latest, now);
});

it('files younger than 86400 s count as members; older than twice that are deleted', async () => {
  const files = census();
  await files.store([fakeAnswer('wn01.example.com'), fakeAnswer('wn02.example.com')], now);
  assert.deepEqual(summary(files, later(now, 86_399)), ['wn01.example.com member', 'wn02.example.com member']);
  await files.store([fakeAnswer('wn02.example.com')], later(now, 86_400));
  assert.deepEqual(summary(files, later(now, 86_400)), ['wn01.example.com gone', 'wn02.example.com member']);
  await files.store([], later(now, 2 * 86_400));
  assert.deepEqual(readdirSync(directory), ['wn02.example.com']);
});

it('no name leads out of the directory or hides in it', async () => {
  const names = ['../evil', '..', '.', '', '.hidden', 'a/b', '/etc/passwd', 'a..b', 'x'.repeat(300), 'a\0b', 'wn\n01'];
  await census().store(
    names.map((name) => fakeAnswer(name)),
    now,
  );
  assert.deepEqual(readdirSync(directory), []);
  assert.deepEqual(readdirSync(top), ['space-census']);
  assert.equal((await seenIn(directory, names)).size, 0);
});

it('what is no answer is not believed, and is removed by the next census', async () => {
  mkdirSync(join(directory, 'dir.example.com'), { recursive: true });
  writeFileSync(join(top, 'outside'), 'kept');
  symlinkSync(join(top, 'outside'), join(directory, 'link.example.com'));
  writeFileSync(join(directory, 'cut.example.com'), '{"message_type": "factory_st');
  writeFileSync(join(directory, 'huge.example.com'), ' '.repeat(200_000));
  const files = census();
  await files.store([fakeAnswer('wn01.example.com')], now);
  writeFileSync(join(directory, 'other.example.com'), readFileSync(join(directory, 'wn01.example.com')));
  const again = census();
  await again.load(now);
  assert.deepEqual(summary(again, now), ['wn01.example.com member']);
  assert.equal((await seenIn(directory, ['other.example.com', 'dir.example.com', 'none.example.com'])).size, 0);
  await again.store([], now);
  assert.deepEqual(readdirSync(directory), ['wn01.example.com']);
  assert.equal(readFileSync(join(top, 'outside'), 'utf8'), 'kept');
});

it('a step of the clock leaves every answer as old as it was', async () => {
  const files = census();
  await files.store([fakeAnswer('wn01.example.com')], now);
  files.shift(3_600_000);
  assert.equal(files.latest, later(now, 3600));
});

it('seenIn needs no daemon: it tells when factories that are silent now were last seen', async () => {
  await census().store([fakeAnswer('wn02.example.com')], later(now, -3 * 3600));
  assert.deepEqual([...(await seenIn(directory, ['wn02.example.com', 'wn09.example.com']))], [['wn02.example.com', later(now, -3 * 3600)]]);
});
