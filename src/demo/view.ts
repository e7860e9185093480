import type { Machine } from '../core/machine.ts';
import { elapsed, type Instant } from '../core/units.ts';
import { estimate } from './job.ts';
import type { DemoState, TenantState } from './state.ts';
import { tenantOf } from './site.ts';

/** Escape sequences of the live view. Without colour every one is empty. */
interface Paint {
  (style: 'bold' | 'dim' | 'red' | 'blue' | 'green', text: string): string;
}
const codes = { bold: 1, dim: 2, red: 31, blue: 34, green: 32 };
const painted: Paint = (style, text) => `\u001B[${codes[style]}m${text}\u001B[0m`;
const plain: Paint = (_, text) => text;

/**
 * The live view: state in, lines out, at most `height` of them, none longer than `width` columns (46 at least). Nothing else is read.
 * The last lines go first when the terminal is small.
 */
export function liveView(state: DemoState, width: number, height: number, colour: boolean): readonly string[] {
  const paint = colour ? painted : plain;
  const line = (text: string): string => clip(text, width);
  const lines = [
    line(`Vacua: ${state.slots} slots for two tenants, machines by ${state.provider}   ${clock(state.elapsed)}   Ctrl-C ends it`),
    '',
    paint('bold', line('slot  machine             tenant  state      age  last heartbeat')),
    ...slotLines(state, width, paint),
    '',
    paint('bold', line('share       of the running machines              now  target  so far')),
    ...state.tenants.map((t) => shareLine(t, width, paint)),
    '',
    paint('bold', line('queue       jobs verified')),
    ...state.tenants.map((t) => queueLine(t, width, paint)),
    '',
    paint('bold', line('outcomes    200 work done, 300 no more work, 700 heartbeat lost')),
    ...state.tenants.map((t) => `${tenant(t.name, paint)}${clip(`      ${outcomes(t) || 'none yet'}`, width - 6)}`),
    '',
    paint('bold', line('the last decision')),
    ...state.why.map((text) => line(`  ${text}`)),
    '',
    ...state.steps.map((s) => (s.seen ? paint('green', line(`  ✓ ${s.text}`)) : paint('dim', line(`  · ${s.text}`)))),
  ];
  return lines.slice(0, height);
}

const clip = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`);
/** `1:05`. */
export const clock = (s: number): string => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, '0')}`;
const percent = (part: number | undefined): string => (part === undefined ? '–' : `${Math.round(part * 100)} %`);
/** `200 ×3  300 ×1`. */
export const outcomes = (t: TenantState): string =>
  [...t.outcomes]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, count]) => `${word} ×${count}`)
    .join('  ');

function tenant(name: string, paint: Paint): string {
  const padded = name.padEnd(6);
  return name === 'red' ? paint('red', padded) : paint('blue', padded);
}

function slotLines(state: DemoState, width: number, paint: Paint): readonly string[] {
  return Array.from({ length: state.slots }, (_, slot) => {
    const machine = state.machines.find((m) => m.slot === slot);
    const number = String(slot).padStart(4);
    if (machine === undefined) return paint('dim', clip(`${number}  free`, width));
    const name = machine.name.split('.')[0] ?? machine.name;
    const owner = tenantOf(machine.machinetype) ?? machine.machinetype;
    const rest = `  ${word(machine).padEnd(9)} ${age(machine, state.now).padStart(4)}  ${heartbeat(machine, state.now)}`;
    return `${clip(`${number}  ${name.padEnd(18)}  `, width)}${tenant(owner, paint)}${clip(rest, Math.max(0, width - 32))}`;
  });
}

const word = (m: Machine): string => (m.state === 'running' && m.contactAt === undefined ? 'booting' : m.state);
const age = (m: Machine, now: Instant): string => `${Math.max(0, Math.floor(elapsed(m.createdAt, now)))}s`;
function heartbeat(m: Machine, now: Instant): string {
  if (m.state === 'ending') return `ended: ${m.killReason}`;
  return m.heartbeatFileAt === undefined ? '' : `${Math.max(0, Math.floor(elapsed(m.heartbeatFileAt, now)))}s ago`;
}

/** A bar of 30 columns with the target marked in it. */
function shareLine(t: TenantState, width: number, paint: Paint): string {
  const columns = Math.max(10, Math.min(30, width - 36));
  const full = Math.round(t.current * columns);
  const mark = Math.min(columns - 1, Math.round(t.target * columns));
  const bar = Array.from({ length: columns }, (_, i) => (i === mark ? '|' : i < full ? '█' : '·')).join('');
  const figures = `${percent(t.current).padStart(6)} ${percent(t.target).padStart(7)} ${percent(t.reached).padStart(7)}`;
  return `${tenant(t.name, paint)}      ${bar}  ${figures}`;
}

function queueLine(t: TenantState, width: number, paint: Paint): string {
  const { submitted, verified, leased, waiting, hits, points } = t.queue;
  const columns = Math.max(10, Math.min(30, width - 60));
  const full = submitted === 0 ? 0 : Math.floor((verified / submitted) * columns);
  const pi = points === 0 ? '' : `   π ≈ ${estimate(hits, points).toFixed(4)}`;
  const text = `      ${'█'.repeat(full)}${'·'.repeat(columns - full)}  ${verified} of ${submitted}, ${leased} running, ${waiting} waiting${pi}`;
  return `${tenant(t.name, paint)}${clip(text, width - 6)}`;
}
