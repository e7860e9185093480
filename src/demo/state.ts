import { isLive, type Machine } from '../core/machine.ts';
import { elapsed, type Instant, type Seconds } from '../core/units.ts';
import type { QueueCounts } from './tenant-queue.ts';
import type { DemoRecord } from './record.ts';
import { slots, targetOf, tenantOf, tenants, type TenantName } from './site.ts';

/** Everything that the live view and the summary show: data only, taken at one moment. */
export interface DemoState {
  readonly elapsed: Seconds;
  readonly now: Instant;
  readonly provider: string;
  readonly slots: number;
  /** Live machines by slot. */
  readonly machines: readonly Machine[];
  readonly tenants: readonly TenantState[];
  /** The last decision in words. */
  readonly why: readonly string[];
  readonly steps: readonly Step[];
}

export interface TenantState {
  readonly name: TenantName;
  /** Parts of the whole, 0 to 1. */
  readonly target: number;
  readonly current: number;
  /** Over the time in which the tenants competed. */
  readonly reached?: number;
  readonly queue: QueueCounts;
  readonly outcomes: ReadonlyMap<string, number>;
}

/** What a visitor should see happen, and whether it has. */
export interface Step {
  readonly text: string;
  readonly seen: boolean;
}

export interface StateSources {
  readonly provider: string;
  readonly startedAt: Instant;
  readonly machines: readonly Machine[];
  readonly queues: ReadonlyMap<TenantName, QueueCounts>;
  readonly record: DemoRecord;
  readonly why: readonly string[];
  readonly now: Instant;
}

export function stateOf({ provider, startedAt, machines, queues, record, why, now }: StateSources): DemoState {
  const live = machines.filter(isLive).toSorted((a, b) => a.slot - b.slot);
  const states = tenants.flatMap(({ name }): TenantState[] => {
    const queue = queues.get(name);
    const reached = record.reached(name);
    if (queue === undefined) return [];
    return [
      {
        name,
        target: targetOf(name),
        current: live.length === 0 ? 0 : live.filter((m) => tenantOf(m.machinetype) === name).length / live.length,
        queue,
        outcomes: record.outcomes(name),
        ...(reached !== undefined && { reached }),
      },
    ];
  });
  return {
    elapsed: elapsed(startedAt, now),
    now,
    provider,
    slots,
    machines: live,
    tenants: states,
    why,
    steps: [
      { text: 'jobs run in machines', seen: states.some((t) => t.queue.verified > 0) },
      { text: 'a machine hung and was ended', seen: record.hung().length > 0 },
      {
        text: 'its job was done by another',
        seen: record.hung().length > 0 && states.every((t) => t.name !== 'blue' || (t.queue.lost > 0 && t.queue.waiting + t.queue.leased === 0)),
      },
      { text: 'blue ran dry and backs off', seen: record.dry.has('blue') },
      { text: 'a scout found its new work', seen: record.dry.has('blue') && states.some((t) => t.name === 'blue' && t.queue.verified === t.queue.submitted) },
    ],
  };
}
