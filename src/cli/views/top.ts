import type { FactoryFacts } from '../../core/space/types.ts';
import { elapsed, type Instant } from '../../core/units.ts';
import type { SpaceShares } from '../space-shares.ts';
import type { SpaceAnswer } from '../space-source.ts';
import { type Cell, type Column, styled, table } from '../table.ts';
import { counted, displayWidth, fit, printable } from '../text.ts';
import { absolute, durationText } from '../time-text.ts';
import { byName, shortName, type SilentFactory, sizeText } from './factories.ts';
import { shareFigures } from './shares.ts';

/** Keys that sort, with the heading of their column. */
export const sortKeys = { n: 'name', p: 'cpus', m: 'machines', l: 'load', d: 'disk', e: 'mem', s: 'silent' } as const;
export type SortKey = keyof typeof sortKeys;

/** One look at the whole space. */
export interface TopFacts {
  readonly at: Instant;
  readonly space: SpaceAnswer;
  readonly silent: readonly SilentFactory[];
  readonly shares: SpaceShares;
}

export interface TopState {
  /** Absent before the first answers. */
  readonly facts?: TopFacts;
  /** Why the last look failed; the facts stay as they were. */
  readonly problem?: string;
  readonly sort: SortKey;
  readonly reverse: boolean;
  /** First factory that is shown, from 0. */
  readonly offset: number;
}

export const firstTop: TopState = { sort: 'n', reverse: false, offset: 0 };

/** The keys in what a terminal has sent at once. */
export const keysIn = (chunk: string): readonly string[] => chunk.match(key) ?? [];
const key = new RegExp(`${'\x1b'}\\[[0-9;]*[A-Za-z~]|[^]`, 'g');

/** The state after a key, or `quit`. Keys without a meaning change nothing. */
export function pressed(state: TopState, key: string, page: number): TopState | 'quit' {
  const last = Math.max(0, (state.facts?.space.answers.length ?? 0) - 1);
  const moved = (by: number): TopState => ({ ...state, offset: Math.min(last, Math.max(0, state.offset + by)) });
  switch (key) {
    case 'q':
    case 'Q':
    case '\x03': // Ctrl-C, which raw mode hands on
    case '\x04':
      return 'quit';
    case 'r':
      return { ...state, reverse: !state.reverse, offset: 0 };
    case '\x1b[A':
    case 'k':
      return moved(-1);
    case '\x1b[B':
    case 'j':
      return moved(1);
    case '\x1b[5~':
      return moved(-page);
    case '\x1b[6~':
    case ' ':
      return moved(page);
    default:
      return isSortKey(key) ? { ...state, sort: key, reverse: state.sort === key ? !state.reverse : false, offset: 0 } : state;
  }
}
const isSortKey = (key: string): key is SortKey => Object.hasOwn(sortKeys, key);

interface Row {
  readonly factory: string;
  readonly facts?: FactoryFacts;
  readonly version: string;
  readonly silent?: SilentFactory;
}

const numbers: { readonly [K in Exclude<SortKey, 'n' | 's'>]: (facts: FactoryFacts) => number } = {
  p: (f) => f.runningProcessors,
  m: (f) => f.runningMachines,
  l: (f) => f.loadAverage15,
  d: (f) => -f.daemonDiskAvailKb,
  e: (f) => (f.memTotalKb > 0 ? f.memUsedKb / f.memTotalKb : 0),
};

/** Factories in the order of the key: the greatest or the scarcest first, names as tie-break, silent ones last unless they are asked for. */
export function sortedRows({ facts, sort, reverse }: TopState): readonly Row[] {
  const silent = new Map(facts?.silent.map((s) => [s.factory, s]));
  const rows = (facts?.space.answers ?? []).map(({ factory, factoryFacts, version }): Row => {
    const mute = silent.get(factory);
    return { factory, version, ...(factoryFacts !== undefined && { facts: factoryFacts }), ...(mute !== undefined && { silent: mute }) };
  });
  const number = (row: Row): number => (row.facts === undefined || sort === 'n' || sort === 's' ? 0 : numbers[sort](row.facts));
  const rank = (row: Row): number => (row.facts === undefined ? 1 : 0) * (sort === 's' ? -1 : 1);
  const sign = reverse ? -1 : 1;
  return rows.toSorted((a, b) => (sort === 'n' ? sign * byName(a, b) : rank(a) - rank(b) || sign * (number(b) - number(a)) || byName(a, b)));
}

/** Lines of one frame: at most `rows`, none wider than `columns`, all printable. */
export function topView(state: TopState, { rows, columns }: { readonly rows: number; readonly columns: number }, colour: boolean): readonly string[] {
  const { facts, problem } = state;
  const keys = `q quit  ${Object.entries(sortKeys)
    .map(([key, word]) => `${key} ${word}`)
    .join('  ')}  r reverse`;
  const foot = [
    ...(problem === undefined ? [] : [styled(fit(printable(problem), columns), 'red', colour)]),
    ...(Number.isFinite(rows) ? [styled(fit(keys, columns), 'dim', colour)] : []),
  ];
  if (facts === undefined) return [fit('Asking the space …', columns), ...foot].slice(0, rows);
  const head = [
    styled(fit(printable(heading(facts)), columns), 'bold', colour),
    '',
    ...shareLines(facts.shares, columns, Math.max(1, Math.floor(rows / 4)), colour),
    '',
  ];
  const listed = table(
    sortedRows(state).map((row) => cells(row, facts.at)),
    headings(state),
    columns,
    colour,
  );
  const room = Math.max(0, rows - head.length - foot.length - 1);
  const [title = '', ...lines] = listed;
  const offset = Math.min(state.offset, Math.max(0, lines.length - room));
  const shown = Number.isFinite(room) ? lines.slice(offset, offset + room) : lines;
  return [...head, title, ...shown, ...foot].slice(0, rows);
}

/** How many factories fit, for paging. */
export const pageOf = (rows: number): number => Math.max(1, Math.floor(rows / 2));

function heading({ at, space, shares }: TopFacts): string {
  const heard = space.answers.filter((a) => a.factoryFacts !== undefined);
  const sum = (of: (f: FactoryFacts) => number): number => heard.reduce((total, a) => total + (a.factoryFacts === undefined ? 0 : of(a.factoryFacts)), 0);
  const silent = space.answers.length - heard.length;
  const used = `${sum((f) => f.runningProcessors)}/${sum((f) => f.maxProcessors)} cpus  ${sum((f) => f.runningMachines)} machines`;
  return `${absolute(at).slice(11)}  ${shares.space}  ${counted(heard.length, 'factory', 'factories')}${silent > 0 ? `, ${silent} silent` : ''}  ${used}`;
}

/** A bar for each machinetype: `█` what it has of the space, `│` its target. */
function shareLines(shares: SpaceShares, columns: number, most: number, colour: boolean): readonly string[] {
  const figures = shareFigures(shares.rows);
  const names = figures.slice(0, most).map((f) => printable(f.machinetype));
  const widest = Math.min(24, Math.max(0, ...names.map(displayWidth)));
  const lines = figures.slice(0, most).map((f, i) => {
    const name = fit(names[i] ?? '', widest);
    const label = name + ' '.repeat(widest - displayWidth(name));
    const target = f.effective ?? f.target;
    const text = `${percent(f.reached)} of ${percent(target)}  ${String(f.machines).padStart(6)} machines`;
    const room = Math.max(0, Math.min(60, columns - widest - displayWidth(text) - 4));
    return fit(`${label}  ${bar(f.reached ?? 0, target, room)}  ${text}`, columns);
  });
  const more = figures.length - lines.length;
  return more > 0 ? [...lines, styled(fit(`and ${more} more machinetypes: vacua shares`, columns), 'dim', colour)] : lines;
}

const percent = (n: number | undefined): string => (n === undefined ? '-' : `${n.toFixed(1)}%`).padStart(6);

/** A part of 100 as a bar of so many columns. */
export function bar(part: number, target: number | undefined, width: number): string {
  const filled = Math.round((Math.min(100, Math.max(0, part)) / 100) * width);
  const mark = target === undefined ? -1 : Math.min(width - 1, Math.round((Math.min(100, Math.max(0, target)) / 100) * width));
  return Array.from({ length: width }, (_, i) => (i === mark ? '│' : i < filled ? '█' : '░')).join('');
}

function headings({ sort, reverse }: TopState): readonly Column[] {
  const title = (key: SortKey, text: string): string => (key === sort ? `${text}${reverse ? '▴' : '▾'}` : text);
  return [
    { title: title('n', 'FACTORY'), shrinkTo: 8 },
    { title: title('p', 'CPUS'), align: 'right' },
    { title: title('m', 'MACHINES'), align: 'right' },
    { title: title('l', 'LOAD'), align: 'right' },
    { title: title('d', 'DISK'), align: 'right' },
    { title: title('e', 'MEMORY'), align: 'right' },
    { title: title('s', 'VERSION'), shrinkTo: 8 },
  ];
}

function cells({ factory, facts: f, version, silent }: Row, now: Instant): readonly Cell[] {
  if (f === undefined) {
    const since = silent?.since === undefined ? '' : ` for ${durationText(elapsed(silent.since, now))}`;
    const seen = silent?.seenAt === undefined ? '' : `, last seen ${durationText(elapsed(silent.seenAt, now))} ago`;
    return [{ text: shortName(factory), style: 'yellow' }, '-', '-', '-', '-', '-', { text: `silent${since}${seen}`, style: 'yellow' }];
  }
  return [
    shortName(factory),
    { text: `${f.runningProcessors}/${f.maxProcessors}`, style: f.runningProcessors >= f.maxProcessors ? 'green' : undefined },
    `${f.runningMachines}/${f.maxMachines}`,
    { text: f.loadAverage15.toFixed(2), style: f.maxProcessors > 0 && f.loadAverage15 > 1.25 * f.maxProcessors ? 'red' : undefined },
    { text: sizeText(f.daemonDiskAvailKb), style: f.daemonDiskAvailKb < 1024 * 1024 ? 'red' : undefined },
    `${sizeText(f.memUsedKb)}/${sizeText(f.memTotalKb)}`,
    version.replace(/ vacd-responder$/, ''),
  ];
}
