import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { abandoned, processesOf, startOf, sweep, writeOwner } from './leftovers.ts';

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-left-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
/** A process that says when it is there and then does nothing. */
async function idler(t: TestContext, cwd: string, ...words: string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', 'console.log("up"); setInterval(() => 0, 1e6)', ...words], { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

test('a demonstration is abandoned when its owner has gone, even when the process id lives again', (t) => {
  const varDir = scratch(t);
  const at = (name: string): string => join(varDir, name);
  for (const name of ['demo-mine', 'demo-recycled', 'demo-boot', 'demo-unnamed', 'demo-cut', 'guest']) mkdirSync(at(name));
  writeOwner(at('demo-mine'));
  const owner = (name: string, text: string): void => writeFileSync(join(at(name), 'owner.json'), text);
  owner('demo-recycled', JSON.stringify({ pid: process.pid, started: '1', bootId: 'any' }));
  owner('demo-boot', JSON.stringify({ pid: process.pid, started: startOf(process.pid), bootId: 'another' }));
  owner('demo-cut', '');
  assert.deepEqual(
    [...abandoned(varDir)].sort(),
    ['demo-boot', 'demo-cut', 'demo-recycled', 'demo-unnamed'].map((name) => at(name)),
  );
});

test('processes are found by what they name and where they work, and swept with their directory', async (t) => {
  const directory = join(scratch(t), 'demo-x');
  mkdirSync(join(directory, 'inner'), { recursive: true });
  const named = await idler(t, '/', directory);
  const inside = await idler(t, join(directory, 'inner'));
  const other = await idler(t, '/', 'nothing');
  assert.deepEqual([...processesOf(directory)].sort(), [named.pid, inside.pid].sort());
  const gone = Promise.all([once(named, 'exit'), once(inside, 'exit')]);
  sweep(directory);
  await gone;
  assert.equal(existsSync(directory), false);
  assert.equal(other.exitCode, null);
});
