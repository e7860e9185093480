import { mkdirSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import { type JobState, jobStates } from '../../core/jobs/job.ts';
import { instant } from '../../core/units.ts';
import { version } from '../../factory/version.ts';
import type { JobDocument, MatchLines } from '../../queue/client/client.ts';
import { encoded, History, JobDocument as JobSchema, JobWithFiles } from '../../queue/server/schema.ts';
import { CliError, type CliContext, print, printJson } from '../context.ts';
import { registerActions } from '../job-actions.ts';
import { download } from '../job-download.ts';
import { type LocalJob, localJob, readJdlFile } from '../job-files.ts';
import { submitJobs, waitForAll } from '../job-submit.ts';
import { asking, queueClient, queueConfiguration, type QueueOptions, withQueueOptions } from '../queue-access.ts';
import { expand, readSweep } from '../sweep.ts';
import { counted, printable, printableLines } from '../text.ts';
import { hasSucceeded, jobsView, jobView, matchView, summaryLine } from '../views/jobs.ts';

interface Json extends QueueOptions {
  readonly json?: true;
}
interface SubmitOptions extends Json {
  readonly tenant?: string;
  readonly count?: string;
  readonly sweep?: readonly string[];
  readonly wait?: true;
}

const again = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
const documents = (jobs: readonly JobDocument[]): readonly object[] => jobs.map((job) => encoded(JobSchema, job));

export function register(program: Command, context: CliContext): void {
  const job = program.command('job').description('Submit jobs to a queue and look after them.');
  const command = (name: string): Command => withQueueOptions(job.command(name));
  command('submit')
    .description('Submit a job, or many that differ in a value, and print their ids.')
    .argument('<file...>', 'job descriptions in JDL')
    .option('--tenant <name>', 'for this tenant; else VirtualOrganisation of the description, else your only one')
    .option('--count <n>', 'so many of the same; @{n} in the description is 0, 1, 2, …')
    .option('--sweep <name=values>', 'one job per value of @{name}: name=1..300, name=0..100..10 or name=a,b,c; several: all combinations', again)
    .option('--wait', 'wait until all have ended; status 1 when one has not succeeded')
    .option('--json', 'print JSON')
    .action((files: string[], options: SubmitOptions) => submit(context, files, options));
  command('status')
    .description('Say how jobs stand; of a single one everything that has happened to it.')
    .argument('<job...>', 'ids')
    .option('--json', 'print JSON')
    .action((ids: string[], options: Json) => status(context, ids, options));
  command('list')
    .description('List your jobs that have not ended.')
    .option('-a, --all', 'those that have ended too')
    .option('--state <states>', 'of these states of EMI-ES, separated by commas')
    .option('--tenant <name>', 'of this tenant')
    .option('--owner <name>', 'of this owner; for administrators')
    .option('--after <job>', 'those submitted after this one')
    .option('--limit <n>', 'at most so many', '100')
    .option('--json', 'print JSON')
    .action((options: Json & ListOptions) => list(context, options));
  command('output')
    .description('List the output files of a job, print one, or save them.')
    .argument('<job>', 'id')
    .argument('[name]', 'this file alone')
    .option('--dir <directory>', 'save into this directory')
    .option('--raw', 'print the bytes as they are, also on a terminal')
    .option('--json', 'print the list as JSON')
    .action((id: string, name: string | undefined, options: Json & { dir?: string; raw?: true }) => output(context, id, name, options));
  command('log')
    .description('Print what a job and its agent have written besides output files.')
    .argument('<job>', 'id')
    .option('--run <n>', 'of this run; else of the last')
    .option('--raw', 'print the bytes as they are, also on a terminal')
    .action(async (id: string, options: QueueOptions & { run?: string; raw?: true }) => {
      const run = options.run === undefined ? undefined : wholeNumber('--run', options.run, 1_000_000);
      await copy(context, await asking(queueClient(context, options).log(id, run)), options.raw === true);
    });
  registerActions(command, context);
  command('match')
    .description('Say for each environment whether a job could run there, and why not. With --config the environments in that file are asked, without a queue.')
    .argument('<file>', 'job description in JDL')
    .option('--tenant <name>', 'for this tenant')
    .option('--sweep <name=values>', 'values of @{name}, as for submit; the first of them counts', again)
    .option('--json', 'print JSON')
    .action((file: string, options: MatchOptions) => match(context, file, options));
}

async function submit(context: CliContext, files: readonly string[], options: SubmitOptions): Promise<void> {
  const count = options.count === undefined ? undefined : wholeNumber('--count', options.count, 100_000);
  const sweeps = [...(options.sweep ?? []).map(readSweep), ...(count === undefined ? [] : [readSweep(`n=0..${count - 1}`)])];
  const jobs = files.flatMap((file): LocalJob[] => expand(readJdlFile(file), sweeps).map((text) => localJob(file, text)));
  const client = queueClient(context, options);
  const { stdout, stderr, isTerminal } = context;
  const ids = await asking(
    submitJobs(client, jobs, options.tenant, (done) => {
      if (isTerminal && jobs.length > done) print(stderr, `${done} of ${counted(jobs.length, 'job')} submitted`);
    }),
  );
  if (options.wait !== true) return options.json ? printJson(stdout, { ids }) : ids.forEach((id) => print(stdout, printable(id)));
  let last = '';
  const tell = (known: readonly JobDocument[]): void => {
    const line = summaryLine(known, ids.length);
    if (line !== last && !options.json) print(stderr, line);
    last = line;
  };
  const ended = await asking(waitForAll(client, ids, () => pause(context.signal), tell));
  if (options.json) printJson(stdout, { jobs: documents(ended) });
  else {
    for (const line of jobsView(ended, context.now(), context.width, context.colour)) print(stdout, line);
    print(stdout, summaryLine(ended));
  }
  if (!ended.every(hasSucceeded)) context.exit(1);
}

/** Between two looks at the queue; ends at Ctrl-C. */
const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new CliError(1, 'interrupted; the jobs go on', 'See them with `vacua job list`.'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, 1000);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
  });

async function status(context: CliContext, ids: readonly string[], options: Json): Promise<void> {
  const client = queueClient(context, options);
  const { stdout, width, colour } = context;
  const [only, another] = ids;
  if (only !== undefined && another === undefined) {
    const [found, history] = await asking(Promise.all([client.job(only), client.history(only)]));
    if (options.json) return printJson(stdout, { ...encoded(JobWithFiles, found), history: encoded(History, { events: history }).events });
    return jobView(found, history, context.now(), width).forEach((line) => print(stdout, line));
  }
  const jobs = await asking(Promise.all(ids.map((id) => client.job(id))));
  if (options.json) return printJson(stdout, { jobs: documents(jobs) });
  jobsView(jobs, context.now(), width, colour).forEach((line) => print(stdout, line));
}

interface ListOptions {
  readonly all?: true;
  readonly state?: string;
  readonly tenant?: string;
  readonly owner?: string;
  readonly after?: string;
  readonly limit: string;
}

async function list(context: CliContext, options: Json & ListOptions): Promise<void> {
  const { tenant, owner, after } = options;
  const states = options.state === undefined ? jobStates.filter((state) => options.all === true || state !== 'TERMINAL') : statesIn(options.state);
  const limit = wholeNumber('--limit', options.limit, 1000);
  const given = { ...(tenant !== undefined && { tenant }), ...(owner !== undefined && { owner }), ...(after !== undefined && { after }) };
  const { jobs, next } = await asking(queueClient(context, options).list({ ...given, states, limit }));
  const { stdout, width, colour } = context;
  if (options.json) return printJson(stdout, { jobs: documents(jobs), ...(next !== undefined && { next }) });
  jobsView(jobs, context.now(), width, colour).forEach((line) => print(stdout, line));
  if (next !== undefined) print(stdout, `There may be more: --after ${printable(next)}`);
}

const statesIn = (text: string): readonly JobState[] =>
  text.split(',').map((word) => {
    const state = jobStates.find((known) => known === word.toUpperCase());
    if (state === undefined) throw new CliError(2, `${JSON.stringify(word)} is no state`, `Valid: ${jobStates.join(', ')}.`);
    return state;
  });

async function output(context: CliContext, id: string, name: string | undefined, options: Json & { dir?: string; raw?: true }): Promise<void> {
  const client = queueClient(context, options);
  const { stdout } = context;
  if (name !== undefined && options.dir === undefined) return copy(context, await asking(client.output(id, name)), options.raw === true);
  const { outputs } = await asking(client.job(id));
  if (options.dir === undefined) {
    if (options.json) return printJson(stdout, { outputs });
    if (outputs.length === 0) return print(stdout, `${id} has no output files yet`);
    return outputs.forEach(({ name: file, size }) => print(stdout, `${String(size).padStart(12)}  ${printable(file)}`));
  }
  mkdirSync(options.dir, { recursive: true });
  const wanted = outputs.filter((file) => name === undefined || file.name === name);
  if (name !== undefined && wanted.length === 0)
    throw new CliError(1, `the job has no output file ${name}`, `It has: ${outputs.map((file) => printable(file.name)).join(', ') || 'none'}`);
  for (const file of wanted) print(stdout, await asking(download(await asking(client.output(id, file.name)), options.dir, file.name, file.size)));
}

async function copy({ stdout, isTerminal }: CliContext, bytes: AsyncIterable<Uint8Array>, raw: boolean): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of bytes) stdout.write(raw || !isTerminal ? chunk : printableLines(decoder.decode(chunk, { stream: true })));
}

interface MatchOptions extends Json {
  readonly tenant?: string;
  readonly sweep?: readonly string[];
}

async function match(context: CliContext, file: string, options: MatchOptions): Promise<void> {
  const [text = ''] = expand(readJdlFile(file), (options.sweep ?? []).map(readSweep));
  const { description } = localJob(file, text);
  const { stdout, width, colour } = context;
  const given = options.tenant === undefined ? {} : { tenant: options.tenant };
  const answer = context.configFiles.length > 0 ? await offline() : await asking(queueClient(context, options).match(text, given));
  if (!answer.matches.some((line) => line.matches)) context.exit(1);
  if (options.json) return printJson(stdout, answer);
  matchView(answer, width, colour).forEach((line) => print(stdout, line));

  async function offline(): Promise<MatchLines> {
    const { matchOffline } = await import('../../queue/server/match-offline.ts');
    const tenant = options.tenant ?? description.virtualOrganisation ?? userInfo().username;
    const answer = await matchOffline({
      configuration: queueConfiguration(context),
      description,
      tenant,
      hostName: hostname(),
      version,
      now: instant(context.now()),
    });
    if ('wrong' in answer) throw new CliError(2, `${file}:${answer.wrong}`, 'docs/jdl.md lists the attributes.');
    return answer;
  }
}

function wholeNumber(option: string, text: string, most: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= 1 && Number(text) <= most) return Number(text);
  throw new CliError(2, `${option} ${JSON.stringify(text)} is not possible`, `Valid: a whole number from 1 to ${most}.`);
}
