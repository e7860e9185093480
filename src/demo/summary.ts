import type { UsageRecord } from '../core/machine.ts';
import { estimate } from './job.ts';
import type { DemoRecord } from './record.ts';
import type { DemoState } from './state.ts';
import { tenantOf } from './site.ts';
import { clock, outcomes } from './view.ts';

/** How far the share of a tenant may be from its target: machines are few, and each is a quarter of all. */
const tolerance = 0.1;

export interface Ending {
  readonly state: DemoState;
  readonly record: DemoRecord;
  readonly usage: readonly UsageRecord[];
  /** Processor time of this process, queue and tenants' servers included, in seconds. */
  readonly ownCpu: number;
  /** What was found after everything had been ended; empty: nothing. */
  readonly left: readonly string[];
}

export interface Check {
  readonly text: string;
  readonly held: boolean;
}

/** What must have been true for the demonstration to have worked. */
export function checks({ state, record, usage, left }: Ending): readonly Check[] {
  const jobs = state.tenants.every(({ queue: q }) => q.submitted > 0 && q.verified === q.submitted && q.waiting + q.leased === 0);
  const shares = state.tenants.every((t) => t.reached !== undefined && Math.abs(t.reached - t.target) <= tolerance);
  const started = new Set(record.finished.filter((m) => 'startedAt' in m && m.startedAt !== undefined).map((m) => m.id));
  const accounted = usage.length === started.size && usage.every((u) => started.has(u.id));
  return [
    { text: 'every job was verified, once', held: jobs },
    { text: `shares within ${tolerance * 100} points of their targets while the tenants competed`, held: shares },
    { text: 'the machine that hung was ended for its heartbeat, and its job done by another', held: record.hung().length > 0 && jobs },
    { text: 'blue ran dry (300), backed off, and was served again', held: record.dry.has('blue') && jobs },
    { text: 'one usage record for every machine that started', held: accounted },
    { text: left.length === 0 ? 'nothing is left behind' : `left behind: ${left.join(', ')}`, held: left.length === 0 },
  ];
}

/** The last words of the demonstration, for terminals and logs alike. */
export function summary(ending: Ending): readonly string[] {
  const { state, record, ownCpu } = ending;
  const percent = (part: number | undefined): string => (part === undefined ? '–' : `${Math.round(part * 100)} %`);
  const rows = state.tenants.map((t) => {
    const machines = record.finished.filter((m) => tenantOf(m.machinetype) === t.name).length;
    return [t.name, percent(t.target), percent(t.reached), `${t.queue.verified} of ${t.queue.submitted}`, String(machines), outcomes(t)];
  });
  const hits = state.tenants.reduce((sum, t) => sum + t.queue.hits, 0);
  const points = state.tenants.reduce((sum, t) => sum + t.queue.points, 0);
  return [
    `${clock(state.elapsed)} on ${state.slots} slots, ${record.finished.length} machines by ${state.provider}`,
    '',
    ...align([['tenant', 'target', 'reached', 'jobs verified', 'machines', 'outcomes'], ...rows]),
    '',
    `π ≈ ${estimate(hits, points).toFixed(5)} from ${points} points, every one recomputed`,
    ...(record.starts.length === 0 ? [] : startLines(record, ownCpu)),
    ...(record.failures.length === 0 ? [] : [`failed and made good later: ${record.failures.length} (${record.failures[0]})`]),
    '',
    ...checks(ending).map((c) => `${c.held ? '✓' : '✗'} ${c.text}`),
  ];
}

function startLines({ starts }: DemoRecord, ownCpu: number): readonly string[] {
  const own = starts.map((s) => s.whole - s.provider);
  return [
    `start of a machine: ${milliseconds(median(starts.map((s) => s.whole)))}, of which the factory's own: ${milliseconds(median(own))} (medians)`,
    `processor time of this process per machine: ${milliseconds(ownCpu / starts.length)}`,
  ];
}

const milliseconds = (s: number): string => `${Math.round(s * 1000)} ms`;
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Columns two blanks apart, the last one not padded. */
function align(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)));
  return rows.map((r) =>
    r
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
