import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guestImages } from '../../src/providers/qemu/guest-images.ts';
import { missingTools } from '../../src/providers/qemu/tools.ts';
import type { Check } from '../../src/demo/space/state.ts';

const main = fileURLToPath(new URL('../../src/demo/queue/main.ts', import.meta.url));
/** Far beyond what it takes; a story that hangs is ended by force. */
const longest = 230_000;

interface Played {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly checks: readonly Check[];
  readonly said: string;
}

/** Runs the small demonstration in `varDir`; `onCheck` is told of each check and may send a signal. */
async function play(varDir: string, onCheck: (check: Check, send: (signal: NodeJS.Signals) => void) => void): Promise<Played> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, '--json', '--small', '--var', varDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), longest);
  try {
    const checks: Check[] = [];
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) {
        said += `${line}\n`;
        return;
      }
      const check = JSON.parse(line) as Check;
      checks.push(check);
      onCheck(check, (signal) => child.kill(signal));
    });
    await once(child, 'close');
    return { code: child.exitCode, signal: child.signalCode, checks, said };
  } finally {
    clearTimeout(limit);
  }
}

function directory(t: TestContext): string {
  const varDir = mkdtempSync(join(tmpdir(), 'vacua-queue-e2e-'));
  t.after(() => rmSync(varDir, { recursive: true, force: true }));
  return varDir;
}

/** Processes whose command line names the directory. */
const processesOf = (place: string): readonly string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(place);
    } catch {
      return false;
    }
  });

const missing = missingTools(['always', 'namespace']);
const skip = missing.length > 0 && `missing on this host: ${missing.join(', ')}`;

test('jobs from the command line to their outputs, with machines on demand; machines, queue and factory are killed', {
  timeout: longest + 5000,
  skip,
}, async (t) => {
  guestImages();
  const varDir = directory(t);
  const { code, checks, said } = await play(varDir, () => undefined);
  for (const { name, held, detail } of checks) {
    await t.test(name, (c) => {
      if (detail !== '') c.diagnostic(detail);
      assert.ok(held, detail);
    });
  }
  assert.equal(code, 0, said);
  assert.equal(checks.at(-1)?.name, 'nothing is left behind', 'the story came to its end');
  assert.deepEqual(readdirSync(varDir), []);
});

test('what a killed demonstration has left is removed at the next start, and Ctrl-C leaves nothing', { timeout: longest + 5000, skip }, async (t) => {
  const varDir = directory(t);
  const killed = await play(varDir, ({ name }, send) => {
    if (name.startsWith('the machine of')) send('SIGKILL');
  });
  assert.equal(killed.signal, 'SIGKILL');
  assert.equal(readdirSync(varDir).length, 1);
  assert.ok(processesOf(varDir).length > 0, 'servers and machines outlive it');
  const [left = ''] = readdirSync(varDir);
  const ended = await play(varDir, ({ name }, send) => {
    if (name === 'jobs are submitted') send('SIGINT');
  });
  assert.equal(ended.code, 130, ended.said);
  assert.match(ended.said, /nothing is left behind/);
  assert.ok(!existsSync(join(varDir, left)));
  assert.deepEqual(readdirSync(varDir), []);
  assert.deepEqual(processesOf(varDir), []);
});
