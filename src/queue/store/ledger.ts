import type { RequirementClass } from '../../core/jobs/classes.ts';
import type { OwnerUsage } from '../../core/jobs/fair.ts';
import type { JobState } from '../../core/jobs/job.ts';
import { costOf, type JobRecord, type Step } from '../../core/jobs/record.ts';
import { isOnMachine, isWaiting } from '../../core/jobs/states.ts';
import type { Instant } from '../../core/units.ts';
import type { Changes, Place } from './tables.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

const placeOf = ({ class: id, job }: JobRecord): Place => ({ class: id, owner: job.spec.owner, rank: -job.spec.priority, id: job.id });

/**
 * Collects what one write changes. Counts follow from what each record was and is, so that they cannot drift from the jobs:
 * waiting jobs have a place in their line, jobs on machines count as running, and a job that leaves its machine is charged to its owner.
 */
export class Ledger {
  readonly #changes: Mutable<Omit<Changes, 'lines' | 'tallies' | 'owners'>> = {
    classes: [],
    inserted: [],
    updated: [],
    removed: [],
    submissions: [],
    events: [],
    joined: [],
    left: [],
    machines: [],
  };
  readonly #lines = new Map<string, Mutable<Changes['lines'][number]>>();
  readonly #tallies = new Map<string, Mutable<Changes['tallies'][number]>>();
  readonly #owners = new Map<string, OwnerUsage>();
  readonly #owner: (tenant: string, owner: string, processors: number, cost: number, now: Instant) => OwnerUsage;

  /** `owner` returns the usage with so many running processors more and so many processor seconds charged, and remembers it. */
  constructor(owner: (tenant: string, owner: string, processors: number, cost: number, now: Instant) => OwnerUsage) {
    this.#owner = owner;
  }

  class(added: RequirementClass): void {
    this.#changes.classes.push(added);
  }
  insert(record: JobRecord): void {
    this.#changes.inserted.push(record);
    this.#count(record, 1);
  }
  submission(tenant: string, key: string, id: JobRecord['job']['id']): void {
    this.#changes.submissions.push({ tenant, key, id });
  }
  step(before: JobRecord, { record, events }: Step, now: Instant): void {
    const { id } = before.job;
    if (record === undefined) this.#changes.removed.push(id);
    else this.#changes.updated.push(record);
    events.forEach((event, i) => this.#changes.events.push({ job: id, seq: before.events + i + 1, event }));
    this.#count(before, -1);
    if (record !== undefined) this.#count(record, 1);
    this.#move(before, record, now);
  }
  changes(): Changes {
    return { ...this.#changes, lines: [...this.#lines.values()], tallies: [...this.#tallies.values()], owners: [...this.#owners.values()] };
  }

  #count(record: JobRecord, sign: 1 | -1): void {
    const { job } = record;
    this.#tally(job.spec.tenant, job.state, sign);
    const waiting = isWaiting(job);
    if (waiting) this.#changes[sign === 1 ? 'joined' : 'left'].push(placeOf(record));
    const onMachine = isOnMachine(job);
    if (!waiting && !onMachine) return;
    const key = `${record.class} ${job.spec.owner}`;
    const line = this.#lines.get(key) ?? { class: record.class, owner: job.spec.owner, waiting: 0, running: 0 };
    if (waiting) line.waiting += sign;
    else line.running += sign;
    this.#lines.set(key, line);
  }

  #tally(tenant: string, state: JobState, sign: 1 | -1): void {
    const key = `${state} ${tenant}`;
    const tally = this.#tallies.get(key) ?? { tenant, state, jobs: 0 };
    tally.jobs += sign;
    this.#tallies.set(key, tally);
  }

  #move(before: JobRecord, after: JobRecord | undefined, now: Instant): void {
    const was = isOnMachine(before.job);
    const is = after !== undefined && isOnMachine(after.job);
    if (was === is) return;
    const { tenant, owner, processors } = before.job.spec;
    const usage = this.#owner(tenant, owner, is ? processors : -processors, is ? 0 : costOf(before.job, now), now);
    this.#owners.set(JSON.stringify([tenant, owner]), usage);
    if (is && after.job.run !== undefined) this.#changes.machines.push({ tenant, machine: after.job.run.machine, owner, at: now });
  }
}
