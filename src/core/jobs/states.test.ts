import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { jobAttributes, type JobState, jobStates } from './job.ts';
import { isOnMachine, isPaused, isWaiting, type JobChange, nextStates, type Standing, transition } from './states.ts';

const failures = jobAttributes.filter((a) => a.endsWith('-FAILURE')) as readonly Extract<JobChange, { kind: 'fail' }>['failure'][];
const plain = ['accept', 'start', 'take', 'begin', 'requeue', 'succeed', 'cancel', 'released', 'pause', 'resume', 'restart', 'wipe', 'expire'] as const;
const changes: readonly JobChange[] = [...plain.map((kind) => ({ kind })), ...failures.map((failure) => ({ kind: 'fail', failure }) as const)];

/** The diagram of spec/environments.md §7, written out a second time. */
const diagram = new Set([
  'ACCEPTED > PREPROCESSING',
  'PREPROCESSING > PROCESSING-ACCEPTING',
  'PROCESSING-ACCEPTING > PROCESSING-QUEUED',
  'PROCESSING-QUEUED > PROCESSING-RUNNING',
  'PROCESSING-RUNNING > POSTPROCESSING',
  'POSTPROCESSING > TERMINAL',
  'PROCESSING-RUNNING > PROCESSING-QUEUED',
  'ACCEPTED > TERMINAL',
  'PREPROCESSING > TERMINAL',
  'PROCESSING-ACCEPTING > TERMINAL',
  'PROCESSING-QUEUED > TERMINAL',
  'TERMINAL > PREPROCESSING',
  'TERMINAL > PROCESSING-ACCEPTING',
]);

/** From a state without attributes: where each change leads. What is not named is refused. */
const table: { readonly [S in JobState]: Readonly<Record<string, string>> } = {
  ACCEPTED: { accept: 'PREPROCESSING CLIENT-STAGEIN-POSSIBLE', cancel: 'TERMINAL PREPROCESSING-CANCEL', pause: 'ACCEPTED CLIENT-PAUSED' },
  PREPROCESSING: { start: 'PROCESSING-QUEUED', cancel: 'TERMINAL PREPROCESSING-CANCEL', pause: 'PREPROCESSING CLIENT-PAUSED' },
  'PROCESSING-ACCEPTING': { cancel: 'TERMINAL PROCESSING-CANCEL', pause: 'PROCESSING-ACCEPTING CLIENT-PAUSED' },
  'PROCESSING-QUEUED': { take: 'PROCESSING-RUNNING', cancel: 'TERMINAL PROCESSING-CANCEL', pause: 'PROCESSING-QUEUED CLIENT-PAUSED' },
  'PROCESSING-RUNNING': {
    begin: 'PROCESSING-RUNNING APP-RUNNING',
    requeue: 'PROCESSING-QUEUED',
    succeed: 'TERMINAL',
    cancel: 'POSTPROCESSING PROCESSING-CANCEL DEPROVISIONING',
  },
  POSTPROCESSING: { released: 'TERMINAL', cancel: 'POSTPROCESSING POSTPROCESSING-CANCEL DEPROVISIONING' },
  TERMINAL: { wipe: 'gone', expire: 'TERMINAL EXPIRED' },
};

const show = (at: Standing, change: JobChange): string => {
  const to = transition(at, change);
  return 'refused' in to ? 'refused' : to.gone === true ? 'gone' : [to.state, ...to.attributes].join(' ');
};

describe('spec/environments.md §7: states of a job', () => {
  it('the successors are those of the diagram', () => {
    assert.deepEqual(new Set(jobStates.flatMap((from) => nextStates[from].map((to) => `${from} > ${to}`))), diagram);
  });

  for (const state of jobStates) {
    it(`every change of ${state}, allowed and refused`, () => {
      for (const change of changes) {
        const expected = change.kind === 'fail' && state !== 'TERMINAL' ? `TERMINAL ${change.failure}` : (table[state][change.kind] ?? 'refused');
        assert.equal(show({ state, attributes: [] }, change), expected, change.kind);
      }
    });
  }

  it('restart leads to the phase that failed, never after a success', () => {
    const restarted = (attribute: Standing['attributes'][number]): string => show({ state: 'TERMINAL', attributes: [attribute] }, { kind: 'restart' });
    for (const a of ['PREPROCESSING-FAILURE', 'PREPROCESSING-CANCEL'] as const) assert.equal(restarted(a), 'PREPROCESSING CLIENT-STAGEIN-POSSIBLE');
    for (const a of ['PROCESSING-FAILURE', 'APP-FAILURE', 'POSTPROCESSING-FAILURE', 'PROCESSING-CANCEL', 'POSTPROCESSING-CANCEL'] as const)
      assert.equal(restarted(a), 'PROCESSING-QUEUED');
    assert.equal(restarted('VALIDATION-FAILURE'), 'refused');
    assert.equal(restarted('EXPIRED'), 'refused');
  });

  it('a paused job is not given away, keeps its pause on the way, and goes on when resumed', () => {
    const queued = transition({ state: 'PREPROCESSING', attributes: ['CLIENT-STAGEIN-POSSIBLE', 'CLIENT-PAUSED'] }, { kind: 'start' });
    assert.ok(!('refused' in queued));
    assert.deepEqual([queued.state, queued.attributes, isPaused(queued), isWaiting(queued)], ['PROCESSING-QUEUED', ['CLIENT-PAUSED'], true, false]);
    assert.equal(show(queued, { kind: 'take' }), 'refused');
    assert.equal(show(queued, { kind: 'pause' }), 'refused');
    assert.equal(show(queued, { kind: 'resume' }), 'PROCESSING-QUEUED');
  });

  it('a refusal says what the job is', () => {
    const to = transition({ state: 'TERMINAL', attributes: [] }, { kind: 'take' });
    assert.deepEqual(to, { refused: 'take: the job is TERMINAL, not PROCESSING-QUEUED' });
  });

  it('whatever happens, every step is one of the diagram, and a job passes POSTPROCESSING on its way from a machine to its end', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...changes), { maxLength: 40 }), (list) => {
        let at: Standing = { state: 'ACCEPTED', attributes: [] };
        for (const change of list) {
          const to = transition(at, change);
          if ('refused' in to) continue;
          if (to.gone === true) return;
          const whole = [at.state, ...to.path];
          for (let i = 1; i < whole.length; i++) assert.ok(diagram.has(`${whole[i - 1]} > ${whole[i]}`), `${change.kind}: ${whole.join(' > ')}`);
          assert.equal(whole.at(-1), to.state);
          if (isOnMachine(at) && to.state === 'TERMINAL') assert.ok(whole.includes('POSTPROCESSING'));
          at = to;
        }
      }),
    );
  });
});
