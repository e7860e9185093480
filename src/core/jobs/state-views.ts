import { isCancelled, isPaused, type Standing } from './states.ts';

/** State of a job in the words of other systems. */
export interface StateViews {
  readonly bes: 'Pending' | 'Running' | 'Finished' | 'Failed' | 'Terminated';
  readonly cream: 'REGISTERED' | 'PENDING' | 'IDLE' | 'RUNNING' | 'REALLY-RUNNING' | 'HELD' | 'DONE-OK' | 'DONE-FAILED' | 'ABORTED' | 'CANCELLED';
  /** Of the time of GLUE 1. */
  readonly glue1: 'submitted' | 'waiting' | 'scheduled' | 'running' | 'done' | 'aborted' | 'cancelled';
}

/**
 * The second table of spec/environments.md §7. Where it leaves a choice: PROCESSING-QUEUED is IDLE, a job whose application failed is DONE-FAILED,
 * and a job that was given up is ABORTED when no machine has begun it (`begun` false), else DONE-FAILED.
 */
export function viewsOf(at: Standing, begun: boolean): StateViews {
  if (isPaused(at) || at.attributes.includes('BATCH-SUSPEND')) {
    if (at.state === 'PROCESSING-RUNNING') return { bes: 'Running', cream: 'HELD', glue1: 'running' };
  }
  switch (at.state) {
    case 'ACCEPTED':
      return { bes: 'Pending', cream: 'REGISTERED', glue1: 'submitted' };
    case 'PREPROCESSING':
      return { bes: 'Pending', cream: isPaused(at) ? 'HELD' : 'PENDING', glue1: 'waiting' };
    case 'PROCESSING-ACCEPTING':
      return { bes: 'Pending', cream: isPaused(at) ? 'HELD' : 'PENDING', glue1: 'scheduled' };
    case 'PROCESSING-QUEUED':
      return { bes: 'Pending', cream: isPaused(at) ? 'HELD' : 'IDLE', glue1: 'scheduled' };
    case 'PROCESSING-RUNNING':
      return { bes: 'Running', cream: at.attributes.includes('APP-RUNNING') ? 'REALLY-RUNNING' : 'RUNNING', glue1: 'running' };
    case 'POSTPROCESSING':
      return { bes: 'Running', cream: 'REALLY-RUNNING', glue1: 'running' };
    case 'TERMINAL':
      return ended(at, begun);
  }
}

function ended(at: Standing, begun: boolean): StateViews {
  if (isCancelled(at)) return { bes: 'Terminated', cream: 'CANCELLED', glue1: 'cancelled' };
  if (at.attributes.includes('APP-FAILURE')) return { bes: 'Finished', cream: 'DONE-FAILED', glue1: 'done' };
  if (at.attributes.some((a) => a.endsWith('-FAILURE'))) return { bes: 'Failed', cream: begun ? 'DONE-FAILED' : 'ABORTED', glue1: 'aborted' };
  return { bes: 'Finished', cream: 'DONE-OK', glue1: 'done' };
}
