import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { z } from 'zod';
import type { Candidate } from '../../core/environment/choose.ts';
import { type JobId, jobStates, type JobState } from '../../core/jobs/job.ts';
import { instant } from '../../core/units.ts';
import { Refusal } from '../refusal.ts';
import { refusalOf } from './problem.ts';
import { jobOf, maySee, ownJob } from './access.ts';
import { act } from './actions.ts';
import { textOf } from './body.ts';
import { descriptionTypes, readSubmission } from './description.ts';
import { type Deps, numberQuery, type Route, userOf } from './route.ts';
import * as schema from './schema.ts';

const mostPerPage = 1000;
const mostAction = 1024 ** 2;
/** Requests of one bulk action that go on at the same time. */
const abreast = 16;

async function parsed<S extends z.ZodType>(c: Context, type: S): Promise<z.output<S>> {
  let json: unknown;
  try {
    json = JSON.parse(await textOf(c, mostAction));
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    throw new Refusal('bad_request', `the body is not JSON: ${String(cause).slice(0, 200)}`, { cause });
  }
  const read = type.safeParse(json);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Refusal('bad_request', `the body is not as /openapi.json says: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

/** The same key makes no second job, whatever was lost on the way (JobStore.submit). A key is its owner's. */
function keysOf(c: Context, owner: string, jobs: number): { readonly keys?: readonly string[] } {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return {};
  if (key.length > 256) throw new Refusal('bad_request', 'Idempotency-Key has more than 256 characters');
  return { keys: Array.from({ length: jobs }, (_, i) => createHash('sha256').update(`${owner}\0${key}\0${i}`).digest('base64url')) };
}

function statesQuery(c: Context): { readonly states?: readonly JobState[] } {
  const text = c.req.query('state');
  if (text === undefined || text === '') return {};
  const states = text.split(',').map((word) => {
    const state = jobStates.find((known) => known === word.toUpperCase());
    if (state === undefined) throw new Refusal('bad_request', `state=${word.slice(0, 40)}; valid: ${jobStates.join(', ')}, separated by commas`);
    return state;
  });
  return { states };
}

function sinceQuery(c: Context): { readonly since?: ReturnType<typeof instant> } {
  const text = c.req.query('since');
  if (text === undefined) return {};
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new Refusal('bad_request', `since=${text.slice(0, 40)}; valid: a time such as 2026-11-20T11:00:00Z`);
  return { since: instant(at) };
}

/** No environment alone suffices, although all of them together seem to. */
function refusedBy(candidates: readonly Candidate[], job: number | undefined): Refusal {
  const problems = candidates.map(({ environment, why }) => ({ ...(job !== undefined && { job }), text: `${environment.name}: ${why ?? ''}` }));
  return new Refusal('no_environment', 'no environment of this site can run the job: see /match, or vacua job match', { problems });
}

/** What users do with jobs (spec/environments.md §6.3). */
export const jobRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/jobs',
    summary: 'Submit a job: its document. Several as a JSON array or as lines of JSON: their ids. Without input files they wait for a machine at once',
    token: 'user',
    status: 201,
    answer: schema.JobDocument,
    body: descriptionTypes.map((type) => ({ type })),
    query: [{ name: 'tenant', description: 'for which tenant; else VirtualOrganisation of the description, else the only one of the user' }],
    errors: ['bad_request', 'bad_description', 'no_environment', 'unauthorised', 'token_expired', 'forbidden', 'too_large', 'unsupported_type', 'conflict'],
    async handle(c, deps) {
      const user = await userOf(c, deps);
      const { specs, several } = await readSubmission(c, deps, user);
      const attracted = await deps.advertiser.attracted(specs);
      if (attracted) throw refusedBy(attracted.candidates, several ? attracted.job : undefined);
      const ready = specs.every(({ inputs }) => inputs.length === 0);
      const ids = await deps.store.submit(specs, { now: deps.clock.now(), ready, ...keysOf(c, user.owner, specs.length) });
      if (ready) for (const tenant of new Set(specs.map((spec) => spec.tenant))) deps.waiters.wake(tenant);
      if (several) return schema.answer(schema.JobIds, { ids }, { status: 201 });
      const job = await jobOf(deps, user, ids[0] ?? '');
      return schema.answer(schema.JobDocument, schema.jobDocument(job), { status: 201, headers: { location: `/jobs/${job.id}` } });
    },
  },
  {
    method: 'get',
    path: '/jobs',
    summary: 'Jobs of the user, in the order of submission; an administrator sees those of everybody',
    token: 'user',
    status: 200,
    answer: schema.Jobs,
    query: [
      { name: 'state', description: 'states, separated by commas' },
      { name: 'vo', description: 'tenant' },
      { name: 'owner', description: 'of this owner; for administrators' },
      { name: 'since', description: 'changed at this time or later' },
      { name: 'after', description: 'the `next` of the page before' },
      { name: 'limit', description: `most jobs of a page, at most ${mostPerPage}, usually 100` },
    ],
    errors: ['bad_request', 'unauthorised', 'token_expired'],
    async handle(c, deps) {
      const user = await userOf(c, deps);
      const [tenant, owner, after] = [c.req.query('vo'), c.req.query('owner'), c.req.query('after')];
      if (after !== undefined && !/^[a-z0-9]{20}$/.test(after)) throw new Refusal('bad_request', `after=${after.slice(0, 40)}; valid: the next of a page`);
      const whose = user.administrator ? owner : user.owner;
      const limit = numberQuery(c, 'limit', 1, mostPerPage, 100);
      const jobs = await deps.store.list(
        { ...statesQuery(c), ...sinceQuery(c), ...(tenant !== undefined && { tenant }), ...(whose !== undefined && { owner: whose }) },
        { limit, ...(after !== undefined && { after: after as JobId }) },
      );
      const next = jobs.length === limit ? jobs.at(-1)?.id : undefined;
      return schema.answer(schema.Jobs, { jobs: jobs.filter((job) => maySee(user, job)).map(schema.jobDocument), ...(next !== undefined && { next }) });
    },
  },
  {
    method: 'get',
    path: '/jobs/{id}',
    summary: 'A job, with the files that it has',
    token: 'user',
    status: 200,
    answer: schema.JobWithFiles,
    errors: ['unauthorised', 'token_expired', 'not_found'],
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      const [inputs, outputs] = await Promise.all([deps.sandbox.list(job, 'input'), deps.sandbox.list(job, 'output')]);
      return schema.answer(schema.JobWithFiles, {
        ...schema.jobDocument(job),
        inputs: inputs.map(({ name }) => name),
        outputs: outputs.map(({ name, size }) => ({ name, size })),
      });
    },
  },
  {
    method: 'get',
    path: '/jobs/{id}/history',
    summary: 'Everything that has happened to a job',
    token: 'user',
    status: 200,
    answer: schema.History,
    errors: ['unauthorised', 'token_expired', 'not_found'],
    async handle(c, deps) {
      const { job } = await ownJob(c, deps);
      return schema.answer(schema.History, { events: await deps.store.history(job.id) });
    },
  },
  {
    method: 'post',
    path: '/jobs/{id}/actions',
    summary: 'start (the input files are there), cancel, pause, resume, restart or wipe',
    token: 'user',
    status: 200,
    answer: schema.JobDocument,
    body: [{ type: 'application/json', schema: schema.Action }],
    errors: ['bad_request', 'unauthorised', 'token_expired', 'not_found', 'conflict', 'over_quota'],
    async handle(c, deps) {
      const { user, job } = await ownJob(c, deps);
      return schema.answer(schema.JobDocument, schema.jobDocument(await act(deps, user, job, await parsed(c, schema.Action))));
    },
  },
  {
    method: 'post',
    path: '/jobs/actions',
    summary: 'The same action for many jobs; those for which it is refused are named',
    token: 'user',
    status: 200,
    answer: schema.BulkAnswer,
    body: [{ type: 'application/json', schema: schema.BulkAction }],
    errors: ['bad_request', 'unauthorised', 'token_expired'],
    async handle(c, deps) {
      const user = await userOf(c, deps);
      const { ids, ...action } = await parsed(c, schema.BulkAction);
      return schema.answer(schema.BulkAnswer, await forAll(deps, ids, async (id) => void (await act(deps, user, await jobOf(deps, user, id), action))));
    },
  },
];

/** Refusals are part of the answer; that the store cannot be had ends the whole request, of which every part may be repeated. */
async function forAll(
  deps: Deps,
  ids: readonly string[],
  one: (id: string) => Promise<void>,
): Promise<{ done: string[]; refused: { id: string; detail: string }[] }> {
  const done: string[] = [];
  const refused: { id: string; detail: string }[] = [];
  const rest = ids.values();
  const lane = async (): Promise<void> => {
    for (const id of rest) {
      try {
        await one(id);
        done.push(id);
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === undefined || refusal.status >= 500) throw error;
        refused.push({ id, detail: refusal.message });
      }
    }
  };
  await Promise.all(Array.from({ length: abreast }, lane));
  if (refused.length > 0) deps.log.info({ done: done.length, refused: refused.length }, 'bulk action partly refused');
  return { done, refused };
}
