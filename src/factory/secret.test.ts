import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readSecret, SecretError } from './secret.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vacua-secret-'));
});
after(() => rm(dir, { recursive: true, force: true }));

const file = async (name: string, content: string | Uint8Array, mode = 0o600): Promise<string> => {
  const path = join(dir, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
};
const refused = (path: string, why: RegExp) =>
  assert.rejects(readSecret({ from: 'file', path }), (error) => error instanceof SecretError && why.test(error.message) && !error.message.includes('hunter2'));

describe('readSecret', () => {
  it('from the configuration, a file, a variable; without the line feed at the end', async () => {
    assert.equal(await readSecret({ from: 'text', text: ' a b ' }), ' a b ');
    assert.equal(await readSecret({ from: 'file', path: await file('good', 'hunter2\r\n') }), 'hunter2');
    assert.equal(await readSecret({ from: 'file', path: await file('readonly', 'hunter2', 0o400) }), 'hunter2');
    assert.equal(await readSecret({ from: 'environment', variable: 'V' }, { V: 'v\n' }), 'v');
  });
  it('is read anew every time', async () => {
    const path = await file('changing', 'old');
    assert.equal(await readSecret({ from: 'file', path }), 'old');
    await writeFile(path, 'new');
    assert.equal(await readSecret({ from: 'file', path }), 'new');
  });
  it('what cannot be used is told with its place, never with the secret', async () => {
    await refused(join(dir, 'none'), /none does not exist; valid: a file with the secret, mode 0600/);
    await refused(dir, /is not a regular file/);
    await refused(await file('open', 'hunter2', 0o640), /open has mode 0640, so that others may use it; valid: 0600/);
    await refused(await file('empty', '\n'), /empty is empty/);
    await refused(await file('lines', 'hunter2\nx\n'), /has several lines/);
    await refused(await file('binary', Uint8Array.of(255, 254)), /is not UTF-8/);
    await refused(await file('long', 'x'.repeat(70_000)), /70000 bytes long; valid: at most 65536/);
    await assert.rejects(readSecret({ from: 'environment', variable: 'V' }, {}), /the environment variable V is not set/);
  });
});
