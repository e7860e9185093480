import { classKey, type Meets, type RequirementClass, requiresOf, whyNot } from '../../core/jobs/classes.ts';
import { charged, noUsage, type OwnerUsage } from '../../core/jobs/fair.ts';
import type { AgentFacts, JobSpec } from '../../core/jobs/job.ts';
import { bestLine, type HeadedLine, type Line } from '../../core/jobs/match.ts';
import { type Instant, instant, type Seconds } from '../../core/units.ts';
import type { NotTaken } from '../store.ts';
import { FitMemory } from './fit-memory.ts';
import type { LineRow, Transaction } from './tables.ts';

const mostReasons = 20;
const keyOfOwner = (tenant: string, owner: string): string => JSON.stringify([tenant, owner]);

/**
 * What a match looks at, in memory: requirement classes, lines with jobs that wait, and the usage of owners. It is as new as the version of the store
 * that it was refreshed to, and inside a transaction nobody else changes the store. Forgotten after a transaction that failed.
 */
export class Book {
  readonly #halfLife: Seconds;
  readonly #fits: FitMemory;
  readonly #classes = new Map<number, RequirementClass>();
  readonly #classOfKey = new Map<string, number>();
  readonly #lines = new Map<string, Map<string, Line>>();
  readonly #owners = new Map<string, OwnerUsage>();
  #version = 0;

  constructor(meets: Meets, halfLife: Seconds) {
    this.#halfLife = halfLife;
    this.#fits = new FitMemory((of, agent, now) => whyNot(of, agent, meets, now));
  }

  forget(): void {
    this.#classes.clear();
    this.#classOfKey.clear();
    this.#lines.clear();
    this.#owners.clear();
    this.#fits.clear();
    this.#version = 0;
  }

  async refresh(t: Transaction): Promise<void> {
    if (this.#version !== 0 && this.#version === t.version) return;
    const { classes, lines, owners } = await t.news(this.#version);
    for (const c of classes) this.#know(c);
    this.noteLines(lines);
    for (const u of owners) this.#owners.set(keyOfOwner(u.tenant, u.owner), u);
    this.#version = t.version;
  }

  /** After a write, which adds one version. */
  wrote(lines: readonly LineRow[]): void {
    this.noteLines(lines);
    this.#version++;
  }

  /** `added`: the class is new and has to be written. */
  classOf(spec: JobSpec): { readonly id: number; readonly added?: RequirementClass } {
    const requires = requiresOf(spec);
    const known = this.#classOfKey.get(classKey(spec.tenant, requires));
    if (known !== undefined) return { id: known };
    const added = { id: this.#classes.size + 1, tenant: spec.tenant, requires };
    this.#know(added);
    return { id: added.id, added };
  }

  readonly usage = (tenant: string, owner: string, processors: number, cost: number, now: Instant): OwnerUsage => {
    const key = keyOfOwner(tenant, owner);
    const before = this.#owners.get(key) ?? noUsage(tenant, owner, now);
    const after = { ...charged(before, cost, now, this.#halfLife), running: Math.max(0, before.running + processors) };
    this.#owners.set(key, after);
    return after;
  };

  /** Counts the first job of the line as running until it is released, so that the next choice in the same turn is as fair. */
  reserve(line: Line, now: Instant): void {
    this.usage(line.tenant, line.owner, this.#processors(line), 0, now);
  }
  release(line: Line, now: Instant): void {
    this.usage(line.tenant, line.owner, -this.#processors(line), 0, now);
  }

  best(agent: AgentFacts, now: Instant): HeadedLine | undefined {
    const why = this.#fits.of(agent, now);
    return bestLine(this.#lines.get(agent.tenant)?.values() ?? [], {
      eligible: (id) => {
        const of = this.#classes.get(id);
        return of !== undefined && why(of) === undefined;
      },
      usageOf: (owner) => this.#owners.get(keyOfOwner(agent.tenant, owner)),
      boundTo: agent.boundTo,
      now,
      halfLife: this.#halfLife,
    });
  }

  none(agent: AgentFacts, now: Instant): NotTaken {
    const why = this.#fits.of(agent, now);
    const jobs = new Map<string, number>();
    let waiting = 0;
    for (const line of this.#lines.get(agent.tenant)?.values() ?? []) {
      const of = this.#classes.get(line.class);
      if (of === undefined) continue;
      waiting += line.waiting;
      const text = why(of) ?? 'of another owner than the jobs that this machine has run';
      jobs.set(text, (jobs.get(text) ?? 0) + line.waiting);
    }
    const reasons = [...jobs].map(([text, n]) => ({ jobs: n, text })).sort((a, b) => b.jobs - a.jobs || (a.text < b.text ? -1 : 1));
    return { waiting, reasons: reasons.slice(0, mostReasons) };
  }

  noteLines(rows: readonly LineRow[]): void {
    for (const row of rows) {
      const tenant = this.#classes.get(row.class)?.tenant;
      if (tenant === undefined) continue;
      const lines = this.#lines.get(tenant) ?? new Map<string, Line>();
      this.#lines.set(tenant, lines);
      const key = `${row.class} ${row.owner}`;
      if (row.head === undefined) lines.delete(key);
      else lines.set(key, { ...row, tenant });
    }
  }

  #processors(line: Line): number {
    return this.#classes.get(line.class)?.requires.processors ?? 0;
  }

  #know(c: RequirementClass): void {
    this.#classes.set(c.id, c);
    this.#classOfKey.set(classKey(c.tenant, c.requires), c.id);
  }
}

/** Before which a machine that was given a job last is forgotten: no machine lives that long. */
export const machinesForgotten = (now: Instant): Instant => instant(now - 60 * 86_400_000);
