import type { FactoryAnswer } from '../../core/space/census.ts';
import type { SlotFacts } from '../../core/space/types.ts';
import { elapsed, type Instant } from '../../core/units.ts';
import type { SpaceAnswer } from '../space-source.ts';
import { type Cell, type Column, type Style, table } from '../table.ts';
import { counted, fit, printable } from '../text.ts';
import { durationText, relative } from '../time-text.ts';
import { byName, ignoredLines, shortName, type SilentFactory, silentLines } from './factories.ts';

const slotColumns: readonly Column[] = [
  { title: 'MACHINE', shrinkTo: 8 },
  { title: 'MACHINETYPE', shrinkTo: 8 },
  { title: 'STATE' },
  { title: 'CPUS', align: 'right' },
  { title: 'KIND' },
  { title: 'FOR', align: 'right' },
  { title: 'CPU%', align: 'right' },
  { title: 'NOW%', align: 'right' },
  { title: 'MESSAGE', shrinkTo: 10 },
];
const typeColumns: readonly Column[] = [
  { title: 'FACTORY', shrinkTo: 8 },
  { title: 'RUNNING', align: 'right' },
  { title: 'HS06', align: 'right' },
  { title: 'LAST END', align: 'right' },
  { title: 'MESSAGE', shrinkTo: 10 },
];
const styles: Record<SlotFacts['state'], Style | undefined> = { Running: 'green', Starting: 'yellow', Paused: 'red', 'Shut down': 'dim' };
const kinds: Readonly<Record<string, string>> = { docker: 'DC', singularity: 'SC' };

/** Slots that are shown: all that have been used, or with `all` the empty ones too. By factory, then machine (spec/factory.md §20). */
export const shownSlots = (answers: readonly FactoryAnswer[], all: boolean): readonly SlotFacts[] =>
  answers.toSorted(byName).flatMap(({ machines }) => machines.filter((m) => all || m.machinetype !== undefined).toSorted(byMachine));

const byMachine = (a: SlotFacts, b: SlotFacts): number => byName({ factory: a.machine }, { factory: b.machine });

/** `vacua machines` of many factories: a summary, one line per slot that has been used, then who is silent. */
export function spaceMachinesView(
  space: SpaceAnswer,
  slots: readonly SlotFacts[],
  silent: readonly SilentFactory[],
  now: Instant,
  width: number,
  colour: boolean,
): readonly string[] {
  const heard = space.answers.filter((a) => a.answered !== 'silent');
  const cut = heard.filter((a) => a.answered === 'partial').map((a) => shortName(a.factory));
  const count = (state: SlotFacts['state']): number => slots.filter((s) => s.state === state).length;
  const summary = `${space.space}: ${heard.length} of ${space.answers.length} factories answered; ${counted(count('Running'), 'machine')} running, ${count('Starting')} starting`;
  const rows = slots.map((slot) => slotRow(slot, now));
  return [
    fit(printable(summary), width),
    ...(rows.length > 0 ? table(rows, slotColumns, width, colour) : []),
    ...(cut.length > 0 ? [fit(printable(`Part of the answer was lost: ${cut.join(', ')}`), width)] : []),
    ...silentLines(silent, now, width, colour),
    ...ignoredLines(space.ignored, width),
  ];
}

function slotRow(s: SlotFacts, now: Instant): readonly Cell[] {
  const since = { Running: s.startedAt, Paused: s.startedAt, Starting: s.createdAt, 'Shut down': s.shutdownAt ?? s.heartbeatAt }[s.state];
  const wall = s.startedAt === undefined || s.heartbeatAt === undefined ? 0 : elapsed(s.startedAt, s.heartbeatAt);
  return [
    shortName(s.machine),
    s.machinetype ?? '-',
    { text: s.state, style: styles[s.state] },
    String(s.processors),
    s.machineModel === undefined ? '' : (kinds[s.machineModel] ?? 'VM'),
    since === undefined ? '' : durationText(elapsed(since, now)),
    s.state === 'Running' && wall > 0 ? String(Math.round((100 * s.cpuSeconds) / wall)) : '',
    s.state === 'Running' ? s.cpuPercent.toFixed(1) : '',
    s.shutdownMessage === undefined ? '' : { text: `"${s.shutdownMessage}"`, style: 'dim' },
  ];
}

/** One machinetype over the space: a line for every factory that has it (spec/factory.md §20). */
export function machinetypeView(
  type: string,
  space: SpaceAnswer,
  silent: readonly SilentFactory[],
  now: Instant,
  width: number,
  colour: boolean,
): readonly string[] {
  const having = space.answers.toSorted(byName).flatMap((a) => a.machinetypes.filter((t) => t.machinetype === type).map((t) => ({ ...t, factory: a.factory })));
  const sum = (of: (t: (typeof having)[number]) => number): number => having.reduce((total, t) => total + of(t), 0);
  const heard = space.answers.filter((a) => a.answered !== 'silent').length;
  const rows = having.map((t): readonly Cell[] => [
    shortName(t.factory),
    String(t.runningMachines),
    t.runningHs06.toFixed(1),
    t.shutdownAt === undefined ? '-' : relative(t.shutdownAt, now),
    t.shutdownMessage === undefined ? '' : `"${t.shutdownMessage}"`,
  ]);
  const total = `${counted(
    sum((t) => t.runningMachines),
    'machine',
  )}, ${sum((t) => t.runningHs06).toFixed(1)} HS06 on ${counted(having.length, 'factory', 'factories')}`;
  return [
    fit(printable(`${type} in ${space.space}: ${total}; ${heard} of ${space.answers.length} answered`), width),
    ...(rows.length > 0 ? table(rows, typeColumns, width, colour) : []),
    ...silentLines(silent, now, width, colour),
    ...ignoredLines(space.ignored, width),
  ];
}
