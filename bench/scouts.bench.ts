import { scouting, seeded } from '../test/decisions/scout-space.ts';
import { atMost, type BenchResult, quantile } from './result.ts';

/** How many scouts a whole space sends after a back-off, beside Vac 3.1's rule on the same spaces (docs/benchmarks.md). */
export function run(): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const factories of [10, 100, 1000]) {
    for (const room of [1, 0.1]) {
      const random = seeded(factories + room);
      const trials = factories === 1000 ? 20 : 100;
      const of = (rule: 'vacua' | 'vac31') =>
        Array.from({ length: trials }, () => scouting({ factories, rule, room, silent: 0.01, random })).filter((s) => s.after !== undefined);
      const [ours, vac] = [of('vacua'), of('vac31')];
      const mean = (of: typeof ours): number => of.reduce((sum, { scouts }) => sum + scouts, 0) / of.length;
      const late = quantile(
        ours.map((s) => s.after ?? 0),
        0.95,
      );
      const where = `${factories.toLocaleString('en')} factories, ${room * 100} % with room`;
      results.push(
        atMost(`scouts, ${where}`, mean(ours), 'mean', 1.5, { floor: mean(vac), note: `floor: rule vac31; first after ${late.toFixed(0)} s (p95)` }),
      );
    }
  }
  return Promise.resolve(results);
}
