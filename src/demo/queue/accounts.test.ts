import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { parseJdl } from '../../core/jdl/jdl.ts';
import { instant, seconds } from '../../core/units.ts';
import type { JobDocument, JobHistory } from '../../queue/client/client.ts';
import { fateOf, fault } from './accounts.ts';
import { queueView } from './view.ts';
import { descriptions, type JobKind, writeJobs } from './work.ts';

const at = instant(1_000_000);
const job = (about: Partial<JobDocument>): JobDocument => ({
  id: '0mwp4drhx0000dgziwd2',
  state: 'TERMINAL',
  attributes: [],
  views: { bes: '', cream: '', glue1: '' },
  submittedAt: at,
  changedAt: at,
  runs: 1,
  exitCode: 0,
  spec: {
    tenant: 'red',
    owner: 'ann',
    executable: '/bin/true',
    arguments: [],
    environment: {},
    inputs: [],
    outputs: [],
    processors: 1,
    memoryMb: 32,
    wall: seconds(60),
    priority: 0,
    retries: 1,
    rerunnable: true,
    environments: [],
  },
  run: { number: 1, machine: 'm', site: 's', machinetype: 'red-pi', takenAt: at, leaseUntil: at },
  ...about,
});
const ended: JobHistory = [{ at, state: 'TERMINAL', attributes: [], text: 'done' }];

test('a job has one fate', () => {
  assert.equal(fateOf({ state: 'TERMINAL', attributes: [] }), 'done');
  assert.equal(fateOf({ state: 'TERMINAL', attributes: ['APP-FAILURE'] }), 'failed');
  assert.equal(fateOf({ state: 'TERMINAL', attributes: ['PROCESSING-CANCEL'] }), 'cancelled');
  assert.equal(fateOf({ state: 'POSTPROCESSING', attributes: ['SERVER-STAGEOUT'] }), 'running');
  assert.equal(fateOf({ state: 'PROCESSING-QUEUED', attributes: [] }), 'waiting');
});

test('what is not as it must be is told', () => {
  const told = (kind: JobKind, about: Partial<JobDocument>, history = ended): string => fault(kind, job(about), history)?.replace(/^\S+ \S+ /, '') ?? '';
  assert.equal(told('pi', {}), '');
  assert.equal(told('pi', { attributes: ['APP-FAILURE'], message: 'x' }), 'is failed (x), not done');
  assert.equal(told('pi', {}, []), 'has ended 0 times');
  assert.equal(told('pi', {}, [...ended, ...ended]), 'has ended 2 times');
  assert.equal(told('collatz', {}), 'ran on a machine red-pi, not red-collatz');
  assert.equal(told('killed', {}), 'ran 1 times; its machine was killed');
  assert.equal(told('once', { attributes: ['PROCESSING-FAILURE'], runs: 2 }), 'ran 2 times, not 1');
  assert.equal(told('fails', { attributes: ['APP-FAILURE'], exitCode: 1 }), 'has the exit code 1, not 3');
});

test('the job descriptions can be read', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-jobs-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = writeJobs(join(directory, 'jobs'));
  for (const kind of Object.keys(descriptions) as JobKind[]) {
    const { description, problems } = { problems: [], description: undefined, ...parseJdl(readFileSync(path(kind), 'utf8').replaceAll(/@\{\w+\}/g, '7')) };
    assert.ok(description, JSON.stringify(problems));
  }
});

test('the live view fits a terminal', () => {
  const state = {
    elapsed: 65,
    act: 'drain',
    jobs: [job({}), job({ state: 'PROCESSING-QUEUED' })],
    machines: [],
    now: 1000,
    messages: ['m'.repeat(300)],
    checks: [],
  };
  const lines = queueView(state, 60, 7, false);
  assert.ok(lines.length <= 7 && lines.every((line) => line.length <= 60));
  assert.match(lines.join('\n'), /^█{15}·{15} {2}2 jobs: 1 done, 1 waiting$/m);
});
