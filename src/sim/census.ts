import { hs06Of, type Machine, type Outcome } from '../core/machine.ts';
import { type Instant, later, type Seconds } from '../core/units.ts';
import { entitlements } from './entitlement.ts';
import type { Host } from './scenario/types.ts';
import { ScoutCount } from './scouts.ts';
import type { TaskQueue } from './work.ts';

/** What the census knows of a machinetype beforehand. */
export interface Tenant {
  readonly name: string;
  readonly share: number;
  readonly group: string;
  readonly backoff: Seconds;
  readonly fizzle: Seconds;
  readonly queue: TaskQueue | undefined;
}

/** One machinetype at one moment; `starts` and the like since the sample before. */
export interface TenantSample {
  /** Processors of machines that are on. */
  readonly running: number;
  /** Processors that it should have: by shares, and what it can use. */
  readonly target: number;
  readonly starts: number;
  readonly scouts: number;
  readonly aborts: number;
  readonly waiting: number;
}
export interface Sample {
  readonly at: Instant;
  readonly capacity: number;
  readonly booted: number;
  /** Part of the space that the wrong tenants have, 0 to 1. */
  readonly shareError: number;
  readonly messages: number;
  readonly factories: number;
  /** By machinetype, in the order of the scenario. */
  readonly tenants: readonly TenantSample[];
}

class Count {
  running = 0;
  machines = 0;
  hs06 = 0;
  starts = 0;
  aborts = 0;
  processorSeconds = 0;
  changedAt: Instant;
  sampled = { starts: 0, scouts: 0, aborts: 0 };
  constructor(now: Instant) {
    this.changedAt = now;
  }
}

export const fillLevels = [0.5, 0.9, 0.99] as const;

/** Counts what really happens, with full knowledge of the space, and checks what must never be. */
export class Census {
  readonly samples: Sample[] = [];
  readonly tenants: readonly Tenant[];
  /** Ends by shutdown code; `none`: without one. */
  readonly ends = new Map<string, number>();
  readonly aborts = new Map<string, number>();
  /** When so much of the present capacity had booted for the first time. */
  readonly filledAt = new Map<number, Instant>();
  readonly scouts: ScoutCount;
  capacity = 0;
  booting = 0;
  bootedProcessors = 0;
  /** Machines that were on when their host was taken away. */
  cutOff = 0;
  lastStop: Instant | undefined;
  readonly #now: () => Instant;
  readonly #hosts: readonly Host[];
  readonly #counts: Map<string, Count>;
  readonly #perHost: number[];

  constructor(tenants: readonly Tenant[], hosts: readonly Host[], now: () => Instant) {
    this.tenants = tenants;
    this.#hosts = hosts;
    this.#now = now;
    this.#counts = new Map(tenants.map(({ name }) => [name, new Count(now())]));
    this.#perHost = hosts.map(() => 0);
    this.scouts = new ScoutCount(tenants);
  }

  joined(host: number): void {
    this.capacity += this.#hosts[host]?.group.processors ?? 0;
  }
  left(host: number): void {
    this.capacity -= this.#hosts[host]?.group.processors ?? 0;
    this.cutOff += this.#perHost[host] ?? 0;
  }

  ordered(m: Machine): void {
    const count = this.#counts.get(m.machinetype);
    if (count === undefined) return;
    count.starts += 1;
    this.scouts.started(m.machinetype, this.#now());
  }

  started(host: number, m: Machine): void {
    const used = (this.#perHost[host] ?? 0) + m.processors;
    const { name, group } = this.#hosts[host] ?? {};
    if (used > (group?.processors ?? 0)) throw new Error(`${name} runs machines on ${used} processors and has ${group?.processors}`);
    this.#perHost[host] = used;
    this.#change(m, 1);
  }

  booted(m: Machine): void {
    this.bootedProcessors += m.processors;
    for (const level of fillLevels) {
      if (!this.filledAt.has(level) && this.bootedProcessors >= level * this.capacity) this.filledAt.set(level, this.#now());
    }
  }

  stopped(host: number, m: Machine, booted: boolean): void {
    this.#perHost[host] = (this.#perHost[host] ?? 0) - m.processors;
    if (booted) this.bootedProcessors -= m.processors;
    this.lastStop = this.#now();
    this.#change(m, -1);
  }

  /** A machine's end is known to its factory, whose clock is `skew` ahead. */
  finished(m: Machine, outcome: Outcome, skew: Seconds): void {
    const code = outcome.code === undefined ? 'none' : String(outcome.code);
    this.ends.set(code, (this.ends.get(code) ?? 0) + 1);
    if (!outcome.abort) return;
    this.aborts.set(code, (this.aborts.get(code) ?? 0) + 1);
    const count = this.#counts.get(m.machinetype);
    if (count !== undefined) count.aborts += 1;
    if (outcome.at !== undefined) this.scouts.aborted(m.machinetype, later(outcome.at, -skew));
  }

  count(name: string): { readonly starts: number; readonly aborts: number; readonly processorHours: number } {
    const count = this.#counts.get(name);
    if (count !== undefined) this.#integrate(count);
    return { starts: count?.starts ?? 0, aborts: count?.aborts ?? 0, processorHours: (count?.processorSeconds ?? 0) / 3600 };
  }

  sample(messages: number, factories: number): void {
    const counts = this.tenants.map((tenant) => this.#counts.get(tenant.name) ?? new Count(this.#now()));
    const claims = this.tenants.map(({ share, group, queue }, i) => ({ share, group, demand: demandOf(queue, counts[i]) }));
    const targets = entitlements(claims, this.capacity);
    const running = counts.map((c) => c.running);
    this.samples.push({
      at: this.#now(),
      capacity: this.capacity,
      booted: this.bootedProcessors,
      shareError: shareError(running, targets),
      messages,
      factories,
      tenants: counts.map((count, i): TenantSample => {
        const scouts = this.scouts.of(this.tenants[i]?.name ?? '').scouts;
        const sample = {
          running: count.running,
          target: targets[i] ?? 0,
          starts: count.starts - count.sampled.starts,
          scouts: scouts - count.sampled.scouts,
          aborts: count.aborts - count.sampled.aborts,
          waiting: this.tenants[i]?.queue?.waiting ?? 0,
        };
        count.sampled = { starts: count.starts, scouts, aborts: count.aborts };
        return sample;
      }),
    });
  }

  #change(m: Machine, sign: 1 | -1): void {
    const count = this.#counts.get(m.machinetype);
    if (count === undefined) return;
    this.#integrate(count);
    count.running += sign * m.processors;
    count.machines += sign;
    count.hs06 += sign * hs06Of(m);
  }

  #integrate(count: Count): void {
    const now = this.#now();
    count.processorSeconds += (count.running * (now - count.changedAt)) / 1000;
    count.changedAt = now;
  }
}

/** Processors that a tenant can use: of jobs that run and that wait, at the size of its present machines. */
function demandOf(queue: TaskQueue | undefined, count: Count | undefined): number {
  if (queue === undefined) return 0;
  if (queue.work.waiting === 'endless') return Number.POSITIVE_INFINITY;
  const size = count === undefined || count.machines === 0 ? 1 : count.running / count.machines;
  return (queue.running + queue.waiting) * size;
}

/** Part of what runs that is not with those whom it is meant for: half the sum of the differences of the fractions. */
export function shareError(running: readonly number[], targets: readonly number[]): number {
  const [runs, meant] = [running.reduce((a, b) => a + b, 0), targets.reduce((a, b) => a + b, 0)];
  if (runs === 0 || meant === 0) return 0;
  return running.reduce((sum, r, i) => sum + Math.abs(r / runs - (targets[i] ?? 0) / meant), 0) / 2;
}
