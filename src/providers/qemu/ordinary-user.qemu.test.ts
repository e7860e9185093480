import assert from 'node:assert/strict';
import { accessSync, constants, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { output } from './test-kit.ts';

/** Node and the sources must be readable for the account that the test becomes. */
const open = (path: string): boolean => path === '/' || ((statSync(path).mode & 0o001) !== 0 && open(dirname(path)));
const reason = ((): string | false => {
  if (process.getuid?.() !== 0) return 'needs root, to become somebody else; an ordinary user runs all other tests that way anyway';
  if (!open(dirname(process.execPath)) || !open(import.meta.dirname)) return 'the sources or Node are closed to other accounts';
  try {
    accessSync('/dev/null', constants.R_OK);
  } catch {
    return 'no /dev/null';
  }
  return false;
})();

interface Said {
  readonly uid: number;
  readonly notes: readonly string[];
  readonly said: string;
  readonly left: readonly string[];
  readonly requests: readonly string[];
}

describe('as an ordinary user', { skip: reason, concurrency: false }, () => {
  const uid = 61_234;
  /** Root prepares /dev/net/tun in a mount namespace, then becomes the user. */
  const run = async (tun: '666' | '600'): Promise<Said> => {
    const directory = await mkdtemp(join(tmpdir(), 'vacua-user-'));
    try {
      chmodSync(directory, 0o777);
      const script = join(directory, 'run.sh');
      await writeFile(
        script,
        `set -eu
mount -t tmpfs none /dev/net
mknod -m ${tun} /dev/net/tun c 10 200
export TMPDIR="$1" HOME="$1"
shift
exec setpriv --reuid ${uid} --regid ${uid} --clear-groups "$@"
`,
      );
      const child = join(import.meta.dirname, 'test-ordinary-user.ts');
      const node = [process.execPath, '--disable-warning=ExperimentalWarning', child];
      return JSON.parse(await output('unshare', ['-m', '--propagation', 'private', 'sh', script, directory, ...node])) as Said;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  };

  it('machines have their namespaces where /dev/net/tun is open', async () => {
    assert.deepEqual(await run('666'), {
      uid,
      notes: [],
      said: '169.254.169.1/16\n1\nexit=0\n',
      left: [],
      requests: ['GET /latest/user-data', 'GET /latest/meta-data/instance-id'],
    });
  });

  it('and the restricted network, with one clear note, where it is closed', async () => {
    const { notes, ...rest } = await run('600');
    assert.deepEqual(rest, { uid, said: '169.254.169.1/16\n0\nexit=1\n', left: [], requests: ['GET /latest/user-data', 'GET /latest/meta-data/instance-id'] });
    assert.equal(notes.length, 1);
    assert.match(notes[0] ?? '', /^no network namespaces \(.*\): machines get the restricted network, without outbound connections/);
  });
});
