import { hs06Of, type Machine } from '../machine.ts';
import { elapsed, type Instant, instant, later, type Seconds } from '../units.ts';

/** Usage per machinetype in HS06 hours as of `at`, in which every hour counts half after one half-life (docs/shares.md). */
export interface UsageMemory {
  readonly at: Instant;
  readonly hs06Hours: Readonly<Record<string, number>>;
}

const forgotten = 1e-6;
const factor = (passed: Seconds, halfLife: Seconds): number => 2 ** (-Math.max(0, passed) / halfLife);

/** What is left of it at `now`. */
export function decayedUsage(memory: UsageMemory, now: Instant, halfLife: Seconds): ReadonlyMap<string, number> {
  const left = factor(elapsed(memory.at, now), halfLife);
  return new Map(Object.entries(memory.hs06Hours).map(([name, hours]) => [name, hours * left]));
}

/**
 * The memory brought up to `now`: what was known decays, and each machine adds the part of its run since then, its own decay included.
 * Without a memory the machines' whole runs count. Machines may be called with again and again; nothing counts twice.
 */
export function remember(memory: UsageMemory | undefined, machines: readonly Machine[], now: Instant, halfLife: Seconds): UsageMemory {
  const usage = new Map(memory === undefined ? [] : decayedUsage(memory, now, halfLife));
  const scale = halfLife / Math.LN2 / 3600;
  for (const m of machines) {
    if (!('startedAt' in m) || m.startedAt === undefined) continue;
    const end = instant(Math.min(now, m.state === 'finished' ? (m.heartbeatAt ?? m.startedAt) : now));
    const start = instant(Math.max(m.startedAt, memory?.at ?? Number.NEGATIVE_INFINITY));
    if (end <= start) continue;
    const hours = hs06Of(m) * scale * (factor(elapsed(end, now), halfLife) - factor(elapsed(start, now), halfLife));
    usage.set(m.machinetype, (usage.get(m.machinetype) ?? 0) + hours);
  }
  return { at: now, hs06Hours: Object.fromEntries([...usage].filter(([, hours]) => hours > forgotten)) };
}

/** When the wall clock was set. */
export const shiftUsage = (memory: UsageMemory, by: Seconds): UsageMemory => ({ ...memory, at: later(memory.at, by) });
