import { rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job, JobId } from '../../core/jobs/job.ts';
import { elapsed, type Instant, instant, type Seconds } from '../../core/units.ts';
import { filesIn, logBytesIn, names } from './quota.ts';
import type { Sandbox } from './sandbox.ts';

export interface SweepOptions {
  readonly sandbox: Sandbox;
  readonly job: (id: JobId) => Promise<Job | undefined>;
  readonly now: Instant;
  /** Files of a job are kept for this long after its end. */
  readonly keep: Seconds;
}

/** Content younger than this may belong to a request that goes on. */
const grace = 3600;

/**
 * Removes files of jobs that ended longer ago than `keep` or exist no more, content that no job names, and what crashes have left;
 * counts what every owner keeps. Rejects with the StoreError of the store.
 */
export async function sweep({ sandbox, job, now, keep }: SweepOptions): Promise<{ readonly jobs: number; readonly contents: number }> {
  const { places } = sandbox;
  const named = new Set<string>();
  let jobs = 0;
  for (const owner of await names(places.jobs)) {
    let bytes = 0;
    for (const id of await names(places.owner(owner))) {
      const directory = join(places.owner(owner), id);
      if (await isOver(await job(id as JobId), directory, now, keep)) {
        await rm(directory, { recursive: true, force: true });
        jobs++;
        continue;
      }
      for (const kind of ['input', 'output']) {
        for (const { sha256, size } of await filesIn(join(directory, kind))) {
          named.add(sha256);
          bytes += size;
        }
      }
      bytes += await logBytesIn(directory);
    }
    sandbox.counted(owner, bytes);
    await rmdir(places.owner(owner)).catch(() => undefined); // only when it is empty
  }
  let contents = 0;
  for (const part of await names(places.content)) {
    for (const sha256 of await names(join(places.content, part))) {
      if (!named.has(sha256) && (await removeOld(join(places.content, part, sha256), now))) contents++;
    }
  }
  for (const name of await names(places.incoming)) await removeOld(join(places.incoming, name), now);
  return { jobs, contents };
}

async function isOver(job: Job | undefined, directory: string, now: Instant, keep: Seconds): Promise<boolean> {
  if (job !== undefined) return job.state === 'TERMINAL' && elapsed(job.changedAt, now) > keep;
  return (await age(directory, now)) > grace;
}

/** Moved aside and looked at again before it is removed: a request may have put the same content there in the meantime. */
async function removeOld(path: string, now: Instant): Promise<boolean> {
  if ((await age(path, now)) <= grace) return false;
  const aside = `${path}.old`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  if ((await age(aside, now)) <= grace) {
    await rename(aside, path);
    return false;
  }
  await rm(aside, { force: true });
  return true;
}

const age = async (path: string, now: Instant): Promise<number> => {
  try {
    return elapsed(instant((await stat(path)).mtimeMs), now);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
};
