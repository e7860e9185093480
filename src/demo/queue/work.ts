import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { integrate, piProgram } from '../job.ts';

/** The environments of the demonstration and the one tag by which jobs ask for each. No machine has both. */
export const piTag = 'VO-red-pi-1.0';
export const collatzTag = 'VO-red-collatz-2.1';

/** A command that only one of the two environments has: steps until the sequence of 3n + 1 has come to 1. */
export const collatz = {
  name: 'collatz',
  script: `#!/bin/sh
exec awk -v n="$1" 'BEGIN { for (s = 0; n != 1; s++) n = n % 2 ? 3 * n + 1 : n / 2; print s }'
`,
};

const points = 4000;
const needs = (...tags: readonly string[]): string =>
  `  Requirements = ${tags.map((tag) => `Member("${tag}", other.GlueHostApplicationSoftwareRunTimeEnvironment)`).join('\n    && ')};\n`;
const keep = `  StdOutput = "out.txt";
  OutputSandbox = { "out.txt" };
  OutputSandboxBaseDestURI = "gsiftp://localhost";
`;
const shell = (script: string): string => `  Executable = "/bin/sh";\n  Arguments = "-c '${script}'";\n`;
const job = (name: string, ...parts: readonly string[]): string => `[\n  JobName = "${name}";\n${parts.join('')}]\n`;

/** Job descriptions by name of their file. */
export const descriptions = {
  pi: job(
    'pi @{seed}',
    `  Executable = "/bin/awk";\n  Arguments = "-v seed=@{seed} -v n=${points} -f pi.awk";\n  InputSandbox = { "pi.awk" };\n`,
    keep,
    needs(piTag),
  ),
  collatz: job('collatz @{start}', '  Executable = "/usr/local/bin/collatz";\n  Arguments = "@{start}";\n', keep, '  VirtualEnvironment = "collatz-2.1";\n'),
  killed: job('killed in mid-job', shell('sleep 10; echo run $VACUA_JOB_RUN'), keep, needs(piTag), '  Priority = 20;\n'),
  once: job('at most once', shell('sleep 30; echo run $VACUA_JOB_RUN'), keep, needs(piTag), '  Priority = 20;\n  Rerunnable = false;\n'),
  fails: job('fails', shell('echo this is wrong; exit 3'), needs(piTag), '  Priority = 10;\n'),
  hangs: job('hangs', shell('sleep 3600'), needs(piTag), '  Priority = 10;\n  MaxWallTime = 5;\n'),
  nobody: job('nobody has it', shell('true'), '  VirtualEnvironment = "slc4-gcc-3.4";\n'),
  union: job('needs both', shell('true'), needs(piTag, collatzTag)),
} as const;
export type JobKind = keyof typeof descriptions;

/** Writes the descriptions, and what they send along, and returns the path of each. */
export function writeJobs(directory: string): (kind: JobKind) => string {
  mkdirSync(directory);
  writeFileSync(join(directory, 'pi.awk'), piProgram);
  const path = (kind: JobKind): string => join(directory, `${kind}.jdl`);
  for (const [kind, text] of Object.entries(descriptions)) writeFileSync(path(kind as JobKind), text);
  return path;
}

/** What a job must have written to its output, computed here. */
export function rightOutput(kind: JobKind, n: number, runs: number): string {
  if (kind === 'pi') {
    const { hits, state } = integrate({ seed: n, points });
    return `${hits} ${state}\n`;
  }
  if (kind === 'collatz') return `${collatzSteps(n)}\n`;
  return `run ${runs}\n`;
}

function collatzSteps(start: number): number {
  let steps = 0;
  for (let n = start; n !== 1; steps++) n = n % 2 === 1 ? 3 * n + 1 : n / 2;
  return steps;
}
