import { clock, scale, short, timeTicks } from './ticks.ts';

export interface Series {
  readonly name: string;
  /** Place in the palette. */
  readonly colour: number;
  readonly values: readonly number[];
  /** A line of what should be. */
  readonly dashed?: boolean;
}

/** A stretch of time that is shaded. */
export interface Band {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface Plot {
  readonly title: string;
  /** What the numbers are, in words. */
  readonly about: string;
  readonly unit?: string;
  /** Times of the values, ascending. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly bands: readonly Band[];
  /** A step up and down for each value instead of a line from one to the next: for counts per interval. */
  readonly steps?: boolean;
  /** The values are counts. */
  readonly whole?: boolean;
}

const width = 720;
const height = 260;
const box = { left: 58, right: 24, top: 16, bottom: 26 };
export const paletteSize = 8;

/** A figure with a legend and an inline SVG; colours come from the page's style. */
export function plot(p: Plot): string {
  const [from = 0, to = 1] = [p.times[0], p.times.at(-1)];
  const highest = p.series.reduce((most, s) => s.values.reduce((m, v) => Math.max(m, v), most), 0);
  const usual = p.steps ? usualHeight(p.series) : highest;
  const isCut = highest > 4 * usual;
  const ticks = scale(isCut ? 1.5 * usual : highest, 5, p.steps === true || p.whole === true);
  const top = ticks.at(-1) ?? 1;
  const x = (at: number): number => one(box.left + ((at - from) / Math.max(1, to - from)) * (width - box.left - box.right));
  const y = (value: number): number => one(height - box.bottom - (Math.min(value, top) / top) * (height - box.top - box.bottom));
  const floor = height - box.bottom;
  const parts = [
    ...p.bands.map((b) => {
      const [left, right] = [x(Math.max(from, b.from)), x(Math.min(to, b.to))];
      return `<rect class="band" x="${left}" y="${box.top}" width="${one(Math.max(1.5, right - left))}" height="${floor - box.top}"><title>${escaped(b.name)}</title></rect>`;
    }),
    ...ticks.map(
      (t) =>
        `<line class="grid" x1="${box.left}" x2="${width - box.right}" y1="${y(t)}" y2="${y(t)}"/><text x="${box.left - 6}" y="${one(y(t) + 4)}" text-anchor="end">${short(t)}${p.unit ?? ''}</text>`,
    ),
    ...timeTicks(from, to, 9).map(
      (t) =>
        `<line class="tick" x1="${x(t)}" x2="${x(t)}" y1="${floor}" y2="${floor + 4}"/><text x="${x(t)}" y="${floor + 18}" text-anchor="middle">${clock(t)}</text>`,
    ),
    ...p.series.map((s) => line(s, p, x, y)),
    ...(isCut ? [peak(p, highest, x)] : []),
  ];
  const legend = p.series
    .filter((s) => !s.dashed)
    .map((s) => `<span><i class="c${s.colour % paletteSize}"></i>${escaped(s.name)}</span>`)
    .concat(
      p.series.some((s) => s.dashed) ? ['<span><i class="dash"></i>target</span>'] : [],
      p.bands.length > 0 ? ['<span><i class="shade"></i>fault</span>'] : [],
    );
  return (
    `<figure><figcaption><h2>${escaped(p.title)}</h2><p>${escaped(p.about)}</p><div class="legend">${legend.join('')}</div></figcaption>` +
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(p.title)}">${parts.join('')}</svg></figure>`
  );
}

function line(s: Series, { times, steps }: Plot, x: (at: number) => number, y: (value: number) => number): string {
  let path = '';
  let last = '';
  for (const [i, value] of s.values.entries()) {
    const at = times[i];
    if (at === undefined) continue;
    const [px, py] = [x(at), String(y(value))];
    // Where nothing changes, nothing is drawn between the ends.
    if (path !== '' && py === last && String(y(s.values[i + 1] ?? Number.NaN)) === py) continue;
    path += path === '' ? `M${px} ${py}` : steps && py !== last ? `V${py}H${px}` : `L${px} ${py}`;
    last = py;
  }
  return `<path class="line c${s.colour % paletteSize}${s.dashed ? ' dashed' : ''}" d="${path}"/>`;
}

/** Height of counts per interval without the rare peaks, which would hide everything else. */
function usualHeight(series: readonly Series[]): number {
  const counts = series
    .flatMap((s) => s.values)
    .filter((v) => v > 0)
    .sort((a, b) => a - b);
  return counts[Math.floor(counts.length * 0.97)] ?? 0;
}

/** Says how high the highest peak was that the plot cuts off. */
function peak({ series, times }: Plot, highest: number, x: (at: number) => number): string {
  const index = series.map((s) => s.values.indexOf(highest)).find((i) => i >= 0) ?? 0;
  const at = x(times[index] ?? 0);
  const before = at > width / 2;
  return `<text class="peak" x="${one(at + (before ? -6 : 6))}" y="${box.top - 3}" text-anchor="${before ? 'end' : 'start'}">↑ ${short(highest)}</text>`;
}

const one = (n: number): number => Math.round(n * 10) / 10;

/** Text of a scenario inside the page. */
export const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
