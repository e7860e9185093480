import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Jobs, readDemand, sharedDemand } from './demand.ts';

const type = (name: string, environments?: readonly string[], targetShare = 1) => ({
  name,
  targetShare,
  ...(environments === undefined ? {} : { environments }),
});
const jobs = (waiting: number, running = 0): Jobs => ({ waiting, running });

test('the jobs of an environment belong to the first machinetype that is this environment', () => {
  const answer = { tenant: 'red', environments: { a: jobs(3, 1), b: jobs(2), c: jobs(7) }, unbound: jobs(5) };
  const shared = sharedDemand(answer, [type('off', ['a', 'b'], 0), type('one', ['a']), type('two', ['a', 'b']), type('plain'), type('more')]);
  assert.deepEqual(Object.fromEntries(shared), { off: jobs(0), one: jobs(3, 1), two: jobs(2), plain: jobs(5), more: jobs(0) });
});

test('jobs that need no environment go to any machinetype where all are one in particular', () => {
  const shared = sharedDemand({ tenant: 'red', environments: {}, unbound: jobs(5, 2) }, [type('one', ['a']), type('two', ['b'])]);
  assert.deepEqual(Object.fromEntries(shared), { one: jobs(5, 2), two: jobs(0) });
});

test('no job is counted twice', () => {
  const names = ['a', 'b', 'c'];
  const anyJobs = fc.record({ waiting: fc.nat(9), running: fc.nat(9) });
  const anyAnswer = fc.record({ tenant: fc.constant('red'), environments: fc.dictionary(fc.constantFrom(...names), anyJobs), unbound: anyJobs });
  const anyTypes = fc.array(fc.record({ environments: fc.subarray(names), targetShare: fc.constantFrom(0, 1) }), { maxLength: 4 });
  fc.assert(
    fc.property(anyAnswer, anyTypes, (answer, some) => {
      const types = some.map((t, i) => ({ ...t, name: `t${i}` }));
      const able = types.filter((t) => t.targetShare > 0);
      const served = Object.entries(answer.environments).filter(([name]) => able.some((t) => t.environments.includes(name)));
      const wanted = served.reduce((sum, [, j]) => sum + j.waiting, able.length === 0 ? 0 : answer.unbound.waiting);
      const shared = sharedDemand(answer, types);
      assert.equal(
        [...shared.values()].reduce((sum, j) => sum + j.waiting, 0),
        wanted,
      );
    }),
  );
});

test('nothing that a queue may send makes the reader throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof readDemand(bytes) === 'object'));
  fc.assert(fc.property(fc.json(), (text) => typeof readDemand(Buffer.from(text)) === 'object'));
});
