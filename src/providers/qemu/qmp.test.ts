import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { qmp, runState } from './qmp.ts';
import { causeIn, powerOf } from './sight.ts';

describe('QMP', () => {
  const directories: string[] = [];
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
  /** A QEMU that says `greeting`, and to the nth line the pieces of the nth of `answers`; gives its directory. */
  const qemu = (greeting: string, ...answers: readonly (readonly string[])[]): Promise<string> =>
    new Promise((resolve) => {
      const at = mkdtempSync(join(tmpdir(), 'vacua-qmp-'));
      directories.push(at);
      const server = createServer((socket) => {
        sockets.push(socket.setNoDelay().on('error', () => undefined));
        let n = 0;
        socket.write(greeting);
        socket.on('data', () => {
          for (const piece of answers[n++] ?? []) socket.write(piece);
        });
      });
      servers.push(server.listen(join(at, 's'), () => resolve(at)));
    });
  const hello = '{"QMP":{"version":{}}}\r\n';
  const never = (): AbortSignal => new AbortController().signal;

  it('asks one question, whatever events come between', async () => {
    const at = await qemu(hello, ['{"event":"RESUME","timestamp":{}}\n{"return":{}}\n'], ['{"event":"STOP"}\n{"ret', 'urn":{"status":"running"}}\n']);
    assert.deepEqual(await qmp(at, 's', 'system_powerdown', never()), { status: 'running' });
  });

  it('rejects what is not QMP, is refused, or closes', async () => {
    await assert.rejects(runState(await qemu('hello\n'), 's', never()), /not QMP/);
    await assert.rejects(runState(await qemu(hello, ['{"error":{"class":"X","desc":"no"}}\n']), 's', never()), /QEMU: no/);
    await assert.rejects(runState(await qemu(hello, ['{"return":{}}\n'], ['{"return":{}}\n']), 's', never()), /status/);
    const at = await qemu('');
    const question = runState(at, 's', never());
    servers[3]?.once('connection', (socket) => socket.end());
    await assert.rejects(question, /closed its control socket/);
  });

  it('a link in its place is not followed', async () => {
    const at = await qemu(hello, ['{"return":{}}\n'], ['{"return":{"status":"running"}}\n']);
    symlinkSync(join(at, 's'), join(at, 'link'));
    await assert.rejects(qmp(at, 'link', 'system_powerdown', never()), /something else/);
  });

  it('a line without end is not kept', async () => {
    await assert.rejects(runState(await qemu('x'.repeat(200_000)), 's', never()), /more than 65536 bytes/);
  });

  it('a silent one is given up when the signal says so', async () => {
    const abort = new AbortController();
    const question = runState(await qemu(''), 's', abort.signal);
    abort.abort(new Error('too late'));
    await assert.rejects(question, /too late/);
  });
});

describe('how a machine ended', () => {
  it('is what QEMU noted first', () => {
    for (const [log, cause] of [
      ['', undefined],
      ['sent tapfd=5 for tap0\n', undefined],
      ['vm_state_notify running 1 reason 9 (running)\n', undefined],
      ['qemu_system_shutdown_request reason=6\nvm_state_notify running 0 reason 11 (shutdown)\n', 'power-off'],
      ['vm_state_notify running 0 reason 11 (shutdown)\n', 'reset'],
      ['vm_state_notify running 0 reason 13 (guest-panicked)\n', 'panic'],
      ['qemu_system_shutdown_request reason=4\n', 'killed'],
      ['qemu_system_shutdown_request reason=99\n', 'unknown'],
      ['something qemu_system_shutdown_request reason=6\n', undefined],
    ] as const) {
      assert.equal(causeIn(log), cause, JSON.stringify(log));
    }
  });
  it('run states of QEMU are powers', () => {
    assert.deepEqual(
      ['running', 'prelaunch', 'paused', 'io-error', 'shutdown', 'guest-panicked'].map((s) => powerOf(s).power),
      ['running', 'running', 'paused', 'paused', 'off', 'off'],
    );
  });
});
