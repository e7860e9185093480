import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { channelOf, spoken } from './launch.ts';

/** The last stage of the launcher, given its command as the daemon does; what that wrote, and how it ended. */
async function heard(text: string): Promise<{ readonly said: string; readonly code: number | null }> {
  const args = [join(import.meta.dirname, 'launch-namespace.sh'), 'wait', '-', '-', '-', '-', '-'];
  const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  channelOf(child)
    .on('error', () => undefined)
    .resume()
    .end(text);
  const [code] = (await once(child, 'close')) as [number | null];
  return { said, code };
}

describe('a launcher that waits', () => {
  it('becomes exactly the command that it is told, whatever its words contain', async () => {
    const word = fc.oneof(
      fc.string({ unit: fc.constantFrom('\n', '=', '+', ' ', '\\', "'", '"', '$', '`', '*', '\t', '\u0001', '\u007f', 'é', '漢', 'a') }),
      fc.string({ unit: 'grapheme' }).map((s) => s.replaceAll('\0', '')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 8 }), async (words) => {
        const { said, code } = await heard(spoken(['printf', '%s\\0', 'first', ...words]));
        assert.deepEqual(said.split('\0').slice(0, -1), ['first', ...words]);
        assert.equal(code, 0);
      }),
      { numRuns: 40 },
    );
  });

  it('runs nothing when the daemon ends before it has said all', async () => {
    const whole = spoken(['printf', 'ran', 'x\ny']);
    for (const length of [0, 1, 2, 5, whole.length - 3, whole.length - 1]) {
      const { said, code } = await heard(whole.slice(0, length));
      assert.deepEqual([said, code === 0], ['', false], JSON.stringify(whole.slice(0, length)));
    }
  });
});
