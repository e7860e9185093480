import type { MachinetypeAnswer } from '../../factory/control/answers.ts';
import type { Instant } from '../../core/units.ts';
import { type Cell, type Column, table } from '../table.ts';
import { relative } from '../time-text.ts';

const columns: readonly Column[] = [
  { title: 'MACHINETYPE', shrinkTo: 8 },
  { title: 'TARGET', align: 'right' },
  { title: 'SHARE', align: 'right' },
  { title: 'RUNNING', align: 'right' },
  { title: 'STARTING', align: 'right' },
  { title: 'HS06', align: 'right' },
  { title: 'VERDICT', shrinkTo: 8 },
  { title: 'LAST END', align: 'right' },
  { title: 'MESSAGE', shrinkTo: 10 },
];

/**
 * One line per machinetype (spec/factory.md §20). TARGET and SHARE are per cent: of all target shares, and of the HS06 of the
 * space in the last turn. RUNNING and STARTING count machines of this factory.
 */
export function machinetypesView(rows: readonly MachinetypeAnswer[], now: Instant, width: number, colour: boolean): readonly string[] {
  if (rows.length === 0) return ['No machinetypes are configured; `vacua check` says whether one was refused.'];
  const shares = rows.reduce((sum, r) => sum + Math.max(0, r.targetShare), 0);
  const hs06 = rows.reduce((sum, r) => sum + (r.reason?.hs06 ?? 0), 0);
  return table(
    rows.map((r) => row(r, shares, hs06, now)),
    columns,
    width,
    colour,
  );
}

const percent = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(1)}%` : '-');

function row(r: MachinetypeAnswer, shares: number, hs06: number, now: Instant): readonly Cell[] {
  const message = r.lastEnd?.outcome.message;
  return [
    r.name,
    percent(Math.max(0, r.targetShare), shares),
    percent(r.reason?.hs06 ?? 0, hs06),
    String(r.machines.running),
    String(r.machines.creating),
    r.reason === undefined ? '-' : r.reason.hs06.toFixed(1),
    verdictCell(r, now),
    r.lastEnd === undefined ? '-' : relative(r.lastEnd.at, now),
    { text: message === undefined ? (r.lastEnd?.outcome.cause ?? '') : `"${message}"`, style: r.lastEnd?.outcome.abort === true ? 'red' : undefined },
  ];
}

function verdictCell(r: MachinetypeAnswer, now: Instant): Cell {
  if (r.origin === undefined) return { text: 'not configured', style: 'dim' };
  const verdict = r.reason?.verdict;
  if (verdict === undefined) return '-';
  const word = verdict.why.replaceAll('_', ' ');
  switch (verdict.why) {
    case 'started':
      return { text: `started ${verdict.count}`, style: 'green' };
    case 'backing_off':
    case 'scout_out':
    case 'not_elected':
      return { text: `${word}, ${relative(verdict.until, now)}`, style: 'yellow' };
    case 'creation_failing':
      return { text: verdict.until === undefined ? `${word}, one is tried` : `${word}, ${relative(verdict.until, now)}`, style: 'yellow' };
    case 'not_ready':
      return { text: `${word}: ${verdict.text}`, style: 'yellow' };
    default:
      return word;
  }
}
