import { isLive, type Machine } from '../../core/machine.ts';
import type { MachineModel } from '../../core/machinetype.ts';
import { elapsed, type Instant } from '../../core/units.ts';
import type { FactoryStatus } from '../../factory/view.ts';
import { stateWord } from '../find-machine.ts';
import { type Cell, type Column, type Style, table } from '../table.ts';
import { fit, printable } from '../text.ts';
import { durationText } from '../time-text.ts';

const columns: readonly Column[] = [
  { title: 'MACHINE', shrinkTo: 8 },
  { title: 'MACHINETYPE', shrinkTo: 8 },
  { title: 'STATE' },
  { title: 'CPUS', align: 'right' },
  { title: 'KIND' },
  { title: 'FOR', align: 'right' },
  { title: 'CPU%', align: 'right' },
  { title: 'NOW%', align: 'right' },
  { title: 'ENDS IN', align: 'right' },
  { title: 'NOTE', shrinkTo: 10 },
  { title: 'ID' },
];
export const stateStyles: Record<Machine['state'], Style | undefined> = { creating: 'yellow', running: 'green', ending: 'yellow', finished: 'dim' };
const kinds: Record<MachineModel, string> = { cernvm3: 'VM', cernvm4: 'VM', 'vm-raw': 'VM', kernel: 'VM', docker: 'DC', singularity: 'SC' };

/** The machines that `vacua machines` shows: with `all` every record, else the live ones and the last end of each empty slot. */
export function shownMachines<M extends Machine>(machines: readonly M[], all: boolean): readonly M[] {
  const taken = new Set(machines.filter(isLive).map((m) => m.slot));
  const last = new Map<number, M>();
  for (const m of machines) if (!taken.has(m.slot)) last.set(m.slot, m);
  return machines.filter((m) => all || isLive(m) || last.get(m.slot) === m).toSorted((a, b) => a.slot - b.slot || a.createdAt - b.createdAt);
}

/** In the spirit of the `vac machines` command (spec/factory.md §20): a summary, then one line per machine. */
export function machinesView(status: FactoryStatus, machines: readonly Machine[], now: Instant, width: number, colour: boolean): readonly string[] {
  const heading = fit(printable(summary(status, machines)), width);
  if (machines.length === 0) return [heading, fit('No machines yet; `vacua why` says why.', width)];
  return [
    heading,
    ...table(
      machines.map((m) => machineRow(m, now)),
      columns,
      width,
      colour,
    ),
  ];
}

function summary(status: FactoryStatus, machines: readonly Machine[]): string {
  const live = machines.filter(isLive);
  const count = (state: Machine['state']): number => live.filter((m) => m.state === state).length;
  const parts = (['running', 'creating', 'ending'] as const).flatMap((s) => (count(s) > 0 ? [`${count(s)} ${stateWord(s).toLowerCase()}`] : []));
  const draining = status.draining ? '; draining' : '';
  return `${status.factory}: ${status.usedProcessors} of ${status.totalProcessors} processors used, ${parts.join(', ') || 'no machine live'}${draining}`;
}

function machineRow(m: Machine, now: Instant): readonly Cell[] {
  return [
    m.name.split('.')[0] ?? m.name,
    m.machinetype,
    { text: stateWord(m.state), style: stateStyles[m.state] },
    String(m.processors),
    kinds[m.model],
    age(m, now),
    efficiency(m),
    m.state === 'running' && m.cpuPercent !== undefined ? m.cpuPercent.toFixed(1) : '',
    m.state === 'finished' ? '' : m.held === true ? 'held' : durationText(elapsed(now, m.shutdownTime)),
    note(m),
    m.id.slice(0, 8),
  ];
}

/** How long it has been in its state. */
export function age(m: Machine, now: Instant): string {
  switch (m.state) {
    case 'creating':
      return durationText(elapsed(m.createdAt, now));
    case 'running':
      return durationText(elapsed(m.startedAt, now));
    case 'ending':
      return durationText(elapsed(m.endingSince, now));
    case 'finished':
      return durationText(elapsed(m.finishedAt, now));
  }
}

/** Life-long CPU efficiency in per cent, above 100 for several processors (spec/factory.md §20). */
function efficiency(m: Machine): string {
  if (m.state === 'creating' || m.startedAt === undefined || m.heartbeatAt === undefined || m.cpuSeconds === undefined) return '';
  const wall = elapsed(m.startedAt, m.heartbeatAt);
  return wall > 0 ? String(Math.round((100 * m.cpuSeconds) / wall)) : '';
}

export function note(m: Machine): Cell {
  if (m.state === 'ending') return m.killReason;
  if (m.state === 'finished') {
    const { message, abort, cause, killReason } = m.outcome;
    const unsaid = killReason === undefined ? cause : `${cause} (${killReason})`;
    return { text: message === undefined ? unsaid : `"${message}"`, style: abort ? 'red' : 'dim' };
  }
  return m.message === undefined ? '' : `"${m.message.text}"`;
}
