import type { Instant } from '../../core/units.ts';
import type { JobDocument, JobHistory, JobWithFiles, MatchLines } from '../../queue/client/client.ts';
import { type Cell, type Column, type Style, table } from '../table.ts';
import { counted, fit, printable } from '../text.ts';
import { bothTimes, durationText, relative } from '../time-text.ts';

/** How a job stands, in one word. */
export function jobWord({ state, attributes }: Pick<JobDocument, 'state' | 'attributes'>): string {
  const has = (end: string): boolean => attributes.some((a) => a.endsWith(end));
  if (state === 'TERMINAL') return has('-CANCEL') ? 'cancelled' : has('-FAILURE') ? 'failed' : 'done';
  if (has('-CANCEL')) return 'ending';
  if (has('-PAUSED')) return 'paused';
  const words = {
    ACCEPTED: 'staging in',
    PREPROCESSING: 'staging in',
    'PROCESSING-ACCEPTING': 'waiting',
    'PROCESSING-QUEUED': 'waiting',
    'PROCESSING-RUNNING': 'running',
    POSTPROCESSING: 'ending',
  } as const;
  return words[state];
}

/** It ended as its user wished. */
export const hasSucceeded = (job: Pick<JobDocument, 'state' | 'attributes'>): boolean => jobWord(job) === 'done';

const styles: Readonly<Record<string, Style>> = { running: 'green', done: 'dim', failed: 'red', cancelled: 'yellow', paused: 'yellow' };
const columns: readonly Column[] = [
  { title: 'JOB' },
  { title: 'STATE' },
  { title: 'NAME', shrinkTo: 8 },
  { title: 'TENANT', shrinkTo: 6 },
  { title: 'OWNER', shrinkTo: 6 },
  { title: 'CPUS', align: 'right' },
  { title: 'RUNS', align: 'right' },
  { title: 'SUBMITTED', align: 'right' },
  { title: 'NOTE', shrinkTo: 10 },
];

/** One line per job. */
export function jobsView(jobs: readonly JobDocument[], now: Instant, width: number, colour: boolean): readonly string[] {
  if (jobs.length === 0) return ['No jobs.'];
  return table(
    jobs.map((job) => row(job, now)),
    columns,
    width,
    colour,
  );
}

function row(job: JobDocument, now: Instant): readonly Cell[] {
  const { id, spec, runs, submittedAt } = job;
  const word = jobWord(job);
  const name = spec.name ?? spec.executable.split('/').at(-1) ?? '';
  return [
    id,
    { text: word, style: styles[word] },
    name,
    spec.tenant,
    spec.owner,
    String(spec.processors),
    String(runs),
    relative(submittedAt, now),
    note(job, now),
  ];
}

function note({ state, run, message }: JobDocument, now: Instant): string {
  if (state === 'PROCESSING-RUNNING' && run !== undefined) {
    return `on ${run.machine.slice(0, 8)} at ${run.site} for ${durationText(Math.max(0, (now - (run.startedAt ?? run.takenAt)) / 1000))}`;
  }
  return message ?? '';
}

/** `300 jobs: 280 done, 12 running, 8 waiting`. */
export function summaryLine(jobs: readonly JobDocument[], total = jobs.length): string {
  const counts = Map.groupBy(jobs, jobWord);
  const parts = ['done', 'failed', 'cancelled', 'running', 'ending', 'waiting', 'paused', 'staging in'].flatMap((word) => {
    const n = counts.get(word)?.length ?? 0;
    return n === 0 ? [] : [`${n} ${word}`];
  });
  return `${counted(total, 'job')}: ${parts.join(', ') || 'none known'}`;
}

/** Everything about one job. */
export function jobView(job: JobWithFiles, history: JobHistory, now: Instant, width: number): readonly string[] {
  const { spec, run } = job;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['job', `${job.id}${spec.name === undefined ? '' : ` (${spec.name})`}`],
    ['state', `${jobWord(job)}  ${[job.state, ...job.attributes].join(' ')}`],
    ['tenant, owner', `${spec.tenant}, ${spec.owner}`],
    ['command', [spec.executable, ...spec.arguments].map(word).join(' ')],
    ['needs', needs(job)],
    ['submitted', bothTimes(job.submittedAt, now)],
    [
      'run',
      run && `${run.number} on ${run.machine} (${run.machinetype}) at ${run.site}${run.environment === undefined ? '' : `, environment ${run.environment}`}`,
    ],
    ['exit code', job.exitCode?.toString()],
    ['message', job.message],
    ['inputs', spec.inputs.map((name) => (job.inputs.includes(name) ? name : `${name} (not there)`)).join(', ') || undefined],
    ['outputs', outputsOf(job).join(', ') || undefined],
  ];
  const lines = facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(14)} ${printable(value)}`]));
  lines.push('', 'history');
  for (const { at, text, machine } of history)
    lines.push(`  ${bothTimes(at, now)}  ${printable(text)}${machine === undefined ? '' : printable(`  [${machine.slice(0, 8)}]`)}`);
  return lines.map((line) => fit(line, width));
}

/** Those that are there, and those that an ended job should have left. */
function outputsOf({ spec, state, attributes, outputs }: JobWithFiles): readonly string[] {
  const there = outputs.map(({ name, size }) => `${name} (${counted(size, 'byte')})`);
  if (state !== 'TERMINAL') return there;
  const why = attributes.includes('EXPIRED') ? 'kept no longer' : 'not there';
  return [...there, ...spec.outputs.filter((name) => !outputs.some((file) => file.name === name)).map((name) => `${name} (${why})`)];
}

/** As a shell would have to be given it. */
const word = (text: string): string => (/^[A-Za-z0-9_./:=@%+,$-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

function needs({ spec }: JobDocument): string {
  const parts = [counted(spec.processors, 'processor'), `${spec.memoryMb} MiB`, durationText(spec.wall)];
  if (spec.environments.length > 0) parts.push(`environment ${spec.environments.join(' or ')}`);
  if (spec.requirements !== undefined) parts.push(spec.requirements);
  return parts.join(', ');
}

/** What each environment says to a job. */
export function matchView({ matches }: MatchLines, width: number, colour: boolean): readonly string[] {
  if (matches.length === 0)
    return ['The queue knows no environments (docs/environments.md), so that jobs which need none go to any machine of their tenant, and others wait.'];
  const rows = matches.map(({ environment, matches: yes, why, full }): readonly Cell[] => [
    environment,
    yes ? { text: full ? 'full now' : 'yes', style: full ? 'yellow' : 'green' } : { text: 'no', style: 'red' },
    why ?? '',
  ]);
  return table(rows, [{ title: 'ENVIRONMENT', shrinkTo: 10 }, { title: 'MATCHES' }, { title: 'WHY NOT', shrinkTo: 20 }], width, colour);
}
