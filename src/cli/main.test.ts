import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';

const main = join(import.meta.dirname, 'main.ts');

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

/** A process of its own. `deaf`: its standard output is closed after the first bytes. */
function started(argv: readonly string[], about: { readonly deaf?: boolean; readonly env?: Record<string, string> } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...argv], { env: { PATH: process.env['PATH'], ...about.env } });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
      if (about.deaf) child.stdout.destroy();
    });
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
}

it('help goes to standard output with status 0, without escape sequences when it is no terminal', async () => {
  const { code, out, err } = await started(['--help'], { env: { FORCE_COLOR: '1' } });
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^Usage: vacua/);
  assert.ok(!out.includes('\x1b'));
});

it('no command is wrong use', async () => {
  const { code, out, err } = await started([]);
  assert.deepEqual([code, out], [2, '']);
  assert.match(err, /Usage: vacua/);
});

it('without a factory the status is 3 and the next step is named', async () => {
  const { code, err } = await started(['machines', '--state-dir', '/nonexistent/vacua']);
  assert.equal(code, 3);
  assert.match(err, /no factory answers on \/nonexistent\/vacua\/control\.sock\n.*vacua factory --state-dir \/nonexistent\/vacua/);
});

it('a reader that goes away early is no error', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-main-'));
  try {
    const line = JSON.stringify({ level: 'info', time: '2026-11-20T10:00:00.000Z', text: 'x'.repeat(1000), msg: 'long' });
    writeFileSync(join(directory, 'factory.log'), `${line}\n`.repeat(5000));
    const { code, signal, err } = await started(['logs', '-n', '5000', '--state-dir', directory], { deaf: true });
    assert.deepEqual([code, signal, err], [0, null, '']);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it('the state directory is that of the configuration when nobody names one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-main-'));
  try {
    const file = join(directory, 'vac.conf');
    writeFileSync(file, `[settings]\nvac_space = vac01.example.com\nfactory_name = wn01.example.com\nstate_dir = ${directory}/here\n`);
    assert.match((await started(['machines', '--config', file])).err, new RegExp(`${directory}/here/control\\.sock`));
    assert.match((await started(['machines', '--config', file, '--state-dir', `${directory}/there`])).err, /there\/control\.sock/);
    const refused = await started(['machines', '--config', `${directory}/absent.conf`]);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /state directory is not known\n.*vacua check/);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
