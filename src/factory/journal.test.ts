import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import type { Machine, UsageRecord } from '../core/machine.ts';
import { instant, machineId, seconds } from '../core/units.ts';
import { Journal, JournalError } from './journal.ts';

const directory = mkdtempSync(join(tmpdir(), 'vacua-journal-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
const fresh = (): string => join(directory, String(files++), 'journal.db');

const id = machineId('7d3a0c0e-52a2-4f0e-9b2b-0a4c9f7e1d11');
const creating: Machine = {
  id,
  state: 'creating',
  name: 'wn01-00.example.com',
  slot: 0,
  machinetype: 'lhcb-prod',
  machinegroup: 'lhcb',
  model: 'vm-raw',
  processors: 2,
  memoryMb: 4096,
  fizzle: seconds(600),
  machinesDirDays: 3,
  createdAt: instant(1_000_000),
  shutdownTime: instant(90_000_000),
};
const finished: Machine = {
  ...creating,
  state: 'finished',
  startedAt: instant(1_010_000),
  heartbeatAt: instant(2_000_000),
  cpuSeconds: seconds(1234.5),
  finishedAt: instant(2_001_000),
  message: { text: '200 Success', at: instant(1_999_000) },
  outcome: { code: 200, message: '200 Success', cause: 'power-off', abort: false, at: instant(1_999_000) },
};
const usage: UsageRecord = {
  id,
  name: creating.name,
  space: 'vac01.example.com',
  factory: 'wn01.example.com',
  site: 'example.com',
  machinetype: 'lhcb-prod',
  processors: 2,
  memoryMb: 4096,
  startedAt: instant(1_010_000),
  endedAt: instant(2_000_000),
  wall: seconds(990),
  cpu: seconds(1234.5),
  outcome: finished.outcome,
};

test('what was committed is there after a restart, whole and equal', () => {
  const path = fresh();
  const first = new Journal(path);
  first.commit([
    { kind: 'put', machine: creating },
    { kind: 'fact', key: 'draining', value: 'yes' },
  ]);
  first.commit([{ kind: 'finish', machine: finished, usage }]);
  first.close();
  const second = new Journal(path);
  assert.deepEqual(second.machines(), [finished]);
  assert.deepEqual(second.usage(), [usage]);
  assert.equal(second.fact('draining'), 'yes');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  second.close();
});

test('a usage record is written once, however often a machine is finished', () => {
  const journal = new Journal(fresh());
  journal.commit([{ kind: 'finish', machine: finished, usage }]);
  journal.commit([{ kind: 'finish', machine: finished, usage: { ...usage, wall: seconds(5) } }]);
  assert.deepEqual(journal.usage(), [usage]);
  journal.close();
});

test('a forgotten machine leaves its usage record', () => {
  const journal = new Journal(fresh());
  journal.commit([{ kind: 'finish', machine: finished, usage }]);
  journal.commit([{ kind: 'forget', id }]);
  assert.deepEqual(journal.machines(), []);
  assert.equal(journal.usage().length, 1);
  journal.close();
});

test('a commit that fails half-way changes nothing, on disk and in memory', () => {
  const path = fresh();
  const journal = new Journal(path);
  journal.commit([{ kind: 'put', machine: creating }]);
  const unprintable = {
    ...finished,
    get outcome(): never {
      throw new Error('no room');
    },
  } as unknown as Machine;
  assert.throws(
    () =>
      journal.commit([
        { kind: 'fact', key: 'clock', value: '{}' },
        { kind: 'put', machine: unprintable },
      ]),
    (error: unknown) => error instanceof JournalError && error.code === 'UNWRITABLE',
  );
  assert.deepEqual(journal.machines(), [creating]);
  assert.equal(journal.fact('clock'), undefined);
  journal.close();
  const again = new Journal(path);
  assert.equal(again.fact('clock'), undefined);
  again.close();
});

test('a second process on the same state directory is told so, and gets in when the first is killed', () => {
  const path = fresh();
  const journal = new Journal(path);
  const script = `import { Journal } from ${JSON.stringify(import.meta.resolve('./journal.ts'))};
    try { const j = new Journal(process.argv[1]); j.commit([{ kind: 'fact', key: 'child', value: 'was here' }]); process.kill(process.pid, 'SIGKILL'); }
    catch (error) { console.log(error.code + ' ' + error.message); }`;
  const child = (): { stdout: string; signal: NodeJS.Signals | null } =>
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, path], { encoding: 'utf8' });
  assert.match(child().stdout, /^BUSY .*in use by another vacua factory/);
  journal.close();
  assert.equal(child().signal, 'SIGKILL');
  const after = new Journal(path);
  assert.equal(after.fact('child'), 'was here');
  after.close();
});

test('a damaged file or a record of a newer version is refused by name, never overwritten', () => {
  const damaged = fresh();
  new Journal(damaged).close();
  writeFileSync(damaged, 'x'.repeat(8192));
  assert.throws(
    () => new Journal(damaged),
    (error: unknown) => error instanceof JournalError && error.code === 'UNREADABLE' && error.message.includes(damaged),
  );
  const newer = fresh();
  new Journal(newer).close();
  const db = new DatabaseSync(newer);
  db.prepare('INSERT INTO machine VALUES (?, ?)').run(id, '{"v":2,"machine":{}}');
  db.close();
  assert.throws(
    () => new Journal(newer),
    (error: unknown) => error instanceof JournalError && error.code === 'UNREADABLE',
  );
});
