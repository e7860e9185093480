import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { runDemo } from './main.ts';

test('a person ends the demonstration in the middle, and nothing is left', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'vacua-demo-'));
  t.after(() => rmSync(root, { recursive: true }));
  const stop = new AbortController();
  const printed: string[] = [];
  const print = (line: string): void => {
    printed.push(line);
    if (line.includes('started in')) stop.abort();
  };
  assert.equal(await runDemo({ provider: 'sim', keep: false, colour: false, print, signal: stop.signal, root }), 1);
  assert.equal(printed.at(-1), 'ended by request; nothing is left behind');
  assert.deepEqual(readdirSync(join(root, 'var')), []);
});
