import type { Machine } from '../../core/machine.ts';
import type { JobDocument } from '../../queue/client/client.ts';
import type { Check } from '../space/state.ts';
import { clock } from '../view.ts';
import { fateOf, type Fate } from './accounts.ts';

/** Everything that the live view shows. */
export interface QueueState {
  /** s since the beginning. */
  readonly elapsed: number;
  /** What happens now. */
  readonly act: string;
  readonly jobs: readonly JobDocument[];
  readonly machines: readonly Machine[];
  /** s, for ages of machines. */
  readonly now: number;
  readonly messages: readonly string[];
  readonly checks: readonly Check[];
}

const colours = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };
const fates: readonly Fate[] = ['done', 'running', 'waiting', 'failed', 'cancelled'];
const clip = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`);

/** The live view: at most `height` lines, none longer than `width` columns. What comes last goes first when the terminal is small. */
export function queueView(state: QueueState, width: number, height: number, colour: boolean): readonly string[] {
  const { elapsed, act, jobs, machines, messages, checks } = state;
  const line = (style: keyof typeof colours | undefined, text: string): string => {
    const clipped = clip(text, width);
    return colour && style !== undefined ? `\u001B[${colours[style]}m${clipped}\u001B[0m` : clipped;
  };
  const done = jobs.filter((job) => job.state === 'TERMINAL').length;
  const full = jobs.length === 0 ? 0 : Math.floor((done / jobs.length) * 30);
  return [
    line('bold', `Vacua: a queue and machines for its jobs   ${clock(elapsed)}   Ctrl-C ends it`),
    line('yellow', `now: ${act}`),
    line('bold', 'machine   machinetype  state      age  jobs done  now'),
    ...machines.map((m) => line(undefined, machineLine(m, state))),
    line('bold', 'jobs'),
    line(undefined, `${'█'.repeat(full)}${'·'.repeat(30 - full)}  ${countLine(jobs)}`),
    ...checks.slice(-8).map((c) => line(c.held ? 'green' : 'red', checkLine(c))),
    ...messages.slice(-8).map((text) => line('dim', text)),
  ].slice(0, height);
}

function machineLine({ id, machinetype, state, createdAt }: Machine, { jobs, now }: QueueState): string {
  const own = jobs.filter((job) => job.run?.machine === id);
  const present = own.find((job) => fateOf(job) === 'running');
  const age = `${Math.max(0, Math.floor(now - createdAt / 1000))}s`;
  const ended = own.filter((job) => job.state === 'TERMINAL').length;
  return `${id.slice(0, 8)}  ${machinetype.padEnd(11)}  ${state.padEnd(8)}  ${age.padStart(4)}  ${String(ended).padStart(9)}  ${present?.spec.name ?? ''}`;
}

export const checkLine = ({ name, held, detail }: Check): string => `${held ? '✓' : '✗'} ${name}${detail === '' ? '' : `: ${detail}`}`;

/** `118 of 246 ended: 116 done, 2 failed; 2 running, 126 waiting`. */
export function countLine(jobs: readonly JobDocument[]): string {
  const counts = Map.groupBy(jobs, fateOf);
  const parts = fates.flatMap((fate) => (counts.has(fate) ? [`${counts.get(fate)?.length} ${fate}`] : []));
  return `${jobs.length} jobs: ${parts.join(', ') || 'none yet'}`;
}
