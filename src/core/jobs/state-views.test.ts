import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JobAttribute, JobState } from './job.ts';
import { viewsOf } from './state-views.ts';

/** Rows of the second table of spec/environments.md §7: state, attributes, begun, BES, CREAM, GLUE 1. */
const rows: readonly (readonly [JobState, readonly JobAttribute[], boolean, string, string, string])[] = [
  ['ACCEPTED', ['VALIDATING'], false, 'Pending', 'REGISTERED', 'submitted'],
  ['PREPROCESSING', ['CLIENT-STAGEIN-POSSIBLE'], false, 'Pending', 'PENDING', 'waiting'],
  ['PROCESSING-ACCEPTING', [], false, 'Pending', 'PENDING', 'scheduled'],
  ['PROCESSING-QUEUED', [], false, 'Pending', 'IDLE', 'scheduled'],
  ['PROCESSING-QUEUED', ['CLIENT-PAUSED'], false, 'Pending', 'HELD', 'scheduled'],
  ['PROCESSING-RUNNING', [], false, 'Running', 'RUNNING', 'running'],
  ['PROCESSING-RUNNING', ['APP-RUNNING'], true, 'Running', 'REALLY-RUNNING', 'running'],
  ['PROCESSING-RUNNING', ['APP-RUNNING', 'BATCH-SUSPEND'], true, 'Running', 'HELD', 'running'],
  ['PROCESSING-RUNNING', ['SERVER-PAUSED'], true, 'Running', 'HELD', 'running'],
  ['POSTPROCESSING', ['SERVER-STAGEOUT'], true, 'Running', 'REALLY-RUNNING', 'running'],
  ['TERMINAL', [], true, 'Finished', 'DONE-OK', 'done'],
  ['TERMINAL', ['EXPIRED'], true, 'Finished', 'DONE-OK', 'done'],
  ['TERMINAL', ['APP-FAILURE'], true, 'Finished', 'DONE-FAILED', 'done'],
  ['TERMINAL', ['PROCESSING-FAILURE'], true, 'Failed', 'DONE-FAILED', 'aborted'],
  ['TERMINAL', ['PROCESSING-FAILURE'], false, 'Failed', 'ABORTED', 'aborted'],
  ['TERMINAL', ['PREPROCESSING-FAILURE', 'EXPIRED'], false, 'Failed', 'ABORTED', 'aborted'],
  ['TERMINAL', ['PROCESSING-CANCEL'], true, 'Terminated', 'CANCELLED', 'cancelled'],
];

for (const [state, attributes, begun, bes, cream, glue1] of rows) {
  it(`spec/environments.md §7: ${[state, ...attributes].join(' ')} is ${bes}, ${cream}, ${glue1}`, () => {
    assert.deepEqual(viewsOf({ state, attributes }, begun), { bes, cream, glue1 });
  });
}
