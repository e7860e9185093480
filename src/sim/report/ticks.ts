const timeSteps = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400].map((s) => s * 1000);

/** Round times between two instants, at most `most` of them. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const step = timeSteps.find((s) => (to - from) / s <= most) ?? Math.ceil((to - from) / most / 86_400_000) * 86_400_000;
  return multiples(from, to, step);
}

/** Round numbers from 0 to at least `highest`; the last one is the top of the scale. `whole`: no fractions. */
export function scale(highest: number, most: number, whole = false): number[] {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const least = whole ? 1 : 0;
  const step = Math.max(least, ([1, 2, 2.5, 5, 10].find((f) => f * power >= rough * 0.999_999) ?? 10) * power);
  return Array.from({ length: Math.ceil(highest / step - 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

function multiples(from: number, to: number, step: number): number[] {
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}

/** `06:00`, in UTC, which is the time zone of simulations. */
export const clock = (at: number): string => new Date(at).toISOString().slice(11, 16);

/** Short numbers for axes: 1,500 · 20k · 1.5M · 0.5. */
export function short(n: number): string {
  const abs = Math.abs(n);
  if (abs >= 1e6) return `${Number((n / 1e6).toPrecision(3))}M`;
  if (abs >= 1e4) return `${Number((n / 1e3).toPrecision(3))}k`;
  return String(Number(n.toPrecision(3)));
}
