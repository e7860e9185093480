import type { UsageRecord } from '../../core/machine.ts';
import type { Cell } from '../table.ts';

/** One row per space and machinetype, in the order of their names: machines, hours by the clock, times processors, of processor, and their ratio. */
export function usageRows(usage: readonly UsageRecord[]): readonly (readonly Cell[])[] {
  const sums = new Map<string, { readonly space: string; readonly type: string; machines: number; wall: number; processors: number; cpu: number }>();
  for (const u of usage) {
    const key = JSON.stringify([u.space, u.machinetype]);
    const sum = sums.get(key) ?? { space: u.space, type: u.machinetype, machines: 0, wall: 0, processors: 0, cpu: 0 };
    sums.set(key, { ...sum, machines: sum.machines + 1, wall: sum.wall + u.wall, processors: sum.processors + u.wall * u.processors, cpu: sum.cpu + u.cpu });
  }
  const hours = (seconds: number): string => (seconds / 3600).toFixed(1);
  return [...sums]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, s]) => [
      s.space,
      s.type,
      String(s.machines),
      hours(s.wall),
      hours(s.processors),
      // Clouds do not tell what machines have used.
      s.cpu > 0 ? hours(s.cpu) : '-',
      s.cpu > 0 && s.processors > 0 ? `${Math.round((100 * s.cpu) / s.processors)} %` : '-',
    ]);
}
