import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Pool } from './htcondor/pool.ts';
import { userDataOf } from './render.ts';

const tree = process.env['VACUA_TEST_HTCONDOR_TREE'] ?? '';
const skip = existsSync(`${tree}/usr/sbin/condor_master`)
  ? process.getuid?.() !== 0 && 'needs root: it makes namespaces'
  : 'VACUA_TEST_HTCONDOR_TREE must name a directory made by test/agents/htcondor/tree.sh';

describe('the HTCondor example joins a real pool', { skip, concurrency: false }, () => {
  const pool = new Pool(tree);
  const userData = (token: string): string =>
    userDataOf('htcondor', { htcondor_pool: '10.123.0.1:9618', htcondor_idle_seconds: '15' }, { htcondor_token: token });
  before(() => pool.start());
  after(() => pool[Symbol.asyncDispose]());

  it('runs the job that waits, finds no more, says 200 and ends; the job cannot read the user data', async () => {
    const asJob = 'hostname; id -un; cat /etc/condor/tokens.d/pool || echo no token; curl -s -m 5 http://169.254.169.254/ || echo no user data';
    pool.submit('waiting', asJob, 60);
    const ending = await pool.live(userData(pool.token(3600)), 7200);
    assert.equal(ending.message, '200 1 jobs run', ending.log);
    assert.equal(pool.output('waiting'), 'wn01-07.example.com\nnobody\nno token\nno user data\n');
    assert.deepEqual(pool.queued(), []);
    assert.ok(ending.poweredOff);
    assert.match(ending.log, /CCBID/, 'nothing can connect to the machine, so it was reached through the pool');
  });

  it('leaves a job alone that would not end in time, and says 300', async () => {
    pool.submit('long', 'true', 3600);
    const ending = await pool.live(userData(pool.token(3600)), 1800);
    assert.equal(ending.message, '300 no job for this machine', ending.log);
    assert.equal(pool.queued().length, 1);
    assert.ok(ending.poweredOff);
  });

  it('says 500 when the pool does not accept its token', async () => {
    const forged = pool
      .token(3600)
      .trim()
      .replace(/\.[^.]*$/, '.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    const ending = await pool.live(userData(forged), 7200);
    assert.equal(ending.message, '500 the pool does not accept the token of this machine', ending.log);
    assert.ok(ending.poweredOff);
  });
});
