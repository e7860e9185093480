/** One measured figure beside what it is judged by. `docs/benchmarks.md` says what each name means. */
export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the same work costs without us, measured in the same run. */
  readonly floor?: number;
  /** Greatest value that is acceptable, in the same unit. */
  readonly budget?: number;
  readonly held: boolean;
  readonly note?: string;
}

/** What a file `bench/NAME.bench.ts` exports as `run`. */
export type Bench = () => Promise<BenchResult[]>;

/** A figure which holds when it is not above its budget. */
export const atMost = (
  name: string,
  value: number,
  unit: string,
  budget: number,
  about: { readonly floor?: number; readonly note?: string } = {},
): BenchResult => ({
  name,
  value,
  unit,
  budget,
  held: value <= budget,
  ...about,
});

/** A figure that is shown for comparison and judged by nobody. */
export const shown = (name: string, value: number, unit: string, about: { readonly floor?: number; readonly note?: string } = {}): BenchResult => ({
  name,
  value,
  unit,
  held: true,
  ...about,
});

/** A figure that this machine cannot give; `note` says why. It counts as held, and the table shows the reason. */
export const notMeasured = (name: string, unit: string, note: string): BenchResult => ({ name, value: Number.NaN, unit, held: true, note });

/** Nearest-rank quantile, `q` from 0 to 1. NaN for an empty sample. */
export function quantile(sample: readonly number[], q: number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/** Middle of the sample; mean of the two middle ones when their number is even. */
export function median(sample: readonly number[]): number {
  const sorted = sample.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Milliseconds of each of `times` calls, after `warm` calls that are not counted. */
export async function millisecondsOf(work: () => unknown, times: number, warm = 0): Promise<number[]> {
  const taken: number[] = [];
  for (let i = -warm; i < times; i++) {
    const from = performance.now();
    await work();
    if (i >= 0) taken.push(performance.now() - from);
  }
  return taken;
}
