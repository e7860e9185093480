import { randomUUID } from 'node:crypto';
import type { JobDocument, QueueClient } from '../queue/client/client.ts';
import { QueueError } from '../queue/client/error.ts';
import type { LocalJob } from './job-files.ts';

/** Jobs of one request; a queue takes more, but people like to see something happen. */
const chunk = 2000;

/**
 * Submits jobs and sends their input files; those that several jobs have are sent once. Resolves with the ids in the order of the jobs.
 * When a file cannot be sent, the jobs are taken back. Rejects with QueueError. `progress` is told how many jobs wait for a machine.
 */
export async function submitJobs(
  client: QueueClient,
  jobs: readonly LocalJob[],
  tenant: string | undefined,
  progress: (done: number) => void,
): Promise<readonly string[]> {
  const all: string[] = [];
  for (let at = 0; at < jobs.length; at += chunk) {
    const part = jobs.slice(at, at + chunk);
    const ids = await client.submitAll(
      part.map(({ text }) => text),
      { key: randomUUID(), ...(tenant !== undefined && { tenant }) },
    );
    all.push(...ids);
    try {
      await stageIn(client, part, ids);
    } catch (error) {
      await takeBack(client, ids);
      throw error;
    }
    progress(all.length);
  }
  return all;
}

/** Nothing is to do when no job has files: the queue lets them wait for a machine at once. */
async function stageIn(client: QueueClient, jobs: readonly LocalJob[], ids: readonly string[]): Promise<void> {
  if (jobs.every(({ files }) => files.size === 0)) return;
  const groups = Map.groupBy(ids, (_, i) => JSON.stringify([...(jobs[i]?.files ?? [])]));
  for (const [files, [first, ...rest]] of groups) {
    if (first === undefined) continue;
    for (const [name, path] of JSON.parse(files) as [string, string][]) await client.putInput(first, name, path);
    if (rest.length > 0) await start(client, rest, first);
    await start(client, [first]);
  }
}

async function start(client: QueueClient, ids: readonly string[], inputsOf?: string): Promise<void> {
  const { refused } = await client.actAll(ids, 'start', inputsOf);
  const [first] = refused;
  if (first !== undefined) throw new QueueError('conflict', `${refused.length} jobs were not started, the first because: ${first.detail}`, { status: 409 });
}

async function takeBack(client: QueueClient, ids: readonly string[]): Promise<void> {
  try {
    await client.actAll(ids, 'cancel');
    await client.actAll(ids, 'wipe');
  } catch (error) {
    // What the user is to hear is why the files could not be sent.
    if (!(error instanceof QueueError)) throw error;
  }
}

/** Resolves when all of these jobs have ended, with what they are then, in the same order. `tell` is called after each look with those known so far. */
export async function waitForAll(
  client: QueueClient,
  ids: readonly string[],
  pause: () => Promise<void>,
  tell: (jobs: readonly JobDocument[]) => void,
): Promise<readonly JobDocument[]> {
  const known = new Map<string, JobDocument>();
  const wanted = new Set(ids);
  for (;;) {
    const [first] = ids.filter((id) => known.get(id)?.state !== 'TERMINAL').sort();
    if (first === undefined) break;
    known.set(first, await client.job(first));
    let after: string | undefined = first;
    while (after !== undefined && [...wanted].some((id) => id > (after ?? '') && known.get(id)?.state !== 'TERMINAL')) {
      const page = await client.list({ after, limit: 1000 });
      for (const job of page.jobs) if (wanted.has(job.id)) known.set(job.id, job);
      after = page.next;
    }
    tell([...known.values()]);
    if (ids.every((id) => known.get(id)?.state === 'TERMINAL')) break;
    await pause();
  }
  return ids.flatMap((id) => known.get(id) ?? []);
}
