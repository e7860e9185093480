import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isAlive, killMachine, processFacts, readLauncher } from './proc.ts';

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

describe('processes', () => {
  it('facts of a process are those of /proc', () => {
    const facts = processFacts(process.pid);
    assert.equal(facts?.state, 'R');
    assert.ok(facts.cpuSeconds > 0 && facts.cpuSeconds <= process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6 + 0.1);
    assert.equal(processFacts(2 ** 30), undefined);
  });

  it('a launcher is one process of one boot, not a number', () => {
    const startTicks = processFacts(process.pid)?.startTicks ?? 0;
    assert.equal(isAlive({ pid: process.pid, startTicks, boot }), true);
    assert.equal(isAlive({ pid: process.pid, startTicks: startTicks + 1, boot }), false);
    assert.equal(isAlive({ pid: process.pid, startTicks, boot: '11111111-2222-4333-8444-555555555555' }), false);
  });

  it('an incomplete or foreign note is no launcher', () => {
    const directory = mkdtempSync(join(tmpdir(), 'vacua-proc-'));
    const path = join(directory, 'launcher');
    try {
      for (const [text, valid] of [
        [`12 345 ${boot}\n`, true],
        [`12 345 ${boot}`, false],
        ['12 345', false],
        ['', false],
        [`-1 345 ${boot}\n`, false],
      ] as const) {
        writeFileSync(path, text);
        assert.equal(readLauncher(path) !== undefined, valid, JSON.stringify(text));
      }
      assert.equal(readLauncher(join(directory, 'none')), undefined);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('a machine is ended with what it started in sessions of their own, and nothing else is', async () => {
    const home = realpathSync(mkdtempSync(join(tmpdir(), 'vacua-proc-')));
    const elsewhere = spawn('sleep', ['1000'], { stdio: 'ignore' });
    try {
      const children = [
        spawn('sleep', ['1000'], { cwd: home, detached: true, stdio: 'ignore' }),
        spawn('sh', ['-c', 'sleep 1000 & wait'], { cwd: home, detached: true, stdio: 'ignore' }),
      ];
      const ends = children.map((child) => new Promise((done) => child.once('exit', (_, signal) => done(signal))));
      assert.equal(await killMachine(home, undefined, 10_000), true);
      assert.deepEqual(await Promise.all(ends), ['SIGKILL', 'SIGKILL']);
      assert.equal(elsewhere.exitCode ?? elsewhere.signalCode, null);
    } finally {
      elsewhere.kill();
      rmSync(home, { recursive: true });
    }
  });
});
