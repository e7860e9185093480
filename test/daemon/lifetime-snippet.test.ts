import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const snippet = readFileSync(new URL('../../examples/user_data/lifetime.sh', import.meta.url), 'utf8');

/** Runs the snippet with a clock that `sleep` moves and a manager that answers from files; tells when it powered off. */
function live(shell: readonly [string, ...string[]], manager: string): { readonly poweredOffAt: number; readonly slept: readonly number[] } {
  const root = mkdtempSync(join(tmpdir(), 'vacua-lifetime-'));
  try {
    writeFileSync(join(root, 'now'), '1000');
    const stubs = [
      `date() { cat '${root}/now'; }`,
      `sleep() { echo "$1" >>'${root}/slept'; echo $(($(cat '${root}/now') + $1)) >'${root}/now'; }`,
      'sync() { :; }',
      `poweroff() { cp '${root}/now' '${root}/off'; }`,
      'wget() { return 1; }',
      `curl() { now=$(cat '${root}/now'); case $5 in ${manager} esac; }`,
    ];
    const script = join(root, 'script');
    writeFileSync(script, `${stubs.join('\n')}\n${snippet}\nwait\n`);
    const [file, ...args] = shell;
    const { status, stderr } = spawnSync(file, [...args, script], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(status, 0, stderr);
    return { poweredOffAt: Number(readFileSync(join(root, 'off'), 'utf8')), slept: readFileSync(join(root, 'slept'), 'utf8').trim().split('\n').map(Number) };
  } finally {
    rmSync(root, { recursive: true });
  }
}

for (const shell of [['sh'], ['busybox', 'sh']] as const) {
  describe(`a machine ends itself, by ${shell.join(' ')}`, () => {
    it('at the end of its lifetime', () => {
      const { poweredOffAt, slept } = live(shell, '*jobstart_secs) echo 900;; *wall_limit_secs) echo 1000;;');
      assert.equal(poweredOffAt, 1900);
      assert.deepEqual(slept, [300, 300, 300]);
    });
    it('earlier, when its manager has shortened it, and at the last known end when the manager has gone', () => {
      assert.equal(live(shell, '*jobstart_secs) echo 900;; *wall_limit_secs) [ $now -lt 1300 ] && echo 1000 || echo 500;;').poweredOffAt, 1400);
      assert.equal(live(shell, '*jobstart_secs) [ $now -lt 1300 ] && echo 900;; *wall_limit_secs) echo 1000;;').poweredOffAt, 1900);
    });
    it('after a day, when no manager was ever heard, or one that talks nonsense', () => {
      assert.equal(live(shell, '*) return 7;;').poweredOffAt, 1000 + 86_400);
      assert.equal(live(shell, "*) echo '<html>';;").poweredOffAt, 1000 + 86_400);
    });
  });
}
