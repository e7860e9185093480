import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { vacua } from './testing.ts';

const directory = mkdtempSync(join(tmpdir(), 'vacua-simulate-'));
after(() => rmSync(directory, { recursive: true }));
const scenario = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
};
const small = scenario(
  'small.conf',
  '[simulation]\ntitle = Two\nduration = 30min\n[hosts wn]\ncount = 2\nprocessors = 2\n[machinetype red]\ntarget_share = 1\n[work red]\nwaiting = endless\n',
);
const run = (...argv: string[]) => vacua(directory, ['simulate', ...argv]);

it('prints a summary, how long it took, and writes the page', async () => {
  const report = join(directory, 'report.html');
  const { code, out, err } = await run(small, '--report', report);
  assert.equal(code, 0);
  assert.match(out, /^Two\n2 factories with 4 processors, 30 min, seed 1, rule vacua; network: every datagram with the real codec\n/);
  assert.match(out, /^MACHINETYPE +SHARE +REACHED/m);
  assert.match(err, /^simulated 30 min in [\d.]+ s, \d+ decisions per second; report: /);
  assert.match(readFileSync(report, 'utf8'), /<title>Two<\/title>/);
});

it('--json is the summary as data; --until and --seed count', async () => {
  const { code, out } = await run(small, '--json', '--until', '10min', '--seed', '7');
  assert.equal(code, 0);
  const { hours, seed, tenants } = JSON.parse(out) as { hours: number; seed: number; tenants: readonly { starts: number }[] };
  assert.equal(hours, 10 / 60);
  assert.equal(seed, 7);
  assert.equal(tenants[0]?.starts, 4);
});

it('what cannot be used is said with its place, status 2', async () => {
  const broken = scenario('broken.conf', '[hosts wn]\ncuont = 2\ncount = x\n');
  const { code, out, err } = await run(broken);
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /broken\.conf is no usable scenario/);
  assert.match(err, /broken\.conf:2:1: cuont: not an option of \[hosts wn\] and ignored; did you mean count\?/);
  assert.match(err, /broken\.conf:3:9: count: "x" is not a whole number/);
  for (const argv of [
    [join(directory, 'missing.conf')],
    [small, '--until', 'soon'],
    [small, '--seed', '-1'],
    [small, '--report', join(directory, 'no', 'such')],
  ]) {
    const answer = await run(...argv);
    assert.equal(answer.code, 2, argv.join(' '));
    assert.notEqual(answer.err, '');
  }
});

it('ends when a person wants it', async () => {
  const { code, err } = await vacua(directory, ['simulate', small], { signal: AbortSignal.abort() });
  assert.equal(code, 1);
  assert.match(err, /stopped before the end/);
});
