import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from '../../src/providers/qemu/test-kit.ts';
import { overhead, runInGuest } from './agent-guest.ts';

test('the agent works in the mini guest, with nothing but busybox', { timeout: 200_000 }, async (t) => {
  const world = await World.make();
  t.after(() => world.close());
  const script = 'id -un; cat in; echo result >out; cat /run/agent.*/nonce';
  const idle = Array.from({ length: 5 }, () => ({ script: 'true' }));
  const { queue } = await runInGuest(world, await world.provider(), [
    { script, inputs: { in: 'input\n' }, outputs: ['out'] },
    { script: 'sleep 1000', lines: { wall: 2 } },
    ...idle,
  ]);
  t.after(() => queue[Symbol.asyncDispose]());
  assert.equal(queue.last('shutdown_message'), '200 7 jobs done');
  assert.deepEqual(queue.faults, []);
  const [first, second, third] = queue.heard;
  assert.match(
    first?.log.toString() ?? '',
    /^nobody\ninput\ncat: can't open '\/run\/agent\.[^/]*\/nonce': Permission denied\n$|^nobody\ninput\ncat: can't open '\/run\/agent\.\*\/nonce': No such file or directory\n$/,
  );
  assert.equal(first?.outputs.get('out')?.toString(), 'result\n');
  assert.match(first?.result ?? '', /^result=exited\nexit=1\n/);
  assert.match(second?.result ?? '', /^result=timeout\n/);
  assert.match(third?.result ?? '', /^result=exited\nexit=0\n/);
  const taken = overhead(queue).slice(2);
  t.diagnostic(`seconds per job that does nothing: ${taken.map((s) => s.toFixed(2)).join(' ')}`);
});
