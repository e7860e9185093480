import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobDocument } from '../server/schema.ts';
import { jdl, type TestQueue, testQueue } from '../server/testing.ts';
import { flavours, machine } from './testing.ts';

const submit = async (queue: TestQueue, text: string, inputs: Readonly<Record<string, string>> = {}): Promise<string> => {
  const token = queue.tokens.ann;
  const answer = await queue.ask('POST', '/jobs', { ...jdl(text), token });
  assert.equal(answer.status, 201, await answer.clone().text());
  const { id } = (await answer.json()) as JobDocument;
  for (const [name, body] of Object.entries(inputs)) await queue.ask('PUT', `/jobs/${id}/input/${name}`, { token, body });
  if (Object.keys(inputs).length > 0) await queue.ask('POST', `/jobs/${id}/actions`, { token, type: 'application/json', body: '{"action":"start"}' });
  return id;
};
const read = async (queue: TestQueue, path: string): Promise<string> => (await queue.ask('GET', path, { token: queue.tokens.ann })).text();

for (const flavour of flavours) {
  test(`${flavour}: agent and queue server understand each other`, async (t) => {
    const queue = await testQueue();
    t.after(() => queue[Symbol.asyncDispose]());
    const sweep = await submit(
      queue,
      `[ Executable = "run.sh"; Arguments = "'a b' 2"; InputSandbox = {"run.sh", "data"}; StdOutput = "out"; StdError = "out"; OutputSandbox = {"out", "made"}; OutputSandboxBaseDestURI = "gsiftp://localhost"; MaxWallTime = 600 ]`,
      { 'run.sh': '#!/bin/sh\necho "$1|$2"; cat data >made; exit 4\n', data: 'some data' },
    );
    const failing = await submit(queue, '[ Executable = "/bin/true"; Prologue = "/bin/false"; MaxWallTime = 600 ]');
    const hanging = await submit(queue, '[ Executable = "/bin/sleep"; Arguments = "1000"; MaxWallTime = 1 ]');
    const m = await machine(t, { flavour, queue: queue.running.url, wait: 0, token: await queue.machineToken() });
    assert.equal(await m.ended, '200 3 jobs done', m.said());
    const jobs = await Promise.all([sweep, failing, hanging].map(async (id) => JSON.parse(await read(queue, `/jobs/${id}`)) as JobDocument));
    assert.deepEqual(
      jobs.map(({ state, exitCode }) => [state, exitCode]),
      [
        ['TERMINAL', 4],
        ['TERMINAL', undefined],
        ['TERMINAL', undefined],
      ],
    );
    assert.equal(await read(queue, `/jobs/${sweep}/output/out`), 'a b|2\n');
    assert.equal(await read(queue, `/jobs/${sweep}/output/made`), 'some data');
    const again = await machine(t, { flavour, queue: queue.running.url, wait: 0, token: await queue.machineToken({ sub: 'machine-2' }) });
    assert.equal(await again.ended, '300 no job for this machine: no job waits', again.said());
    const foreign = await machine(t, { flavour, queue: queue.running.url, token: await queue.machineToken({}, 'blue') });
    assert.match((await foreign.ended) ?? '', /^500 the queue does not accept the token of this machine: /, foreign.said());
  });
}
