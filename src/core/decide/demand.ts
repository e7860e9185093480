import type { Verdict } from '../decision.ts';
import type { DemandPolicy, Machinetype } from '../machinetype.ts';
import type { Demand } from '../observed.ts';
import { later, seconds, type Instant } from '../units.ts';
import type { Alarm } from './alarm.ts';

/** What a queue said longer ago than this says nothing about now. */
export const demandHolds = seconds(120);

/** Machines that the space should have of a machinetype: one per job that waits or runs, within its limit. */
export const wantedMachines = ({ waiting, running }: { readonly waiting: number; readonly running: number }, { maxMachines }: DemandPolicy): number =>
  Math.min(waiting + running, maxMachines ?? Number.POSITIVE_INFINITY);

/**
 * Why policy `demand` starts no machine of this type; undefined: it does, or has no say. Only starts are bounded: a machine that runs
 * is never ended for want of jobs, it ends itself. `machines`: those that start or run in the whole space.
 */
export function withoutDemand(type: Machinetype, demand: Demand | undefined, machines: number, now: Instant, alarm: Alarm): Verdict | undefined {
  const { demand: policy } = type;
  if (policy === undefined) return undefined;
  if (demand === undefined) return { why: 'demand_unknown', text: 'its queue has not been asked yet' };
  if ('unknownSince' in demand) return { why: 'demand_unknown', since: demand.unknownSince, text: demand.why };
  const until = later(demand.at, demandHolds);
  if (now > until) return { why: 'demand_unknown', since: demand.at, text: 'its queue has said nothing since' };
  alarm.after(until);
  const wanted = wantedMachines(demand, policy);
  if (machines < wanted) return undefined;
  const { maxMachines } = policy;
  return { why: 'no_demand', waiting: demand.waiting, running: demand.running, machines, ...(maxMachines === undefined ? {} : { maxMachines }) };
}
