import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ControlClient } from '../../src/factory/control/client.ts';
import { layout } from '../../src/factory/layout.ts';
import { DaemonProcess } from './process.ts';

const directory = mkdtempSync(join(tmpdir(), 'vacua-daemon-'));
after(() => rmSync(directory, { recursive: true, force: true }));

interface Site {
  readonly config: string;
  readonly stateDir: string;
  readonly client: ControlClient;
  readonly text: string;
}

/** A site with two slots and one machinetype whose simulated machines work for a day. */
function site(name: string): Site {
  const place = join(directory, name);
  const stateDir = join(place, 'state');
  mkdirSync(place);
  writeFileSync(join(place, 'kernel'), Buffer.concat([Buffer.alloc(0x1fe), Buffer.from([0x55, 0xaa]), Buffer.from('..HdrS'), Buffer.alloc(4096)]));
  writeFileSync(join(place, 'initrd'), Buffer.from([0x1f, 0x8b, 8, 0]));
  const config = join(place, 'vac.conf');
  const text = `[settings]
vac_space = lab.example.com
factory_name = wn01.example.com
provider = sim
state_dir = ${stateDir}
total_processors = 2
overload_per_processor = 1000
cycle_seconds = 1
min_free_disk_gb = 0
[machinetype work]
target_share = 1
machine_model = kernel
root_image = ${join(place, 'kernel')}
initrd = ${join(place, 'initrd')}
user_data = ${join(place, 'user_data')}
`;
  writeFileSync(join(place, 'user_data'), '#!/bin/sh\n');
  writeFileSync(config, text);
  return { config, stateDir, text, client: new ControlClient(layout(stateDir).control) };
}

const daemon = (s: Site): DaemonProcess => new DaemonProcess('--config', s.config, 'factory', '--log-level', 'debug');
const full = (d: DaemonProcess): Promise<unknown> => d.line((l) => l.msg === 'decided' && l['used'] === 2);
/** Its guests have booted: one that boots does not hear a shutdown request, and is given 30 s. */
const booted = (d: DaemonProcess, s: Site): Promise<void> => d.until(async () => (await s.client.machines()).every((m) => m.contactAt !== undefined));
const running = async (s: Site): Promise<readonly string[]> => (await s.client.machines()).filter((m) => m.state === 'running').map((m) => m.id);

test('any factory may be killed and started again without touching running machines (spec/factory.md §1)', async () => {
  const s = site('killed');
  let before: readonly string[];
  {
    await using first = daemon(s);
    await full(first);
    before = await running(s);
    assert.equal(await first.end('SIGKILL'), 'SIGKILL');
  }
  await using second = daemon(s);
  await full(second);
  assert.equal(before.length, 2);
  assert.deepEqual(await running(s), before);
  assert.equal(await second.end('SIGTERM'), 0);
});

test('a second daemon on one state directory says so and exits 2; the first is not disturbed', async () => {
  const s = site('two');
  await using first = daemon(s);
  await full(first);
  await using second = daemon(s);
  assert.equal(await second.end(), 2);
  assert.match(second.errors, /in use by another vacua factory/);
  assert.equal((await s.client.status()).pid, first.child.pid);
});

test('the last line of the log and of every event stream says why the factory has closed', async () => {
  const s = site('closed');
  await using first = daemon(s);
  await full(first);
  const events: string[] = [];
  const heard = (async () => {
    for await (const { event } of s.client.events(new AbortController().signal)) events.push(event);
  })();
  await s.client.drain(true); // its turn is announced on the stream, so the stream is open
  await first.until(() => Promise.resolve(events.length > 0));
  assert.equal(await first.end('SIGTERM'), 0);
  await heard;
  assert.equal(events.at(-1), 'closed');
  const last = JSON.parse(readFileSync(layout(s.stateDir).log, 'utf8').trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
  assert.deepEqual([last['msg'], last['why']], ['factory closed', 'asked to']);
});

test('a configuration that cannot be used: exit 2 with every problem, file, line and column', async () => {
  const s = site('refused');
  writeFileSync(s.config, s.text.replace('total_processors = 2', 'total_processors = many').replace('vac_space = lab.example.com\n', ''));
  await using refused = daemon(s);
  assert.equal(await refused.end(), 2);
  assert.match(refused.errors, /vac\.conf:\d+:\d+: total_processors: /);
  assert.match(refused.errors, /vac_space/);
});

test('the last good configuration stays in force when the file is broken under a running daemon', async () => {
  const s = site('broken-later');
  await using d = daemon(s);
  await full(d);
  writeFileSync(s.config, '[settings]\ntotal_processors = many\n');
  await d.line((l) => l.msg === 'configuration problem');
  assert.equal((await running(s)).length, 2);
  assert.equal((await s.client.status()).space, 'lab.example.com');
});

test('drain, hold and destroy are durable and do what they say', async () => {
  const s = site('person');
  await using d = daemon(s);
  await full(d);
  await booted(d, s);
  const [one, two] = await s.client.machines();
  assert.ok(one && two);
  assert.equal(await s.client.drain(true), true);
  await s.client.hold(one.id, true);
  await s.client.destroy(two.id);
  await d.line((l) => l.msg === 'machine finished' && l['id'] === two.id);
  assert.equal(await d.end('SIGKILL'), 'SIGKILL');
  await using again = daemon(s);
  await again.line((l) => l.msg === 'decided' && (l['veto'] as { why?: string } | undefined)?.why === 'draining');
  const machines = await s.client.machines();
  assert.equal(machines.find((m) => m.id === one.id)?.held, true);
  const ended = machines.find((m) => m.id === two.id);
  assert.ok(ended?.state === 'finished');
  assert.equal(ended.outcome.killReason, 'person');
  assert.equal(ended.outcome.abort, false);
  assert.equal((await s.client.usage()).length, 1);
});

test('secrets: user data is private to the daemon while the machine lives, gone with its end, and never in the log', async () => {
  const s = site('secret');
  const secret = 'kX9-very-secret-token';
  writeFileSync(join(s.stateDir, '..', 'user_data'), '#!/bin/sh\n# ##user_data_option_token##\n');
  writeFileSync(s.config, `${s.text}user_data_option_token = ${secret}\n`);
  await using d = daemon(s);
  await full(d);
  await booted(d, s);
  const [one] = await s.client.machines();
  assert.ok(one);
  const file = layout(s.stateDir).userData(one.id);
  assert.match(readFileSync(file, 'utf8'), new RegExp(secret));
  await s.client.destroy(one.id);
  await d.line((l) => l.msg === 'performed' && l['action'] === 'finish' && l['id'] === one.id);
  assert.throws(() => readFileSync(file), { code: 'ENOENT' });
  assert.equal(JSON.stringify(d.lines).includes(secret), false);
  assert.equal(JSON.stringify(await s.client.configuration()).includes(secret), false);
});
