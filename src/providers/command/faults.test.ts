import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type MachineId, machineId } from '../../core/units.ts';
import { ProviderError } from '../contract.ts';
import { CommandProvider } from './provider.ts';

const root = mkdtempSync(join(tmpdir(), 'vacua-command-'));
after(() => rmSync(root, { recursive: true }));
const id = machineId('00000000-0000-4000-8000-000000000001');
let scripts = 0;

/** A provider whose command is this shell script. */
function provider(script: string, passEnvironment: readonly string[] = []): CommandProvider {
  const path = join(root, `command-${++scripts}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return new CommandProvider({
    api: { kind: 'command', command: [path, 'first argument', '$(second)'], passEnvironment },
    space: 'cloud.example.com',
    manager: 'manager.example.com',
    environment: { PATH: '/usr/bin:/bin', HOME: root, CLOUD_KEY: 'k', OTHER: 'o' },
  });
}
const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const say = (answer: unknown): string => `cat >/dev/null; cat <<'EOF'\n${JSON.stringify(answer)}\nEOF`;
const offer = { quota: {}, used: { processors: 0, machines: 0 }, flavors: [] };
const fails = async (work: Promise<unknown>, code: string, text: RegExp): Promise<ProviderError> => {
  let seen: unknown;
  await assert.rejects(work, (error) => ((seen = error), true));
  assert.ok(seen instanceof ProviderError, String(seen));
  assert.equal(seen.code, code);
  assert.match(seen.message, text);
  return seen;
};

describe('command provider: what a command may do wrong', () => {
  it('is asked by one JSON document, with its arguments as they are and no more of the environment than was given', async () => {
    const seen = join(root, 'seen');
    const p = provider(`{ cat; echo "$#:$1:$2:$CLOUD_KEY:$OTHER"; } >${seen}; echo '{"version":1,"console":false,"notes":["slow today"]}'`, ['CLOUD_KEY']);
    assert.deepEqual(await p.open(soon()), { notes: ['slow today'] });
    assert.equal(p.can.console, false);
    const [document = '', rest] = readFileSync(seen, 'utf8').split('\n');
    assert.deepEqual(JSON.parse(document), { version: 1, action: 'about', space: 'cloud.example.com', manager: 'manager.example.com' });
    assert.equal(rest, '2:first argument:$(second):k:');
  });

  it('another version of the protocol is refused', async () => {
    await fails(provider(say({ version: 2, console: true })).open(soon()), 'COMMAND_ANSWER', /about: version: /);
  });

  it('an error document is told as it is, whatever the exit code', async () => {
    const error = { code: 'QUOTA', message: 'no more\u001b[31m machines', fault: 'provider', lack: 'quota', whole: true, retry_after: 90 };
    const seen = await fails(provider(`${say({ error })}\nexit 3`).list(soon()), 'QUOTA', /list: no more\?\[31m machines$/);
    assert.deepEqual([seen.fault, seen.lack, seen.whole, seen.retryAfter], ['provider', 'quota', true, 90]);
  });

  it('silence, text, half an answer and a list with wrong types are not believed, and its complaint is told', async () => {
    await fails(
      provider('cat >/dev/null; echo "no such region: mars" >&2; exit 7').list(soon()),
      'COMMAND_ANSWER',
      /exit code 7.*is empty.*no such region: mars$/,
    );
    await fails(provider('cat >/dev/null; echo "<html>proxy</html>"').list(soon()), 'COMMAND_ANSWER', /is not JSON/);
    await fails(provider(`cat >/dev/null; printf '{"complete":true,"machines":['`).list(soon()), 'COMMAND_ANSWER', /is not JSON/);
    await fails(provider(say({ complete: 'yes', machines: [], offer })).list(soon()), 'COMMAND_ANSWER', /list: complete: /);
    await fails(provider(say({ complete: true, machines: [{ id: '../..', state: 'off' }], offer })).list(soon()), 'COMMAND_ANSWER', /machines\.0\.id: the id/);
    await fails(provider(`${say({})}\nexit 1`).destroy(id, soon()), 'COMMAND_ANSWER', /exit code 1 without an error document/);
    await fails(provider(say({ base64: '%' })).console(id), 'COMMAND_ANSWER', /base64/);
  });

  it('a list that names a machine twice is incomplete', async () => {
    const twice = [
      { id, state: 'running' },
      { id, state: 'off' },
    ];
    assert.equal((await provider(say({ complete: true, machines: twice, offer })).list(soon())).complete, false);
    assert.equal((await provider(say({ complete: true, machines: twice.slice(1), offer })).list(soon())).complete, true);
  });

  it('what hangs is ended at the deadline, with all that it has started', async () => {
    const alive = join(root, 'alive');
    // Deaf to TERM, as a command that waits for its cloud may be.
    const p = provider(`trap '' TERM; sleep 1000 & echo $! >${alive}; wait`);
    const deadline = new AbortController();
    const work = p.list(deadline.signal);
    work.catch(() => undefined);
    for (let tries = 0; tries < 400 && (!existsSync(alive) || readFileSync(alive, 'utf8') === ''); tries++) await pause(25);
    deadline.abort();
    await fails(work, 'COMMAND_DEADLINE', /did not end in the time/);
    const child = Number(readFileSync(alive, 'utf8'));
    for (let tries = 0; tries < 400 && existsSync(`/proc/${child}/stat`) && !/\) Z /.test(stat(child)); tries++) await pause(25);
    assert.ok(!existsSync(`/proc/${child}/stat`) || /\) Z /.test(stat(child)), 'its child has ended');
  });

  it('a machine that holds the outputs of its command open delays no answer beyond a moment, and no deadline', async () => {
    const machine = join(root, 'machine');
    const held = `setsid sleep 1000 & echo $! >${machine}`;
    try {
      assert.equal((await provider(`${held}\n${say({ complete: true, machines: [], offer })}`).list(soon())).complete, true);
    } finally {
      process.kill(Number(readFileSync(machine, 'utf8')), 'SIGKILL');
    }
  });

  it('a command that is not there, or that kills itself, is a fault of this host', async () => {
    const gone = new CommandProvider({
      api: { kind: 'command', command: ['/nonexistent/cloud'], passEnvironment: [] },
      space: 's',
      manager: 'm',
      environment: {},
    });
    const seen = await fails(gone.open(soon()), 'COMMAND_NOT_STARTED', /\/nonexistent\/cloud cannot be started.*valid: the absolute path/);
    assert.deepEqual([seen.fault, seen.whole], ['host', true]);
    await fails(provider('kill -9 $$').list(soon()), 'COMMAND_KILLED', /SIGKILL/);
    await fails(gone.destroy('x' as MachineId, AbortSignal.abort()), 'COMMAND_DEADLINE', /before it began/);
  });
});

const stat = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return ') Z ';
  }
};
