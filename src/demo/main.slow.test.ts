import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import test from 'node:test';
import { runDemo } from './main.ts';

const root = resolve(import.meta.dirname, '..', '..');

for (const provider of ['sim', 'qemu'] as const) {
  test(`the whole demonstration holds with ${provider}`, async () => {
    const printed: string[] = [];
    const print = (line: string): void => void printed.push(line);
    const code = await runDemo({ provider, keep: false, colour: false, print, signal: new AbortController().signal, root });
    assert.equal(code, 0, printed.join('\n'));
  });
}
