import type { ShareRow, SpaceShares } from '../space-shares.ts';
import { type Cell, type Column, styled, table } from '../table.ts';
import { counted, fit, printable } from '../text.ts';
import { shortName } from './factories.ts';

export interface ShareFigures {
  readonly machinetype: string;
  /** Per cent of all target shares, of all effective shares, of all HS06 in use. Absent: not configured here, or nothing to compare with. */
  readonly target?: number;
  readonly effective?: number;
  readonly reached?: number;
  readonly hs06: number;
  readonly machines: number;
}

/** Shares as parts of their sums. Machinetypes that are not configured here count in what is in use, not in the targets. */
export function shareFigures(rows: readonly ShareRow[]): readonly ShareFigures[] {
  const sum = (of: (row: ShareRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const effectiveOf = (row: ShareRow): number => row.effectiveShare ?? row.targetShare ?? 0;
  const all = { target: sum((r) => r.targetShare ?? 0), effective: sum(effectiveOf), hs06: sum((r) => r.hs06) };
  const withMemory = rows.some((r) => r.effectiveShare !== undefined);
  return rows.map((row) => ({
    machinetype: row.machinetype,
    ...(row.targetShare !== undefined && all.target > 0 && { target: (100 * row.targetShare) / all.target }),
    ...(withMemory && row.targetShare !== undefined && all.effective > 0 && { effective: (100 * effectiveOf(row)) / all.effective }),
    ...(all.hs06 > 0 && { reached: (100 * row.hs06) / all.hs06 }),
    hs06: row.hs06,
    machines: row.machines,
  }));
}

const percent = (n: number | undefined): string => (n === undefined ? '-' : `${n.toFixed(1)}%`);

/** `vacua shares`: one line per machinetype; EFFECTIVE only where shares have a memory. */
export function sharesView(shares: SpaceShares, width: number, colour: boolean): readonly string[] {
  const figures = shareFigures(shares.rows);
  const withMemory = figures.some((f) => f.effective !== undefined);
  const columns: readonly Column[] = [
    { title: 'MACHINETYPE', shrinkTo: 8 },
    { title: 'TARGET', align: 'right' },
    ...(withMemory ? [{ title: 'EFFECTIVE', align: 'right' } as const] : []),
    { title: 'REACHED', align: 'right' },
    { title: 'HS06', align: 'right' },
    { title: 'MACHINES', align: 'right' },
  ];
  const rows = figures.map((f): readonly Cell[] => [
    f.machinetype,
    percent(f.target),
    ...(withMemory ? [percent(f.effective)] : []),
    percent(f.reached),
    f.hs06.toFixed(1),
    String(f.machines),
  ]);
  const total = figures.reduce((sum, f) => sum + f.machines, 0);
  const all = shares.counted + shares.silent.length;
  return [
    fit(
      printable(
        `${shares.space}: ${counted(total, 'machine')}, ${figures.reduce((sum, f) => sum + f.hs06, 0).toFixed(1)} HS06 on ${shares.counted} of ${all} factories`,
      ),
      width,
    ),
    ...(rows.length > 0 ? table(rows, columns, width, colour) : ['No machinetype is configured or runs.']),
    ...notCounted(shares.silent, width).map((line) => styled(line, 'yellow', colour)),
  ];
}

/** Who is silent and so not in the numbers; nothing when all are heard. */
export const notCounted = (silent: readonly string[], width: number): readonly string[] =>
  silent.length === 0 ? [] : [fit(printable(`Not counted, since silent: ${silent.map(shortName).join(', ')}`), width)];
