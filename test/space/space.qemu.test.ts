import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Check } from '../../src/demo/space/state.ts';

const script = fileURLToPath(new URL('../../scripts/demo-space.sh', import.meta.url));
/** Far beyond what it takes; a story that hangs is ended by force, with everything in its namespaces. */
const longest = 230_000;

interface Played {
  readonly code: number | null;
  readonly checks: readonly Check[];
  readonly errors: string;
  /** What is left of its files. */
  readonly left: boolean;
}

/** Runs the demonstration of a space, and hears of each of its checks; `onCheck` may end it as a Ctrl-C would. */
async function play(args: readonly string[], onCheck: (check: Check, interrupt: () => void) => void): Promise<Played> {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-space-test-'));
  const child = spawn('sh', [script, '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, VACUA_SPACE_DIRECTORY: directory },
    detached: true,
  });
  const signalAll = (signal: NodeJS.Signals): void => void (child.pid !== undefined && process.kill(-child.pid, signal));
  const limit = setTimeout(() => signalAll('SIGKILL'), longest);
  try {
    const checks: Check[] = [];
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const check = JSON.parse(line) as Check;
      checks.push(check);
      onCheck(check, () => signalAll('SIGINT'));
    });
    await once(child, 'close');
    return { code: child.exitCode, checks, errors, left: existsSync(directory) };
  } finally {
    clearTimeout(limit);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Exit code when this host cannot make namespaces, or lacks a command. */
const impossible = 3;

test('a space of eight factories over real UDP: killed, parted, with loss, a wrong configuration and a wrong clock', { timeout: longest + 5000 }, async (t) => {
  const { code, checks, errors, left } = await play(['--factories', '8'], () => undefined);
  if (code === impossible) return t.skip(errors.trim());
  for (const { name, held, detail } of checks) {
    await t.test(name, (c) => {
      if (detail !== '') c.diagnostic(detail);
      assert.ok(held, detail);
    });
  }
  assert.equal(code, 0, errors);
  assert.equal(checks.at(-1)?.name, 'nothing is left behind', 'the story came to its end');
  assert.equal(left, false);
  return undefined;
});

test('Ctrl-C ends the demonstration and leaves nothing', { timeout: longest + 5000 }, async (t) => {
  const { code, checks, errors, left } = await play(['--factories', '8', '--simulated'], ({ name }, interrupt) => {
    if (name === 'every factory hears every other') interrupt();
  });
  if (code === impossible) return t.skip(errors.trim());
  assert.ok(checks.every((c) => c.held));
  assert.notEqual(code, 0);
  assert.equal(left, false);
  return undefined;
});
