import { type CloudFacts, listsWithoutIt, noCloudFacts, removalPause, stuckAfterTries } from '../cloud/facts.ts';
import type { CloudSettings } from '../cloud/settings.ts';
import type { StuckRemoval } from '../decision.ts';
import type { EndCause, Machine, Outcome, Ran } from '../machine.ts';
import type { Observed, Sighting } from '../observed.ts';
import type { Configuration } from '../settings.ts';
import { type Instant, later, type MachineId } from '../units.ts';
import type { Alarm } from './alarm.ts';
import { type LiveMachine, ranOf } from './outcomes.ts';

/** What the rules for machines at a cloud need besides those of a host. */
export interface AtCloud {
  readonly settings: CloudSettings;
  readonly facts: CloudFacts;
  readonly now: Instant;
  readonly alarm: Alarm;
}

/** Undefined: a factory on a host. */
export function atCloud(observed: Observed, { settings }: Configuration, alarm: Alarm): AtCloud | undefined {
  return settings.cloud === undefined ? undefined : { settings: settings.cloud, facts: observed.cloud ?? noCloudFacts, now: observed.now, alarm };
}

/** So soon a machine that is missing for the first time is looked for again, and one that starts is looked at. */
const lookAgain = 15;

/** Whether enough complete lists in a row were without it (spec/cloud.md §2, project rule). */
export function isMissing({ facts, now, alarm }: AtCloud, id: MachineId): boolean {
  const lists = facts.missing.get(id) ?? 0;
  if (lists > 0 && lists < listsWithoutIt) alarm.from(later(now, lookAgain));
  return lists >= listsWithoutIt;
}

/** Why a machine that is listed, and has not ended, must be ended for what its cloud does with it (spec/cloud.md §5.3 rule 1 and project rules). */
export function cloudFault(m: LiveMachine, { power }: Sighting, { settings, facts, now, alarm }: AtCloud): 'not-started' | 'failed' | 'paused' | undefined {
  if (m.state === 'creating' && power === 'starting') {
    const due = later(m.createdAt, settings.startingLimit);
    if (now > due) return 'not-started';
    alarm.after(due);
    alarm.from(later(now, lookAgain));
    return undefined;
  }
  if (power !== 'paused' && power !== 'unknown') return undefined;
  const due = later(facts.stalled.get(m.id) ?? now, settings.startingLimit);
  if (now > due) return power === 'paused' ? 'paused' : 'failed';
  alarm.after(due);
  return undefined;
}

/** The cloud itself has ended it, or somebody there has. */
export const isOver = ({ power }: Sighting): boolean => power === 'off' || power === 'failed' || power === 'deleting';

export interface CloudEnd {
  readonly ran: Ran | undefined;
  readonly cause: EndCause;
}

/** The end of a machine that its cloud shows as failed or on its way out: without any sign of a run it never started. */
export function cloudEnd(m: LiveMachine, seen: Sighting, now: Instant): CloudEnd {
  const started = ('startedAt' in m && m.startedAt !== undefined) || seen.startedAt !== undefined || m.contactAt !== undefined;
  const ran = started ? ranOf(m, seen, now) : undefined;
  if (ran === undefined) return { ran, cause: 'never-started' };
  return { ran, cause: seen.power === 'failed' ? 'failed' : m.state === 'ending' ? 'killed' : 'vanished' };
}

/** What the cloud says of a failed machine stands where the machine itself has said nothing. */
export const withFailure = (outcome: Outcome, { failure }: Sighting): Outcome =>
  outcome.message === undefined && failure !== undefined ? { ...outcome, message: `Failed: ${failure}` } : outcome;

/** A removal is tried again with growing pauses (spec/cloud.md §5.3, project rule). */
export function mayRemove({ facts, now, alarm }: AtCloud, id: MachineId): boolean {
  const before = facts.removals.get(id);
  if (before === undefined) return true;
  const next = later(before.lastAt, removalPause(before.tries));
  if (now >= next) return true;
  alarm.from(next);
  return false;
}

/** Machines that several removals have not made go. */
export function stuckRemovals({ removals }: CloudFacts, machines: readonly Machine[]): readonly StuckRemoval[] {
  const stuck = [...removals].filter(([, removal]) => removal.tries >= stuckAfterTries);
  if (stuck.length === 0) return [];
  const names = new Map(machines.map((m) => [m.id, m.name]));
  return stuck.map(([id, { tries, firstAt, lastAt }]) => {
    const name = names.get(id);
    return { id, ...(name === undefined ? {} : { name }), tries, since: firstAt, nextAt: later(lastAt, removalPause(tries)) };
  });
}

/**
 * What becomes of a machine with our mark and without a record (spec/cloud.md §5.3, §5.4): those of a manager that may be alive, and all but
 * one's own without the lease, are left alone. Nobody knows whether other managers live where no directory is shared; their machines are then
 * theirs until their time is up.
 */
export function orphanFate({ id: _id, marks, ...seen }: Sighting, { settings, facts, now, alarm }: AtCloud): 'leave' | 'take' | 'remove' {
  const { lease, aliveManagers } = facts;
  const own = marks?.manager === settings.manager;
  if (!own && !lease.held) return 'leave';
  if (marks === undefined) return aliveManagers !== undefined && [...aliveManagers].some((name) => name !== settings.manager) ? 'leave' : 'remove';
  const theirTime = later(marks.shutdownTime, settings.startingLimit);
  if (!own) {
    if (aliveManagers?.has(marks.manager)) return 'leave';
    if (aliveManagers === undefined) {
      alarm.after(theirTime);
      return now > theirTime ? 'remove' : 'leave';
    }
  }
  const over = seen.power === 'off' || seen.power === 'failed' || seen.power === 'deleting' || now > marks.shutdownTime;
  return over || settings.orphans === 'delete' ? 'remove' : 'take';
}
