import type { JobAttribute, JobState } from './job.ts';

/** States that may follow directly; everything else is refused (spec/environments.md §7). A wiped job is gone and has no state. */
export const nextStates: { readonly [S in JobState]: readonly JobState[] } = {
  ACCEPTED: ['PREPROCESSING', 'TERMINAL'],
  PREPROCESSING: ['PROCESSING-ACCEPTING', 'TERMINAL'],
  'PROCESSING-ACCEPTING': ['PROCESSING-QUEUED', 'TERMINAL'],
  'PROCESSING-QUEUED': ['PROCESSING-RUNNING', 'TERMINAL'],
  'PROCESSING-RUNNING': ['PROCESSING-QUEUED', 'POSTPROCESSING'],
  POSTPROCESSING: ['TERMINAL'],
  TERMINAL: ['PREPROCESSING', 'PROCESSING-ACCEPTING'],
};

export type JobFailure = Extract<JobAttribute, `${string}-FAILURE`>;

/** What may happen to a job. */
export type JobChange =
  | {
      readonly kind: 'accept' | 'start' | 'take' | 'begin' | 'requeue' | 'succeed' | 'cancel' | 'released' | 'pause' | 'resume' | 'restart' | 'wipe' | 'expire';
    }
  | { readonly kind: 'fail'; readonly failure: JobFailure };

export interface Standing {
  readonly state: JobState;
  readonly attributes: readonly JobAttribute[];
}

/** The states gone through, the last of which is the new one; empty when only attributes change. `gone`: nothing is left of the job. */
export type Transition = (Standing & { readonly path: readonly JobState[]; readonly gone?: true }) | { readonly refused: string };

const waitingStates: ReadonlySet<JobState> = new Set(['ACCEPTED', 'PREPROCESSING', 'PROCESSING-ACCEPTING', 'PROCESSING-QUEUED']);
const cancels: ReadonlySet<JobAttribute> = new Set(['PREPROCESSING-CANCEL', 'PROCESSING-CANCEL', 'POSTPROCESSING-CANCEL']);

export const isPaused = ({ attributes }: Standing): boolean => attributes.includes('CLIENT-PAUSED') || attributes.includes('SERVER-PAUSED');
export const isCancelled = ({ attributes }: Standing): boolean => attributes.some((a) => cancels.has(a));
/** A machine may have it. */
export const isWaiting = (at: Standing): boolean => at.state === 'PROCESSING-QUEUED' && !isPaused(at);
/** A machine is busy with it, or may still be because it has not yet heard of the end. */
export const isOnMachine = ({ state }: Standing): boolean => state === 'PROCESSING-RUNNING' || state === 'POSTPROCESSING';

const kept = ({ attributes }: Standing): JobAttribute[] => attributes.filter((a) => a === 'CLIENT-PAUSED' || a === 'SERVER-PAUSED');
const queued = (at: Standing, path: readonly JobState[]): Transition => ({ state: 'PROCESSING-QUEUED', attributes: kept(at), path });
const over = (attributes: readonly JobAttribute[], path: readonly JobState[] = ['TERMINAL']): Transition => ({ state: 'TERMINAL', attributes, path });

/**
 * The state machine of spec/environments.md §7. A pause holds a job only before a machine has it. Cancelling a job on a machine leads to
 * POSTPROCESSING until the machine has heard of it or is lost ('released'), so that a restarted job is never on two machines. A job whose outputs failed is restarted
 * as a whole: the machine that held them is gone.
 */
export function transition(at: Standing, change: JobChange): Transition {
  const { state } = at;
  const refuse = (why: string): Transition => ({ refused: `${change.kind}: ${why}` });
  const only = (from: JobState, then: Transition): Transition => (state === from ? then : refuse(`the job is ${state}, not ${from}`));
  switch (change.kind) {
    case 'accept':
      return only('ACCEPTED', { state: 'PREPROCESSING', attributes: [...kept(at), 'CLIENT-STAGEIN-POSSIBLE'], path: ['PREPROCESSING'] });
    case 'start':
      return only('PREPROCESSING', queued(at, ['PROCESSING-ACCEPTING', 'PROCESSING-QUEUED']));
    case 'take':
      if (isPaused(at)) return refuse('the job is paused');
      return only('PROCESSING-QUEUED', { state: 'PROCESSING-RUNNING', attributes: [], path: ['PROCESSING-RUNNING'] });
    case 'begin':
      return only('PROCESSING-RUNNING', { state, attributes: ['APP-RUNNING'], path: [] });
    case 'requeue':
      return only('PROCESSING-RUNNING', queued(at, ['PROCESSING-QUEUED']));
    case 'succeed':
      return only('PROCESSING-RUNNING', over([], ['POSTPROCESSING', 'TERMINAL']));
    case 'fail':
      if (state === 'TERMINAL') return refuse('the job is TERMINAL');
      return over([change.failure], state === 'PROCESSING-RUNNING' ? ['POSTPROCESSING', 'TERMINAL'] : ['TERMINAL']);
    case 'cancel':
      return cancel(at, refuse);
    case 'released':
      return only('POSTPROCESSING', over(at.attributes.filter((a) => cancels.has(a))));
    case 'pause':
      if (!waitingStates.has(state)) return refuse(`the job is ${state}; only a job that no machine has can be paused`);
      return at.attributes.includes('CLIENT-PAUSED')
        ? refuse('the job is paused already')
        : { state, attributes: [...at.attributes, 'CLIENT-PAUSED'], path: [] };
    case 'resume':
      if (!at.attributes.includes('CLIENT-PAUSED')) return refuse('the job is not paused');
      return { state, attributes: at.attributes.filter((a) => a !== 'CLIENT-PAUSED'), path: [] };
    case 'restart':
      return restart(at, refuse);
    case 'wipe':
      return state === 'TERMINAL' ? { ...at, path: [], gone: true } : refuse(`the job is ${state}; cancel it first`);
    case 'expire':
      if (at.attributes.includes('EXPIRED')) return refuse('the job has expired already');
      return only('TERMINAL', { state, attributes: [...at.attributes, 'EXPIRED'], path: [] });
  }
}

function cancel(at: Standing, refuse: (why: string) => Transition): Transition {
  switch (at.state) {
    case 'TERMINAL':
      return refuse('the job is TERMINAL');
    case 'ACCEPTED':
    case 'PREPROCESSING':
      return over(['PREPROCESSING-CANCEL']);
    case 'PROCESSING-ACCEPTING':
    case 'PROCESSING-QUEUED':
      return over(['PROCESSING-CANCEL']);
    case 'PROCESSING-RUNNING':
      return { state: 'POSTPROCESSING', attributes: ['PROCESSING-CANCEL', 'DEPROVISIONING'], path: ['POSTPROCESSING'] };
    case 'POSTPROCESSING':
      if (isCancelled(at)) return refuse('the job is being cancelled already');
      return { state: 'POSTPROCESSING', attributes: ['POSTPROCESSING-CANCEL', 'DEPROVISIONING'], path: [] };
  }
}

/** Only to the phase that failed, and not after a success (spec/environments.md §7). */
function restart(at: Standing, refuse: (why: string) => Transition): Transition {
  const has = (...some: readonly JobAttribute[]): boolean => some.some((a) => at.attributes.includes(a));
  if (at.state !== 'TERMINAL') return refuse(`the job is ${at.state}, not TERMINAL`);
  if (has('VALIDATION-FAILURE')) return refuse('the job was never valid');
  if (has('PREPROCESSING-FAILURE', 'PREPROCESSING-CANCEL')) return { state: 'PREPROCESSING', attributes: ['CLIENT-STAGEIN-POSSIBLE'], path: ['PREPROCESSING'] };
  if (has('PROCESSING-FAILURE', 'PROCESSING-CANCEL', 'APP-FAILURE', 'POSTPROCESSING-FAILURE', 'POSTPROCESSING-CANCEL'))
    return { state: 'PROCESSING-QUEUED', attributes: [], path: ['PROCESSING-ACCEPTING', 'PROCESSING-QUEUED'] };
  return refuse('the job has succeeded');
}
