import { type Machine, isLive } from '../../core/machine.ts';
import { abortCode } from '../../core/outcome.ts';
import type { SpaceReport } from '../../core/space/report.ts';
import { type Instant, later, type Seconds } from '../../core/units.ts';
import type { SimEvent } from '../../providers/sim/world.ts';
import { targetOf, tenants, type TenantName } from './site.ts';

/** One factory at one moment, as its control API tells it. Times are on its own clock. */
export interface Sight {
  readonly machines: readonly Machine[];
  readonly report: SpaceReport;
}

/** Running and starting machines of one tenant. */
export const runs = (machines: readonly Machine[], tenant: TenantName): number => machines.filter((m) => isLive(m) && m.machinetype === tenant).length;

/** By how many machines the tenant that is farthest from its target misses it, on the slots that are taken. */
export function shareError(machines: readonly Machine[]): number {
  const all = machines.filter(isLive).length;
  return Math.max(...tenants.map(({ name }) => Math.abs(runs(machines, name) - all * targetOf(name))));
}

/** An abort that a factory knew of at `since`, which keeps it from starting the machinetype until `until`; both on its own clock. */
export interface Ban {
  readonly machinetype: string;
  readonly from: string;
  readonly since: Instant;
  readonly until: Instant;
}

/** Times on the wire are whole seconds, and each answer may place an abort anew by that much. */
const accuracy = 1.5;

/** What a factory may not start from now on, judged by what it says it knows. */
export function bansOf({ machines, report }: Sight, backoff: Seconds): readonly Ban[] {
  const end = (at: Instant): Instant => later(at, backoff - accuracy);
  const own = machines.flatMap((m): Ban[] =>
    m.state === 'finished' && m.outcome.abort && m.outcome.at !== undefined
      ? [{ machinetype: m.machinetype, from: report.factory, since: later(m.finishedAt, 0.1), until: end(m.outcome.at) }]
      : [],
  );
  const told = report.factories
    .filter((f) => f.factory !== report.factory)
    .flatMap((f) => f.machinetypes)
    .flatMap(({ factory, machinetype, shutdownMessage: message = '', shutdownAt: at }): Ban[] =>
      at !== undefined && abortCode(message) !== undefined ? [{ machinetype, from: factory, since: report.at, until: end(at) }] : [],
    );
  return [...own, ...told].filter((ban) => ban.until > ban.since);
}

/** Machines that were begun although their factory knew better. */
export const defiant = (machines: readonly Machine[], bans: readonly Ban[]): readonly { readonly machine: Machine; readonly ban: Ban }[] =>
  machines.flatMap((machine) => {
    const ban = bans.find((b) => b.machinetype === machine.machinetype && machine.createdAt > b.since && machine.createdAt <= b.until);
    return ban === undefined ? [] : [{ machine, ban }];
  });

/** What one simulated host and the books of its factory say in the end. */
export interface Books {
  readonly factory: string;
  readonly events: readonly SimEvent[];
  readonly records: readonly Machine[];
  /** Machine of each usage record. */
  readonly usage: readonly string[];
  /** Machine of each `machine finished` line of the log. */
  readonly ends: readonly string[];
}

/** Each machine that was lost, doubled, ended by force while it worked, or accounted other than once; empty: none. */
export function audit({ factory, events, records, usage, ends }: Books): readonly string[] {
  const broken: string[] = [];
  const tell = (what: string): void => void broken.push(`${factory}: ${what}`);
  const made = new Set<string>();
  const slots = new Map<number, string>();
  const count = (list: readonly string[], id: string): number => list.filter((other) => other === id).length;
  for (const event of events) {
    if (event.kind === 'accepted') {
      const { id, slot } = event.order;
      if (made.has(id)) tell(`${id} was made twice`);
      if (slots.has(slot)) tell(`${id} and ${slots.get(slot)} share slot ${slot}`);
      made.add(id);
      slots.set(slot, id);
    } else if (event.kind !== 'asked') {
      for (const [slot, id] of slots) if (id === event.id) slots.delete(slot);
      if (event.kind === 'destroyed' && event.worked) tell(`${event.id} was removed while it worked`);
    }
  }
  for (const id of made) if (!records.some((r) => r.id === id)) tell(`${id} runs without a record`);
  for (const record of records) {
    const { id } = record;
    if (isLive(record)) {
      if (!made.has(id) && record.state !== 'creating') tell(`${id} is ${record.state}, but was never made`);
      continue;
    }
    const charged = count(usage, id);
    const expected = 'startedAt' in record && record.startedAt !== undefined ? 1 : 0;
    if (charged !== expected) tell(`${id} has ${charged} usage records`);
    if (count(ends, id) !== 1) tell(`${id} ended ${count(ends, id)} times`);
  }
  return broken;
}
