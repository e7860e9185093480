import type { Action, Decision, MachinetypeReason, Rule } from '../decision.ts';
import type { Observed } from '../observed.ts';
import type { Configuration } from '../settings.ts';
import { later } from '../units.ts';
import { Alarm } from './alarm.ts';
import { stuckRemovals } from './cloud-lifecycle.ts';
import { CloudRoom } from './cloud-room.ts';
import { ineligible } from './eligibility.ts';
import { lifecycle } from './lifecycle.ts';
import { Room } from './placement.ts';
import { equalsTogether, openingReason, settledVerdict } from './reasons.ts';
import { creditShares, scores, tallies } from './shares.ts';
import { SpaceFacts } from './space-facts.ts';
import { chooseStarts, eligibleOrder, type Field, groupShareOf } from './starts.ts';

/**
 * What this factory does now, and why: ends first, then starts (spec/factory.md §6–10, spec/decisions.md). Pure: the daemon, `plan`,
 * `why`, `decide`, the simulator and the tests call this one function. `random` is drawn once per machinetype, for ties.
 *
 * Rule `vacua` starts several machines per turn, each of which counts at once, within start rate and boot concurrency; a machine
 * that is ending keeps its place until it is finished. Rule `vac31` starts one, and an end is over at once, as in Vac 3.1.
 *
 * Actions on one machine stand in the order in which they take effect: `shorten`, `end`, `destroy`; or `finish`, `destroy`.
 */
export function decide(observed: Observed, configuration: Configuration, random: () => number, rule: Rule = 'vacua'): Decision {
  const { settings } = configuration;
  const { now, host, listing } = observed;
  const alarm = new Alarm(now, later(now, settings.cycle));
  if (settings.shutdownTime !== undefined) alarm.after(settings.shutdownTime);
  const standing = lifecycle(observed, configuration, rule, alarm);
  const { actions, occupants } = standing;
  const all = tallies(observed, configuration, standing);
  const facts = rule === 'vacua' ? new SpaceFacts(observed, settings, standing, all) : undefined;
  if (rule === 'vacua' && settings.shareMemory !== undefined) creditShares(all, observed, settings.shareMemory);

  const cloud = settings.cloud === undefined ? undefined : new CloudRoom(observed, configuration, settings.cloud, standing, alarm);
  const own = settings.totalProcessors ?? host.processors;
  const room = cloud ?? new Room(own, Math.max(host.processors, own), listing.state === 'unknown' ? 0 : listing.foreignProcessors, occupants);
  const [usedProcessors, total] = [room.used, room.total];
  const stuck = observed.cloud === undefined ? [] : stuckRemovals(observed.cloud, observed.machines);
  const draw = new Map([...all.keys()].map((name) => [name, random()]));
  const field: Field = {
    observed,
    configuration,
    rule,
    alarm,
    occupants,
    all,
    room,
    draw,
    ...(facts === undefined ? {} : { facts }),
    ...(cloud === undefined ? {} : { cloud }),
  };

  const opening = scores(all, groupShareOf(field));
  const judged = [...all.values()].map((tally) => ({
    reason: openingReason(tally, opening.get(tally.type.name)),
    minProcessors: cloud?.flavor(tally.type)?.processors ?? tally.type.minProcessors,
    verdict: ineligible(tally, field),
  }));
  const order = eligibleOrder(field);
  const starts = chooseStarts(field, order);

  const machinetypes = judged.map(
    ({ reason, minProcessors, verdict }): MachinetypeReason => ({ ...reason, verdict: verdict ?? settledVerdict(reason.machinetype, minProcessors, starts) }),
  );
  return {
    at: now,
    actions: [...actions, ...starts.placements.map((placement): Action => ({ kind: 'create', ...placement }))],
    reasons: {
      ...(starts.stop === undefined ? {} : { veto: starts.stop }),
      usedProcessors,
      totalProcessors: total,
      machinetypes,
      ...(stuck.length === 0 ? {} : { stuck }),
      order: equalsTogether(order),
    },
    wakeAt: alarm.at,
  };
}
