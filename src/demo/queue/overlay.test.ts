import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { withCommand } from './overlay.ts';
import { collatz, rightOutput } from './work.ts';

test('an initial RAM disk with one command more is the old one and an archive that cpio unpacks', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-overlay-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [initrd, made] = [join(directory, 'initrd'), join(directory, 'made')];
  writeFileSync(initrd, 'the old one');
  withCommand(initrd, made, collatz);
  const bytes = readFileSync(made);
  assert.equal(bytes.subarray(0, 11).toString(), 'the old one');
  const { status, stderr } = spawnSync('busybox', ['cpio', '-i', '-d'], { cwd: directory, input: gunzipSync(bytes.subarray(11)) });
  assert.equal(status, 0, String(stderr));
  const command = join(directory, 'usr', 'local', 'bin', 'collatz');
  assert.equal(statSync(command).mode & 0o777, 0o755);
  for (const n of [1, 27, 1001]) assert.equal(spawnSync('sh', [command, String(n)], { encoding: 'utf8' }).stdout, rightOutput('collatz', n, 1));
});
