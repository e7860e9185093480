import type { Job } from '../../core/jobs/job.ts';
import type { User } from '../auth/users.ts';
import { Refusal } from '../refusal.ts';
import type { JobAction } from '../store.ts';
import { jobOf } from './access.ts';
import type { Deps } from './route.ts';

/** What a person does with a job of theirs, with what it means for the files. Resolves with the job as it is then, or was before it was wiped. */
export async function act(deps: Deps, user: User, job: Job, { action, inputsOf }: { readonly action: JobAction; readonly inputsOf?: string }): Promise<Job> {
  const { store, sandbox, waiters, clock } = deps;
  if (action === 'start') {
    if (inputsOf !== undefined) await takeInputs(deps, user, job, inputsOf);
    if (job.state === 'PREPROCESSING') await needInputs(deps, job);
  }
  if (action === 'restart' && job.state === 'TERMINAL') await needInputs(deps, job);
  let changed = await store.act(job.id, action, user.owner, clock.now());
  // Of one that ended before it was started; its files are there.
  if (action === 'restart' && changed.state === 'PREPROCESSING') changed = await store.act(job.id, 'start', user.owner, clock.now());
  if (action === 'wipe') await sandbox.wipe(job);
  if (changed.state === 'PROCESSING-QUEUED') waiters.wake(job.spec.tenant);
  return changed;
}

async function takeInputs(deps: Deps, user: User, job: Job, from: string): Promise<void> {
  const other = await jobOf(deps, user, from);
  if (other.spec.owner !== job.spec.owner || other.spec.tenant !== job.spec.tenant)
    throw new Refusal('not_found', `job ${job.id} and job ${other.id} are not of the same owner and tenant`);
  if (job.state !== 'PREPROCESSING') throw new Refusal('conflict', `job ${job.id} is ${job.state}; files can be given in PREPROCESSING alone`);
  if (other.id !== job.id) await deps.sandbox.copyInputs(other, job, job.spec.inputs, deps.sandbox.limits.jobBytes);
}

async function needInputs({ sandbox }: Deps, job: Job): Promise<void> {
  if (job.spec.inputs.length === 0) return;
  const present = new Set((await sandbox.list(job, 'input')).map(({ name }) => name));
  const missing = job.spec.inputs.filter((name) => !present.has(name));
  if (missing.length > 0) throw new Refusal('conflict', `job ${job.id} lacks input files: ${missing.slice(0, 20).join(', ')}; PUT /jobs/${job.id}/input/NAME`);
}
