import type { Machine } from '../src/core/machine.ts';
import { type Instant, later, machineId, seconds } from '../src/core/units.ts';

/** Records of a full host, the types one after another. */
export const busyMachines = (count: number, types: readonly string[], now: Instant): Machine[] =>
  Array.from({ length: count }, (_, i): Machine => {
    const startedAt = later(now, -(1000 + i * 60));
    const machinetype = types[i % types.length] ?? '';
    return {
      id: machineId(`00000000-0000-4000-8000-${String(i).padStart(12, '0')}`),
      name: `wn01-${String(i).padStart(2, '0')}.example.com`,
      slot: i,
      machinetype,
      machinegroup: machinetype,
      model: 'cernvm3',
      accountingFqan: '/lhcb/Role=pilot',
      processors: 1,
      memoryMb: 2048,
      fizzle: seconds(600),
      machinesDirDays: 3,
      createdAt: startedAt,
      shutdownTime: later(startedAt, 86_400),
      state: 'running',
      startedAt,
      heartbeatAt: now,
      cpuSeconds: seconds(500),
      cpuPercent: 97.3,
    };
  });
