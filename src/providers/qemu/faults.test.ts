import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { machineId } from '../../core/units.ts';
import { type MachineOrder, ProviderError } from '../contract.ts';
import { QemuProvider } from './provider.ts';
import { findTool, tools } from './tools.ts';

/** QEMU replaced by scripts in a PATH of its own: no real one is needed for what happens when it fails. */
describe('QEMU that fails', { concurrency: false, skip: findTool('setpriv') === undefined && 'setpriv is not installed' }, () => {
  const root = mkdtempSync(join(tmpdir(), 'vacua-faults-'));
  const bin = join(root, 'bin');
  const stateDir = join(root, 'state');
  const path = process.env['PATH'];
  const never = new AbortController().signal;
  before(() => {
    mkdirSync(bin);
    for (const name of ['sh', 'head', 'mkfifo', 'mv', 'wc', 'sleep', ...tools.map((t) => t.command)]) {
      const found = findTool(name);
      if (found !== undefined && !name.startsWith('qemu')) symlinkSync(found, join(bin, name));
    }
    for (const name of tools.map((t) => t.command)) if (findTool(name) === undefined) writeFileSync(join(bin, name), '#!/bin/sh\n', { mode: 0o755 });
    rmSync(join(bin, 'qemu-system-x86_64'), { force: true });
    process.env['PATH'] = bin;
    chmodSync(root, 0o755);
  });
  after(() => {
    process.env['PATH'] = path;
    rmSync(root, { recursive: true, force: true });
  });
  afterEach(() => rmSync(join(bin, 'qemu-system-x86_64'), { force: true }));

  const qemu = (script: string): void => writeFileSync(join(bin, 'qemu-system-x86_64'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const provider = (): QemuProvider => new QemuProvider({ stateDir, accelerator: 'tcg', network: 'restricted', launchMilliseconds: 400 });
  const order = (): MachineOrder => {
    const id = machineId(randomUUID());
    const directory = join(stateDir, 'machines', id);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const rootImage = join(root, 'kernel');
    const kernel = Buffer.alloc(1024);
    kernel.write('HdrS', 0x202);
    writeFileSync(rootImage, kernel);
    const texts = { name: 'wn01-00.example.com', machinetype: 'prod', kernelArguments: '', rootDevice: 'vda', scratchDevice: 'vdb' };
    const sizes = { slot: 0, processors: 1, memoryMb: 64, consoleMaxBytes: 4096 };
    return { id, directory, rootImage, model: 'kernel', guestSocket: join(directory, 'guest.sock'), hostServices: [], outbound: false, ...texts, ...sizes };
  };
  const fails = async (about: Partial<MachineOrder>, expected: { readonly code: string; readonly message: RegExp; readonly fault: string }): Promise<void> => {
    const p = provider();
    await p.open(never);
    const o = { ...order(), ...about };
    await assert.rejects(p.create(o, never), (error: unknown) => {
      assert.ok(error instanceof ProviderError, String(error));
      assert.deepEqual([error.code, error.fault], [expected.code, expected.fault]);
      assert.match(error.message, expected.message);
      return true;
    });
    assert.deepEqual((await p.list(never)).sightings, []);
    assert.deepEqual(
      readdirSync(o.directory).filter((name) => !name.startsWith('console.log')),
      [],
      'everything is cleaned up',
    );
    await p.close();
  };

  it('missing: says which package brings it', async () => {
    await assert.rejects(provider().open(never), {
      code: 'TOOLS_MISSING',
      message: /not installed: qemu-system-x86_64; run: apt-get install qemu-system-x86$/,
    });
  });
  it('ending at once: its last words are in the error', async () => {
    qemu('echo "first" >&2; echo "could not initialise: \u0007out of luck" >&2; exit 3');
    await fails({}, { code: 'QEMU_ENDED', message: /ended with code 3: first; could not initialise: \?out of luck/, fault: 'provider' });
  });
  it('killed at once', async () => {
    qemu('kill -9 $$');
    await fails({}, { code: 'QEMU_ENDED', message: /ended with SIGKILL/, fault: 'provider' });
  });
  it('hanging before it answers: ended after the deadline', async () => {
    qemu('exec sleep 1000');
    await fails({}, { code: 'QEMU_SILENT', message: /did not answer in time/, fault: 'provider' });
  });
  it('is not even started for an image that is missing, or is not what it must be', async () => {
    qemu('exit 0');
    await fails({ rootImage: join(root, 'nowhere') }, { code: 'IMAGE_MISSING', message: /nowhere cannot be read/, fault: 'host' });
    await fails({ model: 'vm-raw' }, { code: 'IMAGE_FORMAT', message: /prod: image .*kernel: is neither qcow2 nor a raw disk/, fault: 'tenant' });
    await fails({ model: 'docker' }, { code: 'MODEL', message: /docker is not for QEMU/, fault: 'tenant' });
    await fails({ memoryMb: 0 }, { code: 'ORDER', message: /memoryMb/, fault: 'tenant' });
  });
  it('a creation that was lost before the launch is seen as never started, and removed', async () => {
    qemu('exit 0');
    const p = provider();
    await p.open(never);
    const o = order();
    mkdirSync(join(o.directory, 'provider'));
    assert.deepEqual((await p.list(never)).sightings, [{ id: o.id, power: 'off', cause: 'never-started' }]);
    await p.destroy(o.id, never);
    assert.deepEqual((await p.list(never)).sightings, []);
    await p.close();
  });
  it('a recycled process id is never killed', async () => {
    qemu('exit 0');
    const p = provider();
    await p.open(never);
    const o = order();
    mkdirSync(join(o.directory, 'provider'));
    // This very process, as another one of an earlier time: were it trusted, the test would not live to tell.
    writeFileSync(join(o.directory, 'provider', 'launcher'), `${process.pid} 1 11111111-2222-4333-8444-555555555555\n`);
    assert.deepEqual(
      (await p.list(never)).sightings.map((s) => [s.power, s.cause]),
      [['off', 'vanished']],
    );
    await p.destroy(o.id, never);
    assert.deepEqual(readdirSync(o.directory), []);
    await p.close();
  });
});
