import type { Command, Job, JobSpec } from '../../core/jobs/job.ts';

/**
 * The shell script that runs a job in its directory (agent-protocol.md). Every word that comes from a user is quoted, so that the
 * shell passes it on byte by byte; nothing but `$NAME` in the path of an executable is ever expanded. Its exit status is the job's;
 * 125 and a line in `.vacua-failure` say that the prologue has failed.
 */
export function jobScript({ id, spec, run }: Pick<Job, 'id' | 'spec' | 'run'>): string {
  const environment: Readonly<Record<string, string>> = {
    ...spec.environment,
    VACUA_JOB_ID: id,
    VACUA_JOB_RUN: String(run?.number ?? 1),
    ...(run?.environment !== undefined && { VACUA_ENVIRONMENT: run.environment }),
  };
  const own = new Set(
    [spec.executable, spec.prologue?.executable, spec.epilogue?.executable].filter((name) => name !== undefined && spec.inputs.includes(name)),
  );
  return [
    '#!/bin/sh',
    // Before the variables of the job, which may change where commands are found.
    ...[...own].map((name) => `chmod u+x ${inDirectory(name ?? '')}`),
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}`),
    ...(spec.prologue === undefined ? [] : prologue(spec.prologue, spec)),
    `${command(spec, spec)} ${redirections(spec)}`,
    ...(spec.epilogue === undefined ? [] : ['vacua_status=$?', `${command(spec.epilogue, spec)} </dev/null`, 'exit "$vacua_status"']),
    '',
  ].join('\n');
}

/** One word for the shell, whatever it holds. Single quotes keep everything but themselves. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

const inDirectory = (name: string): string => `./${quote(name)}`;

const command = ({ executable, arguments: words }: Command, spec: JobSpec): string => [program(executable, spec), ...words.map(quote)].join(' ');

/** The name of an input stands for the file in the directory; in a path, variables are put in and nothing else. */
function program(executable: string, spec: JobSpec): string {
  if (spec.inputs.includes(executable)) return inDirectory(executable);
  return executable
    .split(/(\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\}))/)
    .map((part, i) => (i % 2 === 1 ? `"${part}"` : part === '' ? '' : quote(part)))
    .join('');
}

/** What is not sent to a file goes to the log of the run. */
function redirections({ stdin, stdout, stderr, inputs }: JobSpec): string {
  const from = stdin === undefined ? '/dev/null' : inputs.includes(stdin) ? inDirectory(stdin) : quote(stdin);
  const out = stdout === undefined ? '' : ` >${inDirectory(stdout)}`;
  const err = stderr === undefined ? '' : stderr === stdout ? ' 2>&1' : ` 2>${inDirectory(stderr)}`;
  return `<${from}${out}${err}`;
}

function prologue(first: Command, spec: JobSpec): readonly string[] {
  return [
    `${command(first, spec)} </dev/null`,
    'vacua_status=$?',
    'if [ "$vacua_status" -ne 0 ]; then',
    `  printf 'prologue %s ended with status %s\\n' ${quote(lineOf(first.executable))} "$vacua_status" >.vacua-failure`,
    '  exit 125',
    'fi',
  ];
}

const lineOf = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200);
