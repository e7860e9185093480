import type { Job, RunResult } from '../../core/jobs/job.ts';
import { type Seconds, seconds } from '../../core/units.ts';
import { Refusal } from '../refusal.ts';
import type { LeaseToken, NotTaken } from '../store.ts';
import { jobScript } from './job-script.ts';

/** Texts of the protocol between agent and queue (agent-protocol.md). */

export interface JobLimits {
  readonly lease: Seconds;
  readonly killAfter: Seconds;
  readonly logBytes: number;
  readonly outputBytes: number;
}

/** Most bytes that all outputs of a job may have. */
export const outputLimit = (job: Pick<Job, 'spec'>, { outputBytes }: Pick<JobLimits, 'outputBytes'>): number =>
  Math.min(outputBytes, job.spec.maxOutputBytes ?? outputBytes);

/** Files that an agent brings back: what the user has named, and what the job writes to instead of the log. */
export const outputNames = ({ outputs, stdout, stderr }: Job['spec']): readonly string[] => [
  ...new Set([...(stdout === undefined ? [] : [stdout]), ...(stderr === undefined ? [] : [stderr]), ...outputs]),
];

/** The answer that gives a job to an agent: header lines, an empty line, the script. */
export function jobText(job: Job, lease: LeaseToken, limits: JobLimits): string {
  const lines = [
    `job=${job.id}`,
    `lease=${lease}`,
    `lease_seconds=${limits.lease}`,
    `wall=${Math.ceil(job.spec.wall)}`,
    `kill_after=${limits.killAfter}`,
    `log_bytes=${limits.logBytes}`,
    `output_bytes=${outputLimit(job, limits)}`,
    ...job.spec.inputs.map((name) => `input=${name}`),
    ...outputNames(job.spec).map((name) => `output=${name}`),
  ];
  return `${lines.join('\n')}\n\n${jobScript(job)}`;
}

/** Why there is no job, as the value of a header: printable ASCII of at most 500 characters. */
export function reasonText({ waiting, reasons }: NotTaken): string {
  if (waiting === 0) return 'no job waits';
  const shown = reasons.map(({ jobs, text }) => `${jobs}: ${text}`).join('; ');
  return `${waiting} waiting, none for this machine. ${shown}`
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, 500)
    .trim();
}

/** `name=value` lines. Lines that are none are refused; of a name given twice the last counts. */
export function readFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue;
    const [, name, value] = /^([a-z_]+)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Refusal('bad_request', `${JSON.stringify(line.slice(0, 80))} is not of the form name=value`);
    fields.set(name, value);
  }
  return fields;
}

/** A whole number from `least` to `most`; `otherwise` when the field is absent, and required without it. */
export function numberField(fields: ReadonlyMap<string, string>, name: string, least: number, most: number, otherwise?: number): number {
  const text = fields.get(name);
  if (text === undefined && otherwise !== undefined) return otherwise;
  const value = Number(text);
  if (text === undefined || !/^-?\d{1,15}$/.test(text) || value < least || value > most) {
    throw new Refusal('bad_request', `${name}=${text === undefined ? ' is missing' : text.slice(0, 20)}; valid: a whole number from ${least} to ${most}`);
  }
  return value;
}

/** How a run ended, in the words of an agent. */
export function readResult(fields: ReadonlyMap<string, string>): RunResult {
  const wall = (): Seconds => seconds(numberField(fields, 'wall', 0, 1e10));
  const result = fields.get('result');
  switch (result) {
    case 'exited':
      return { kind: 'exited', exitCode: numberField(fields, 'exit', 0, 255), wall: wall() };
    case 'timeout':
      return { kind: 'timeout', wall: wall() };
    case 'failed': {
      const phase = fields.get('phase');
      if (phase !== 'inputs' && phase !== 'prologue' && phase !== 'outputs') {
        throw new Refusal('bad_request', `phase=${(phase ?? '').slice(0, 20)}; valid: inputs, prologue, outputs`);
      }
      return { kind: 'failed', phase, text: printable(fields.get('text') ?? '') };
    }
    default:
      throw new Refusal('bad_request', `result=${(result ?? '').slice(0, 20)}; valid: exited, timeout, failed`);
  }
}

/** Text of a guest, fit for a history: one line of at most 500 characters without anything that a terminal obeys. */
export const printable = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, '?')
    .slice(0, 500)
    .replace(/\p{Cs}$/u, '');
