import { elapsed } from '../core/units.ts';
import { fillLevels, type Sample } from './census.ts';
import type { Simulated } from './simulate.ts';

/** What is said of a simulation; `--json` prints it. Only what the seed determines: nothing about the computer that ran it. */
export interface Summary {
  readonly title: string;
  readonly seed: number;
  readonly hours: number;
  readonly hosts: number;
  readonly processors: number;
  readonly network: 'members' | 'shared';
  readonly rule: string;
  /** Seconds from the first host's coming until so much of the capacity had booted; null: never. */
  readonly fillSeconds: { readonly half: number | null; readonly most: number | null; readonly full: number | null };
  /** Part of the space with the wrong tenants, 0 to 1. */
  readonly shareError: { readonly after30min: number | null; readonly mean: number; readonly worst: number };
  /** Part of the processor time that had a machine. */
  readonly used: number;
  readonly tenants: readonly TenantSummary[];
  readonly starts: number;
  readonly scouts: ScoutSummary;
  /** Machines by shutdown code; `none`: ended without one. */
  readonly ends: Readonly<Record<string, number>>;
  readonly aborts: Readonly<Record<string, number>>;
  readonly messages: { readonly total: number; readonly perFactoryAndMinute: number };
  readonly decisions: { readonly total: number; readonly perFactoryAndHour: number };
  readonly handBack: { readonly cutOff: number } | null;
}

export interface TenantSummary {
  readonly machinetype: string;
  readonly share: number;
  readonly processorHours: number;
  readonly shareReached: number;
  readonly starts: number;
  readonly aborts: number;
  readonly scouts: ScoutSummary;
  readonly jobs: { readonly arrived: number; readonly done: number; readonly running: number; readonly waiting: number; readonly interrupted: number };
}

/** `early`: starts by factories that had not yet heard of the abort. */
export interface ScoutSummary {
  readonly windows: number;
  readonly scouts: number;
  readonly mean: number;
  readonly most: number;
  readonly early: number;
}

/** Samples count for the share error from half an hour after the start on. */
const settledSeconds = 1800;

export function summaryOf(simulated: Simulated): Summary {
  const { scenario, census, queues } = simulated;
  const { samples, tenants } = census;
  const fill = fillLevels.map((level) => {
    const at = census.filledAt.get(level);
    return at === undefined ? null : round(elapsed(scenario.start, at), 1);
  });
  const settled = samples.filter((s) => elapsed(scenario.start, s.at) >= settledSeconds && s.capacity > 0);
  const counts = tenants.map(({ name }) => census.count(name));
  const hours = counts.reduce((sum, c) => sum + c.processorHours, 0);
  const shares = tenants.reduce((sum, t) => sum + Math.max(0, t.share), 0);
  const scouts = tenants.map(({ name }) => census.scouts.of(name));
  const factoryMinutes = Math.max(simulated.factoryMinutes, 1e-9);
  return {
    title: scenario.title,
    seed: scenario.seed,
    hours: scenario.duration / 3600,
    hosts: scenario.hosts.length,
    processors: scenario.hosts.reduce((sum, host) => sum + host.group.processors, 0),
    network: simulated.network,
    rule: scenario.rule,
    fillSeconds: { half: fill[0] ?? null, most: fill[1] ?? null, full: fill[2] ?? null },
    shareError: {
      after30min: settled[0] === undefined ? null : round(settled[0].shareError, 5),
      mean: round(settled.reduce((sum, s) => sum + s.shareError, 0) / Math.max(1, settled.length), 5),
      worst: round(Math.max(0, ...settled.map((s) => s.shareError)), 5),
    },
    used: round(usedPart(samples), 4),
    tenants: tenants.map((tenant, i): TenantSummary => {
      const [count, queue] = [counts[i], queues.get(tenant.name)];
      return {
        machinetype: tenant.name,
        share: round(Math.max(0, tenant.share) / Math.max(shares, 1e-9), 4),
        processorHours: round(count?.processorHours ?? 0, 1),
        shareReached: round((count?.processorHours ?? 0) / Math.max(hours, 1e-9), 4),
        starts: count?.starts ?? 0,
        aborts: count?.aborts ?? 0,
        scouts: scoutSummary(scouts[i] === undefined ? [] : [scouts[i]]),
        jobs: {
          arrived: queue?.arrived ?? 0,
          done: queue?.done ?? 0,
          running: queue?.running ?? 0,
          waiting: queue?.waiting ?? 0,
          interrupted: queue?.interrupted ?? 0,
        },
      };
    }),
    starts: counts.reduce((sum, c) => sum + c.starts, 0),
    scouts: scoutSummary(scouts),
    ends: Object.fromEntries([...census.ends].sort()),
    aborts: Object.fromEntries([...census.aborts].sort()),
    messages: { total: simulated.messages, perFactoryAndMinute: round(simulated.messages / factoryMinutes, 1) },
    decisions: { total: simulated.decisions, perFactoryAndHour: round((simulated.decisions / factoryMinutes) * 60, 2) },
    handBack: scenario.groups.some((g) => g.leaves !== undefined) ? { cutOff: census.cutOff } : null,
  };
}

function scoutSummary(counts: readonly { readonly scouts: number; readonly early: number; readonly windows: readonly number[] }[]): ScoutSummary {
  const windows = counts.flatMap((c) => c.windows);
  const scouts = windows.reduce((sum, w) => sum + w, 0);
  return {
    windows: windows.length,
    scouts,
    mean: round(scouts / Math.max(1, windows.length), 3),
    most: windows.reduce((most, w) => Math.max(most, w), 0),
    early: counts.reduce((sum, c) => sum + c.early, 0),
  };
}

/** Of the processors of the hosts that were there, by samples. */
function usedPart(samples: readonly Sample[]): number {
  let [used, had] = [0, 0];
  for (const { capacity, tenants } of samples) {
    had += capacity;
    used += tenants.reduce((sum, t) => sum + t.running, 0);
  }
  return had === 0 ? 0 : used / had;
}

const round = (n: number, digits: number): number => Number(n.toFixed(digits));
