import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../../src/factory/control/client.ts';
import { layout } from '../../src/factory/layout.ts';
import { DaemonProcess } from './process.ts';

const cloudCommand = fileURLToPath(new URL('./cloud.cjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'vacua-spaces-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** A site of a host with two slots and spaces at clouds, whose machines run for ever. */
class TestSite {
  readonly place: string;
  readonly config: string;
  readonly stateDir: string;
  readonly client: ControlClient;
  readonly port: number;
  host = true;
  more = '';
  factory = 'wn01.example.com';
  /** Where the clouds are; those of another site where two managers share them. */
  clouds: string;

  /** On a port that nobody has just now. */
  static async make(name: string): Promise<TestSite> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    return new TestSite(name, port);
  }

  private constructor(name: string, port: number) {
    this.port = port;
    this.place = join(directory, name);
    this.clouds = this.place;
    this.stateDir = join(this.place, 'state');
    this.config = join(this.place, 'vac.conf');
    mkdirSync(this.place);
    writeFileSync(join(this.place, 'kernel'), Buffer.concat([Buffer.alloc(0x1fe), Buffer.from([0x55, 0xaa]), Buffer.from('..HdrS'), Buffer.alloc(4096)]));
    writeFileSync(join(this.place, 'initrd'), Buffer.from([0x1f, 0x8b, 8, 0]));
    writeFileSync(join(this.place, 'user_data'), '#!/bin/sh\n');
    this.client = new ControlClient(layout(this.stateDir).control);
  }

  cloud(name: string): string {
    return join(this.clouds, `cloud-${name}`);
  }
  servers(name: string): readonly string[] {
    const machines = join(this.cloud(name), 'machines');
    return existsSync(machines) ? readdirSync(machines).sort() : [];
  }
  calls(name: string): string {
    return readFileSync(join(this.cloud(name), 'calls'), 'utf8');
  }
  /** Everything that the cloud is asked fails with this text; undefined: it works again. */
  refuse(name: string, text?: string): void {
    mkdirSync(this.cloud(name), { recursive: true });
    if (text === undefined) rmSync(join(this.cloud(name), 'refuses'), { force: true });
    else writeFileSync(join(this.cloud(name), 'refuses'), text);
  }

  configure(...spaces: readonly string[]): this {
    const host = `vac_space = lab.example.com
provider = sim
total_processors = 2
`;
    const machines = `[machinetype work]
target_share = 1
machine_model = kernel
root_image = ${join(this.place, 'kernel')}
initrd = ${join(this.place, 'initrd')}
user_data = ${join(this.place, 'user_data')}
`;
    writeFileSync(
      this.config,
      `[settings]
${this.host ? host : ''}factory_name = ${this.factory}
state_dir = ${this.stateDir}
overload_per_processor = 1000
cycle_seconds = 1
min_free_disk_gb = 0
${this.host ? machines : ''}${spaces
  .map(
    (space) => `[space ${space}]
api = command
command = ${process.execPath} ${cloudCommand} ${this.cloud(space)}
machines_limit = 2
guest_listen = 127.0.0.1:${this.port}
${this.more}
[machinetype ${space} job]
target_share = 1
root_image = image:any
user_data = ${join(this.place, 'user_data')}
backoff_seconds = 600
fizzle_seconds = 600
`,
  )
  .join('')}`,
    );
    return this;
  }

  start(): DaemonProcess {
    return new DaemonProcess('--config', this.config, 'factory', '--log-level', 'debug');
  }

  async running(space: string): Promise<readonly string[]> {
    return (await this.client.machines()).flatMap((m) => (m.space === space && m.state === 'running' ? [m.id] : [])).sort();
  }
  /** All of these spaces have two running machines. */
  async full(daemon: DaemonProcess, ...spaces: readonly string[]): Promise<void> {
    await daemon.line((l) => l.msg === 'decided');
    for (const space of spaces) await daemon.until(async () => (await this.running(space)).length === 2);
  }
}

test('a host and two clouds: one view of all, and killed at any time it finds every machine again', async () => {
  const s = (await TestSite.make('mixed')).configure('red.example.com', 'blue.example.com');
  const spaces = ['lab.example.com', 'blue.example.com', 'red.example.com'];
  let before: readonly string[][];
  {
    await using first = s.start();
    await s.full(first, ...spaces);
    before = await Promise.all(spaces.map(async (space) => [...(await s.running(space))]));
    assert.deepEqual(
      (await s.client.spaces()).map(({ space, status }) => [space, status?.provider, status?.cloud?.trouble]),
      [
        ['lab.example.com', 'sim', undefined],
        ['blue.example.com', 'command', undefined],
        ['red.example.com', 'command', undefined],
      ],
    );
    assert.equal((await s.client.status()).space, 'lab.example.com', 'without a name the host is meant');
    assert.deepEqual(
      (await s.client.machinetypes()).map(({ space, name, machines }) => [space, name, machines.running]),
      [
        ['lab.example.com', 'work', 2],
        ['blue.example.com', 'job', 2],
        ['red.example.com', 'job', 2],
      ],
    );
    const blue = s.client.of('blue.example.com');
    assert.equal((await blue.machines()).length, 2);
    const [machine] = await blue.machines();
    assert.ok(machine);
    assert.deepEqual([machine.flavor?.name, machine.address], ['small', '192.0.2.7']);
    assert.equal(Buffer.from(await s.client.console(machine.id)).toString(), `console of ${machine.id}\n`);
    assert.match((await s.client.why()).join('\n'), /^space lab\.example\.com:\n[^]*\nspace blue\.example\.com:\n[^]*\nspace red\.example\.com:\n/);
    assert.equal((await blue.space()).space, 'blue.example.com');
    await assert.rejects(s.client.of('green.example.com').machines(), /there is no space "green.example.com" here; there are: lab/);
    assert.equal(statSync(layout(layout(s.stateDir).space('red.example.com')).guestKey).mode & 0o777, 0o600);
    assert.equal(await first.end('SIGKILL'), 'SIGKILL');
  }
  await using second = s.start();
  await s.full(second, ...spaces);
  assert.deepEqual(await Promise.all(spaces.map((space) => s.running(space))), before);
  assert.deepEqual(s.servers('red.example.com'), before[2]);
  assert.equal(s.calls('red.example.com').match(/^create/gm)?.length, 2);
  assert.equal(await second.end('SIGTERM'), 0);
});

test('a cloud that is down, and one that never answers, delay nobody, and are served when they work', async () => {
  const s = (await TestSite.make('down')).configure('dead.example.com', 'slow.example.com', 'good.example.com');
  s.refuse('dead.example.com', 'closed for the winter');
  mkdirSync(s.cloud('slow.example.com'), { recursive: true });
  writeFileSync(join(s.cloud('slow.example.com'), 'slow'), '');
  await using daemon = s.start();
  await s.full(daemon, 'lab.example.com', 'good.example.com');
  await daemon.line((l) => l.msg === 'space cannot be opened' && l['space'] === 'dead.example.com');
  const dead = (await s.client.spaces()).find(({ space }) => space === 'dead.example.com')?.status?.cloud;
  assert.match(dead?.trouble?.why ?? '', /closed for the winter/);
  await assert.rejects(s.client.of('dead.example.com').turn(), /cannot be opened: .*closed for the winter/);
  s.refuse('dead.example.com');
  // A change of the configuration is taken for the remedy, and not waited for.
  s.more = 'takeover_seconds = 700';
  s.configure('dead.example.com', 'slow.example.com', 'good.example.com');
  await daemon.until(async () => (await s.running('dead.example.com')).length === 2);
  assert.equal(await daemon.end('SIGTERM'), 0);
});

test('spaces come and go with the files: one that has gone drains to its last machine; a mistake in one changes nothing', async () => {
  const s = await TestSite.make('changing');
  s.host = false;
  s.configure('red.example.com');
  await using daemon = s.start();
  await s.full(daemon, 'red.example.com');
  s.configure('red.example.com', 'blue.example.com');
  await daemon.until(async () => (await s.running('blue.example.com')).length === 2);

  const files = readFileSync(s.config, 'utf8');
  writeFileSync(s.config, files.replace('machines_limit = 2', 'machines_limit = many'));
  await daemon.line((l) => l.msg === 'configuration problem' && /"many" is not/.test(String(l['text'])));
  assert.equal((await s.running('red.example.com')).length, 2);

  s.configure('blue.example.com');
  await daemon.until(async () => (await s.client.of('red.example.com').status()).draining);
  assert.equal((await s.client.of('red.example.com').status()).cloud?.leaving, true);
  const machines = await s.client.of('red.example.com').machines();
  assert.equal(machines.filter((m) => m.state === 'running').length, 2, 'its machines live on');
  for (const { id } of machines) await s.client.destroy(id);
  await daemon.line((l) => l.msg === 'factory closed' && l['space'] === 'red.example.com');
  assert.deepEqual(
    (await s.client.spaces()).map(({ space }) => space),
    ['blue.example.com'],
  );
  assert.deepEqual(s.servers('red.example.com'), []);
  assert.equal((await s.running('blue.example.com')).length, 2);
  assert.equal(await daemon.end('SIGTERM'), 0);
});

test('a space that was never usable is named with the reason, and begins when it is put right', async () => {
  const s = await TestSite.make('broken');
  s.host = false;
  s.more = 'machines_limit = lots';
  s.configure('red.example.com');
  await using daemon = s.start();
  await daemon.line((l) => l.msg === 'configuration problem');
  await daemon.until(async () => (await s.client.spaces().catch(() => [])).length === 1);
  assert.match((await s.client.spaces())[0]?.why ?? '', /vac\.conf:\d+:\d+: machines_limit: "lots"/);
  await assert.rejects(s.client.status(), /there is no factory here: red\.example\.com: .*"lots"/);
  s.more = '';
  s.configure('red.example.com');
  await daemon.until(async () => (await s.running('red.example.com')).length === 2);
  assert.equal(await daemon.end('SIGTERM'), 0);
});

test('two managers of one space: one starts machines, the other takes over when it is killed, and no machine is made twice', async () => {
  const [one, two] = [await TestSite.make('one'), await TestSite.make('two')];
  for (const [i, s] of [one, two].entries()) {
    s.host = false;
    s.factory = `manager${i + 1}.example.com`;
    s.clouds = one.place;
    s.more = `shared_dir = ${join(directory, 'shared')}\ntakeover_seconds = 10`;
    s.configure('red.example.com');
  }
  await using first = one.start();
  await one.full(first, 'red.example.com');
  await using second = two.start();
  await second.line((l) => l.msg === 'decided' && JSON.stringify(l).includes('not_lease_holder'));
  const before = one.servers('red.example.com');
  assert.equal(before.length, 2);
  assert.deepEqual((await two.client.of('red.example.com').status()).cloud?.lease, {
    held: false,
    holder: 'manager1.example.com',
    text: 'the lease is held by manager1.example.com',
  });
  assert.equal(await first.end('SIGKILL'), 'SIGKILL');
  await second.until(async () => (await two.client.of('red.example.com').status()).cloud?.lease?.held === true);
  await second.until(async () => (await two.running('red.example.com')).length === 2);
  assert.deepEqual(await two.running('red.example.com'), before, 'machines of the dead one are taken over');
  assert.deepEqual(one.servers('red.example.com'), before);
  assert.equal(one.calls('red.example.com').match(/^create/gm)?.length, 2);
  await using again = one.start();
  await again.line((l) => l.msg === 'decided' && JSON.stringify(l).includes('not_lease_holder'));
  assert.deepEqual(one.servers('red.example.com'), before);
  assert.equal(await again.end('SIGTERM'), 0);
  assert.equal(await second.end('SIGTERM'), 0);
});
