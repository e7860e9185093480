import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Context } from 'hono';
import type { JobSpec } from '../../core/jobs/job.ts';
import { type JdlProblem, type JdlResult, type JobDescription, parseJdl, readJobDocument, toJobSpec } from '../../core/jdl/jdl.ts';
import type { User } from '../auth/users.ts';
import { type DescriptionProblem, Refusal } from '../refusal.ts';
import { tenantOf } from './access.ts';
import { textOf } from './body.ts';
import type { Deps, MediaType } from './route.ts';

export const descriptionTypes: readonly MediaType[] = ['application/vnd.jdl', 'application/json', 'application/x-ndjson'];

const mostBytes = 64 * 1024 ** 2;
const mostJobs = 50_000;
/** UTF-16 units of one description: a job is kept, matched and listed with all that it says. */
const mostOfJob = 131_072;
/** Descriptions read before others get a turn: a large submission must not keep agents waiting. */
const perTurn = 200;
/** Problems told of one request. */
const mostProblems = 100;

/** Job descriptions in the body of a request. `several`: they came as a list, be it of one. */
export interface Submission {
  readonly specs: readonly JobSpec[];
  readonly descriptions: readonly JobDescription[];
  readonly several: boolean;
}

/**
 * Reads JDL, a JSON document of the same attributes, an array of these or of JDL texts, or one of them per line. All are right, or the
 * Refusal tells what is wrong with each.
 */
export async function readSubmission(c: Context, { configuration }: Pick<Deps, 'configuration'>, user: User): Promise<Submission> {
  const { items, several } = itemsIn(c.req.header('content-type') ?? '', await textOf(c, mostBytes));
  if (items.length > mostJobs) throw new Refusal('too_large', `${items.length} jobs in one request; valid: at most ${mostJobs}`);
  const named = c.req.query('tenant');
  const problems: DescriptionProblem[] = [];
  const specs: JobSpec[] = [];
  const descriptions: JobDescription[] = [];
  for (const [job, item] of items.entries()) {
    if (problems.length >= mostProblems) break;
    if (job % perTurn === perTurn - 1) await nextTurn();
    const read = readItem(item);
    const result = read.description === undefined ? read : specOf(read.description, user, named, configuration.settings.defaults);
    if (result.problems !== undefined) problems.push(...result.problems.map((p) => problemOf(p, several ? job : undefined)));
    else if (read.description !== undefined) {
      specs.push(result.spec);
      descriptions.push(read.description);
    }
  }
  if (problems.length > 0) {
    const what = several ? 'of the job descriptions' : 'the job description';
    throw new Refusal('bad_description', `${what} cannot be used: ${problems[0]?.text ?? ''}`, { problems: problems.slice(0, mostProblems) });
  }
  return { specs, descriptions, several };
}

function itemsIn(contentType: string, text: string): { readonly items: readonly unknown[]; readonly several: boolean } {
  const type = contentType.split(';')[0]?.trim().toLowerCase();
  switch (type) {
    case 'application/vnd.jdl':
    case 'text/plain':
      return { items: [text], several: false };
    case 'application/json': {
      const json = parse(text, '');
      return Array.isArray(json) ? { items: json, several: true } : { items: [json], several: false };
    }
    case 'application/x-ndjson':
      return { items: text.split('\n').flatMap((line, i) => (line.trim() === '' ? [] : [parse(line, `line ${i + 1}: `)])), several: true };
    default:
      throw new Refusal('unsupported_type', `Content-Type ${JSON.stringify((type ?? '').slice(0, 80))}; valid: ${descriptionTypes.join(', ')}`);
  }
}

function parse(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Refusal('bad_request', `${place}the body is not JSON: ${String(cause).slice(0, 200)}`, { cause });
  }
}

function readItem(item: unknown): JdlResult {
  const { length } = typeof item === 'string' ? item : JSON.stringify(item);
  if (length <= mostOfJob) return typeof item === 'string' ? parseJdl(item) : readJobDocument(item);
  return { problems: [{ attribute: undefined, line: 0, column: 0, text: `the description has ${length} characters`, valid: `at most ${mostOfJob}` }] };
}

type SpecResult = { readonly spec: JobSpec; readonly problems?: undefined } | { readonly problems: readonly JdlProblem[] };

function specOf(description: JobDescription, user: User, named: string | undefined, defaults: Deps['configuration']['settings']['defaults']): SpecResult {
  const remote = description.inputs.find(({ kind }) => kind === 'uri');
  if (remote !== undefined) {
    const place = description.places.get('inputsandbox') ?? { line: 0, column: 0 };
    return {
      problems: [
        { attribute: 'InputSandbox', ...place, text: `${remote.source}: this queue fetches nothing`, valid: 'local files, which the submitter sends' },
      ],
    };
  }
  const tenant = tenantOf(user, named ?? description.virtualOrganisation);
  return toJobSpec(description, { owner: user.owner, tenant, defaults });
}

const problemOf = ({ attribute, line, column, text, valid }: JdlProblem, job: number | undefined): DescriptionProblem => ({
  ...(job !== undefined && { job }),
  ...(attribute !== undefined && { attribute }),
  ...(line > 0 && { line, column }),
  text: valid === undefined ? text : `${text}; valid: ${valid}`,
});
