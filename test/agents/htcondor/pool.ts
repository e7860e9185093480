import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** User and group `condor` of the Debian package. */
const condor = { uid: 100, gid: 101 };
const wwwData = 33;

function run(command: readonly [string, ...string[]]): string {
  const [file, ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, `${command.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

async function until<T>(what: string, seconds: number, look: () => T | undefined): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, `no ${what} within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** How a machine ended: its last word and its uploaded log. */
export interface Ending {
  readonly message: string;
  readonly poweredOff: boolean;
  readonly log: string;
}

/**
 * A tenant's pool of its own at 10.123.0.1, and a network in which machines can reach it but nothing can connect to a machine.
 * All of it lives in two network namespaces and a temporary directory; `close` ends and removes it.
 */
export class Pool implements AsyncDisposable {
  readonly #tree: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'vacua-htcondor-'));
  readonly #children: ChildProcess[] = [];
  readonly #pool = `vacua-p-${process.pid}`;
  readonly #machine = `vacua-m-${process.pid}`;
  #inside = 0;
  #machines = 0;

  constructor(tree: string) {
    this.#tree = tree;
  }

  async start(): Promise<void> {
    const [pool, machine] = [this.#pool, this.#machine];
    run(['ip', 'netns', 'add', pool]);
    run(['ip', 'netns', 'add', machine]);
    run(['ip', 'link', 'add', 'veth0', 'netns', pool, 'type', 'veth', 'peer', 'name', 'veth0', 'netns', machine]);
    for (const address of ['10.123.0.1/24', '169.254.169.253/32', '169.254.169.254/32']) run(['ip', '-n', pool, 'addr', 'add', address, 'dev', 'veth0']);
    run(['ip', '-n', machine, 'addr', 'add', '10.123.0.2/24', 'dev', 'veth0']);
    for (const netns of [pool, machine]) for (const device of ['lo', 'veth0']) run(['ip', '-n', netns, 'link', 'set', device, 'up']);
    const closed = 'table inet one_way { chain input { type filter hook input priority 0; iifname "veth0" tcp flags & (syn|ack) == syn drop; }; }';
    run(['ip', 'netns', 'exec', machine, 'nft', closed]);

    const changes = this.#changes('pool', 'pool.example.org');
    cpSync(here('pool.conf'), join(changes, 'etc/condor/config.d/99-pool'));
    mkdirSync(join(changes, 'etc/condor/passwords.d'), { mode: 0o700 });
    writeFileSync(join(changes, 'etc/condor/passwords.d/POOL'), Buffer.from(crypto.getRandomValues(new Uint8Array(64))), { mode: 0o600 });
    const master = this.#enter('pool', pool, 'pool.example.org', ['condor_master', '-f']);
    this.#inside = await until('condor_master', 20, () => Number(spawnSync('pgrep', ['-P', String(master.pid)], { encoding: 'utf8' }).stdout) || undefined);
    await until('collector', 60, () =>
      /Scheduler/.test(spawnSync('nsenter', this.#in(['condor_status', '-any']), { encoding: 'utf8' }).stdout) ? true : undefined,
    );
  }

  /** A token with which a machine may join, and nothing else. */
  token(lifetimeSeconds: number): string {
    const may = ['-authz', 'ADVERTISE_STARTD', '-authz', 'ADVERTISE_MASTER', '-authz', 'READ'];
    return run(['nsenter', ...this.#in(['condor_token_create', '-identity', 'red@pool.example.org', ...may, '-lifetime', String(lifetimeSeconds)])]);
  }

  /** Queues a vanilla job, a shell command; its output is what `output` gives once it has ended. */
  submit(name: string, command: string, seconds: number): void {
    const shared = join(this.#directory, 'pool/shared');
    const lines = ['universe = vanilla', 'executable = /bin/sh', `arguments = "-c '${command}'"`, 'transfer_executable = false', 'should_transfer_files = YES'];
    lines.push(`output = ${name}.out`, `log = ${name}.log`, 'request_memory = 64', 'request_disk = 1024', `allowed_job_duration = ${seconds}`, 'queue');
    writeFileSync(join(shared, `${name}.sub`), `${lines.join('\n')}\n`);
    const user = ['setpriv', `--reuid=${wwwData}`, `--regid=${wwwData}`, '--clear-groups', 'env', '--chdir=/shared', 'HOME=/shared'];
    run(['nsenter', ...this.#in([...user, 'condor_submit', '-terse', `${name}.sub`])]);
  }

  output(name: string): string {
    return readFileSync(join(this.#directory, `pool/shared/${name}.out`), 'utf8');
  }

  /** Ids of jobs that still wait or run. */
  queued(): readonly string[] {
    return run(['nsenter', ...this.#in(['condor_q', '-all', '-af', 'ClusterId'])])
      .split('\n')
      .filter((line) => line !== '');
  }

  /** Lets a machine live with this user data and this time left, until it has powered itself off. */
  async live(userData: string, wallSeconds: number): Promise<Ending> {
    this.#machines += 1;
    const name = `machine${this.#machines}`;
    const at = (path: string): string => join(this.#directory, name, path);
    const changes = this.#changes(name, 'unnamed');
    // HTCondor would change the kernel of the host that runs this test.
    writeFileSync(join(changes, 'etc/condor/config.d/00-test'), 'ENABLE_KERNEL_TUNING = False\n');
    mkdirSync(join(changes, 'usr/local/sbin'), { recursive: true });
    writeFileSync(join(changes, 'usr/local/sbin/poweroff'), '#!/bin/sh\ntouch /shared/powered-off\nkill -KILL -1\n', { mode: 0o755 });
    for (const directory of ['features', 'outputs']) mkdirSync(at(directory));
    writeFileSync(at('features/jobstart_secs'), String(Math.floor(Date.now() / 1000)));
    writeFileSync(at('features/wall_limit_secs'), String(wallSeconds));
    writeFileSync(at('shared/user_data'), userData, { mode: 0o700 });
    const service = this.#child(['ip', 'netns', 'exec', this.#pool, process.execPath, here('guest-service.ts'), at('.')]);
    await new Promise((listening) => service.stdout?.once('data', listening));
    run(['ip', '-n', this.#machine, 'route', 'replace', '169.254.169.252/30', 'dev', 'veth0']);
    const machine = this.#enter(name, this.#machine, 'unnamed', ['sh', '-c', 'sh /shared/user_data & wait']);
    const ended = await Promise.race([new Promise((exit) => machine.once('exit', exit)), new Promise((late) => setTimeout(late, 240_000, 'late').unref())]);
    service.kill();
    assert.notEqual(ended, 'late', `the machine did not end: ${readFileSync(join(this.#directory, `${name}.log`), 'utf8')}`);
    const read = (path: string): string => readFileSync(at(path), 'utf8');
    return { message: read('outputs/shutdown_message'), log: read('outputs/agent.log'), poweredOff: read('shared/powered-off') === '' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // HTCondor changes its user, and so loses the kernel's promise to end it with its parent.
    if (this.#inside !== 0) process.kill(this.#inside, 'SIGKILL');
    for (const child of this.#children) {
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exit;
    }
    for (const netns of [this.#pool, this.#machine]) spawnSync('ip', ['netns', 'del', netns]);
    rmSync(this.#directory, { recursive: true, maxRetries: 10 });
  }

  /** Directory of what differs from the tree; a place without DNS, as many machines are. */
  #changes(name: string, host: string): string {
    const changes = join(this.#directory, name, 'changes');
    mkdirSync(join(changes, 'etc/condor/config.d'), { recursive: true });
    writeFileSync(join(changes, 'etc/resolv.conf'), '');
    writeFileSync(join(changes, 'etc/hosts'), `127.0.0.1 localhost ${host === 'pool.example.org' ? '' : host}\n10.123.0.1 pool.example.org\n`);
    mkdirSync(join(changes, 'var/log/condor'), { recursive: true });
    chownSync(join(changes, 'var/log/condor'), condor.uid, condor.gid);
    const shared = join(this.#directory, name, 'shared');
    mkdirSync(shared);
    chownSync(shared, wwwData, wwwData);
    return changes;
  }

  #enter(name: string, netns: string, host: string, command: readonly string[]): ChildProcess {
    return this.#child([here('enter.sh'), this.#tree, join(this.#directory, name), netns, host, ...command], join(this.#directory, `${name}.log`));
  }

  #child(command: readonly [string, ...string[]], log?: string): ChildProcess {
    const [file, ...args] = command;
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    if (log !== undefined) {
      writeFileSync(log, '');
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => writeFileSync(log, chunk, { flag: 'a' }));
    }
    this.#children.push(child);
    return child;
  }

  #in(command: readonly string[]): readonly string[] {
    return ['--target', String(this.#inside), '--mount', '--pid', '--net', '--uts', '--root', ...command];
  }
}
