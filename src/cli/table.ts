import { displayWidth, fit, printable } from './text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';
const codes: Record<Style, readonly [number, number]> = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] };

/** The text in a style, or as it is without colour. */
export const styled = (text: string, style: Style | undefined, colour: boolean): string =>
  style === undefined || !colour || text === '' ? text : `\x1b[${codes[style][0]}m${text}\x1b[${codes[style][1]}m`;

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** May be cut when the table is too wide. The widest such column gives way first, down to this many columns. */
  readonly shrinkTo?: number;
}
export type Cell = string | { readonly text: string; readonly style: Style | undefined };

const textOf = (cell: Cell | undefined): string => printable(typeof cell === 'object' ? cell.text : (cell ?? ''));
const gap = '  ';

/**
 * Lines of a table with a heading, none wider than `width` columns. Cells are made printable; styles are put around text that
 * has already been cut, so that no escape sequence is ever split. Columns that find no room at all are left out, from the right.
 */
export function table(rows: readonly (readonly Cell[])[], columns: readonly Column[], width: number, colour = false): readonly string[] {
  const natural = columns.map((column, i) => {
    const widest = rows.reduce((most, row) => Math.max(most, displayWidth(textOf(row[i]))), displayWidth(column.title));
    return Math.min(widest, width);
  });
  const widths = fitWidths(natural, columns, width);
  const line = (cells: readonly Cell[], heading: boolean): string => {
    const parts = widths.map((room, i) => {
      const cell = cells[i];
      const text = fit(textOf(cell), room);
      const shown = styled(text, heading ? 'bold' : typeof cell === 'object' ? cell.style : undefined, colour);
      const padding = ' '.repeat(room - displayWidth(text));
      if (columns[i]?.align === 'right') return padding + shown;
      return i === widths.length - 1 ? shown : shown + padding;
    });
    return parts.join(gap).trimEnd();
  };
  return [
    line(
      columns.map((c) => c.title),
      true,
    ),
    ...rows.map((row) => line(row, false)),
  ];
}

/** Widths of the columns that are shown. */
function fitWidths(natural: readonly number[], columns: readonly Column[], width: number): readonly number[] {
  const widths = [...natural];
  const total = (): number => widths.reduce((sum, w) => sum + w, 0) + gap.length * Math.max(0, widths.length - 1);
  while (total() > width) {
    let widest = -1;
    for (const [i, w] of widths.entries()) {
      const least = columns[i]?.shrinkTo;
      if (least !== undefined && w > least && (widest < 0 || w > (widths[widest] ?? 0))) widest = i;
    }
    if (widest >= 0) widths[widest] = (widths[widest] ?? 0) - 1;
    else if (widths.length > 1) widths.pop();
    else return [Math.max(0, width)];
  }
  return widths;
}
