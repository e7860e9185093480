import { isLive, type Machine } from '../../core/machine.ts';
import { unlimitedProcessors } from '../../core/machinetype.ts';
import { elapsed, type Instant } from '../../core/units.ts';
import type { FactoryStatus } from '../../factory/view.ts';
import { stateWord } from '../find-machine.ts';
import { type Cell, type Column, table } from '../table.ts';
import { fit, printable } from '../text.ts';
import { durationText, relative } from '../time-text.ts';
import { age, note, stateStyles } from './machines.ts';

const columns: readonly Column[] = [
  { title: 'MACHINE', shrinkTo: 12 },
  { title: 'MACHINETYPE', shrinkTo: 8 },
  { title: 'STATE' },
  { title: 'CPUS', align: 'right' },
  { title: 'FLAVOR', shrinkTo: 6 },
  { title: 'ADDRESS', shrinkTo: 9 },
  { title: 'FOR', align: 'right' },
  { title: 'ENDS IN', align: 'right' },
  { title: 'NOTE', shrinkTo: 10 },
  { title: 'ID' },
];

/** Machines at a cloud have no slots whose last end could be shown: live ones, or with `all` every record. */
export const shownCloudMachines = <M extends Machine>(machines: readonly M[], all: boolean): readonly M[] =>
  machines.filter((m) => all || isLive(m)).toSorted((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1));

/** One space at a cloud: what it uses of its limit, what keeps it from more, then one line per machine. */
export function cloudMachinesView(status: FactoryStatus, machines: readonly Machine[], now: Instant, width: number, colour: boolean): readonly string[] {
  const head = [summary(status, machines), ...troubles(status, now)].map((line) => fit(printable(line), width));
  if (machines.length === 0) return [...head, fit(`No machines live; \`vacua why --space ${printable(status.space)}\` says why.`, width)];
  const rows = machines.map((m) => row(m, now));
  return [...head, ...table(rows, columns, width, colour)];
}

function summary({ space, usedProcessors, totalProcessors, draining, cloud }: FactoryStatus, machines: readonly Machine[]): string {
  const count = (state: Machine['state']): number => machines.filter((m) => m.state === state).length;
  const parts = (['running', 'creating', 'ending'] as const).flatMap((s) => (count(s) > 0 ? [`${count(s)} ${stateWord(s).toLowerCase()}`] : []));
  const limit = totalProcessors >= unlimitedProcessors || totalProcessors === 0 ? '' : ` of ${totalProcessors}`;
  const ends = cloud?.leaving ? '; no longer in the configuration, ends with its last machine' : draining ? '; draining' : '';
  return `${space} (${cloud?.api ?? ''}): ${usedProcessors}${limit} processors used, ${parts.join(', ') || 'no machine live'}${ends}`;
}

function troubles({ cloud }: FactoryStatus, now: Instant): readonly string[] {
  const { trouble, lease } = cloud ?? {};
  return [
    ...(trouble
      ? [`its cloud cannot be reached: ${trouble.why}${trouble.nextTry === undefined ? '' : `; tried again ${relative(trouble.nextTry, now)}`}`]
      : []),
    ...(lease?.held === false ? [`starts nothing: ${lease.text}`] : []),
  ];
}

const row = (m: Machine, now: Instant): readonly Cell[] => [
  m.name,
  m.machinetype,
  { text: stateWord(m.state), style: stateStyles[m.state] },
  String(m.processors),
  m.flavor?.name ?? '',
  m.address ?? '',
  age(m, now),
  m.state === 'finished' ? '' : m.held === true ? 'held' : durationText(elapsed(now, m.shutdownTime)),
  note(m),
  m.id.slice(0, 8),
];
