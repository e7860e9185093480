import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Job } from '../../core/jobs/job.ts';
import { Refusal } from '../refusal.ts';

export type FileKind = 'input' | 'output';
/** What the sandbox must know of a job. */
export type SandboxJob = Pick<Job, 'id'> & { readonly spec: Pick<Job['spec'], 'tenant' | 'owner'> };

/**
 * ```
 * content/ab/HEX                          one copy of each file, by SHA-256
 * incoming/RANDOM                         what is being received
 * jobs/OWNER/JOB/input/NAME → HEX.SIZE    a link that is read and never followed: it names content, and cannot name anything else
 * jobs/OWNER/JOB/log.N                    log of run N
 * ```
 * OWNER is a hash, so that the quota of an owner is a walk of one directory.
 */
export const sandboxPlaces = (root: string) => ({
  root,
  content: join(root, 'content'),
  contentOf: (sha256: string): string => join(root, 'content', sha256.slice(0, 2), sha256),
  incoming: join(root, 'incoming'),
  jobs: join(root, 'jobs'),
  owner: (hash: string): string => join(root, 'jobs', hash),
  job: (job: SandboxJob): string => join(root, 'jobs', ownerHash(job), job.id),
  files: (job: SandboxJob, kind: FileKind): string => join(root, 'jobs', ownerHash(job), job.id, kind),
  file: (job: SandboxJob, kind: FileKind, name: string): string => join(root, 'jobs', ownerHash(job), job.id, kind, fileName(name)),
  log: (job: SandboxJob, run: number): string => join(root, 'jobs', ownerHash(job), job.id, `log.${run}`),
});
export type SandboxPlaces = ReturnType<typeof sandboxPlaces>;

export const ownerHash = ({ spec }: SandboxJob): string => createHash('sha256').update(`${spec.tenant}\0${spec.owner}`).digest('hex').slice(0, 32);

/** Names of files are flat (JobSpec). Throws a Refusal for every other one: `..`, slashes, control characters, a leading dot. */
export function fileName(name: string): string {
  if (/^[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,127}$/.test(name)) return name;
  throw new Refusal('bad_name', `${JSON.stringify(name.slice(0, 140))} is no name of a file; valid: letters, digits and . _ + -, no dot first, at most 128`);
}

/** What a link says: the content and its size in bytes. Undefined: it is none of ours. */
export function readTarget(target: string): { readonly sha256: string; readonly size: number } | undefined {
  const [, sha256, size] = /^([0-9a-f]{64})\.(\d{1,16})$/.exec(target) ?? [];
  return sha256 === undefined ? undefined : { sha256, size: Number(size) };
}
