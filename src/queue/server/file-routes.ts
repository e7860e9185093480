import { Refusal, type RefusalCode } from '../refusal.ts';
import { fileName } from '../sandbox/places.ts';
import { ownJob } from './access.ts';
import { bodyOf } from './body.ts';
import { fileResponse } from './file-response.ts';
import { numberQuery, type Route } from './route.ts';
import * as schema from './schema.ts';

const errors: readonly RefusalCode[] = ['unauthorised', 'token_expired', 'bad_name', 'not_found'];

/** Files of jobs: sandboxes and logs. */
export const fileRoutes: readonly Route[] = [
  {
    method: 'put',
    path: '/jobs/{id}/input/{name}',
    summary: 'Give an input file, as long as the job is in PREPROCESSING',
    token: 'user',
    status: 201,
    body: [{ type: 'application/octet-stream' }],
    errors: [...errors, 'bad_request', 'conflict', 'too_large', 'over_quota', 'disk_full'],
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      const name = fileName(c.req.param('name') ?? '');
      if (!job.spec.inputs.includes(name))
        throw new Refusal('not_found', `${name} is no input file of this job; it has: ${job.spec.inputs.join(', ') || 'none'}`);
      const staging = (state: string): void => {
        if (state !== 'PREPROCESSING') throw new Refusal('conflict', `the job is ${state}; files can be given in PREPROCESSING alone`);
      };
      staging(job.state);
      // It may have been started, or wiped, while the file was sent.
      const still = async (): Promise<void> => staging((await deps.store.job(job.id))?.state ?? 'gone');
      const { sha256 } = await deps.sandbox.put(job, 'input', name, bodyOf(c), deps.sandbox.limits.jobBytes, still);
      return new Response(null, { status: 201, headers: { etag: `"${sha256}"` } });
    },
  },
  {
    method: 'get',
    path: '/jobs/{id}/input/{name}',
    summary: 'An input file',
    token: 'user',
    status: 200,
    answer: 'application/octet-stream',
    errors,
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      const name = fileName(c.req.param('name') ?? '');
      const file = await deps.sandbox.open(job, 'input', name);
      if (file === undefined) throw new Refusal('not_found', `the job has no input file ${name}`);
      return fileResponse(c, file, name);
    },
  },
  {
    method: 'delete',
    path: '/jobs/{id}/input/{name}',
    summary: 'Take an input file away again, as long as the job is in PREPROCESSING',
    token: 'user',
    status: 204,
    errors: [...errors, 'conflict'],
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      const name = fileName(c.req.param('name') ?? '');
      if (job.state !== 'PREPROCESSING') throw new Refusal('conflict', `the job is ${job.state}; files can be taken away in PREPROCESSING alone`);
      await deps.sandbox.remove(job, 'input', name);
      return new Response(null, { status: 204 });
    },
  },
  {
    method: 'get',
    path: '/jobs/{id}/output',
    summary: 'Output files that are there',
    token: 'user',
    status: 200,
    answer: schema.StoredFiles,
    errors,
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      return schema.answer(schema.StoredFiles, { files: await deps.sandbox.list(job, 'output') });
    },
  },
  {
    method: 'get',
    path: '/jobs/{id}/output/{name}',
    summary: 'An output file',
    token: 'user',
    status: 200,
    answer: 'application/octet-stream',
    errors,
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      const name = fileName(c.req.param('name') ?? '');
      const file = await deps.sandbox.open(job, 'output', name);
      if (file === undefined)
        throw new Refusal('not_found', `the job has no output file ${name}${job.attributes.includes('EXPIRED') ? ': its files have expired' : ''}`);
      return fileResponse(c, file, name);
    },
  },
  {
    method: 'get',
    path: '/jobs/{id}/log',
    summary: 'Log of the last run that has one: what the job and its agent have written besides output files',
    token: 'user',
    status: 200,
    answer: 'application/octet-stream',
    query: [{ name: 'run', description: 'of this run, counted from 1' }],
    errors: [...errors, 'bad_request'],
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      const run = numberQuery(c, 'run', 0, 1_000_000, 0);
      const file = await deps.sandbox.log(job, run === 0 ? undefined : run);
      if (file === undefined) throw new Refusal('not_found', run === 0 ? 'the job has no log yet' : `run ${run} of the job has no log`);
      return fileResponse(c, file, `${job.id}.log`);
    },
  },
];
