import type { Placement, Rule, Veto } from '../decision.ts';
import { blackHole } from '../space-rules/black-hole.ts';
import { type Circumstances, ineligible } from './eligibility.ts';
import type { Occupant } from './lifecycle.ts';
import { hs06PerProcessorOf } from '../new-machine.ts';
import { place, type Room } from './placement.ts';
import type { CloudRoom } from './cloud-room.ts';
import { countOwn, type Ranked, ranked, scores, type Tally } from './shares.ts';
import { cloudVeto, holeVeto, startLimit, veto, vetoEnds } from './vetoes.ts';

export interface Field extends Circumstances {
  readonly rule: Rule;
  readonly occupants: readonly Occupant[];
  /** Changed by each start, which counts at once. */
  readonly all: ReadonlyMap<string, Tally>;
  readonly room: Room | CloudRoom;
  /** One random number per machinetype, for ties. */
  readonly draw: ReadonlyMap<string, number>;
}

export interface Starts {
  readonly placements: readonly Placement[];
  /** Why nothing more was started; undefined: the rule allows one start per turn, and that was it. */
  readonly stop?: Veto;
  /** Processors when nothing suited: free for new superslots, and reserved for existing ones. */
  readonly lack: { readonly free: number; readonly reserved: number };
}

/** Eligible machinetypes, most starved first, as things stand after the starts so far. */
export function eligibleOrder(field: Field): Ranked[] {
  const { all, draw } = field;
  const eligible: Tally[] = [];
  for (const tally of all.values()) if (ineligible(tally, field) === undefined) eligible.push(tally);
  return ranked(eligible, scores(all, groupShareOf(field)), draw);
}

export const groupShareOf = ({ rule, configuration }: Pick<Field, 'rule' | 'configuration'>): 'sum' | 'vac31' =>
  rule === 'vac31' ? 'vac31' : configuration.settings.groupShare;

/** Chooses machines until a veto stands, nothing fits, or the rule's limit is reached. */
export function chooseStarts(field: Field, first: readonly Ranked[]): Starts {
  const { observed, occupants, room, rule, all, cloud } = field;
  const { settings } = field.configuration;
  const rules = { now: observed.now, superslot: settings.processorsPerSuperslot, shutdownTime: settings.shutdownTime, alarm: field.alarm };
  const placements: Placement[] = [];
  let lack = { free: room.free, reserved: 0 };
  const hole = rule === 'vacua' && cloud === undefined ? blackHole(observed, (at) => field.alarm.from(at)) : undefined;
  let stop = cloud === undefined ? veto(observed, settings, occupants, room.used, room.total, hole) : cloudVeto(observed, settings, cloud);
  let order = first;
  while (stop === undefined) {
    const types = order.map((r) => r.tally.type);
    const placed = 'place' in room ? room.place(types) : place(types, room, rules);
    if (room.free <= 0) stop = { why: 'no_free_processors', used: room.used, total: room.total };
    else if (order.length === 0) stop = { why: 'none_eligible' };
    else if (placed.placement === undefined) {
      lack = { free: placed.free, reserved: placed.reserved };
      stop = { why: 'none_suitable' };
    } else if (rule === 'vac31') {
      return { placements: [placed.placement], lack };
    } else {
      stop = startLimit(observed, settings, occupants, placements.length);
      if (stop !== undefined) break;
      placements.push(placed.placement);
      room.take(placed.placement);
      const tally = all.get(placed.placement.machinetype);
      if (tally !== undefined) countOwn(tally, (hs06PerProcessorOf(tally.type, settings) ?? 1) * placed.placement.processors, undefined, observed.now);
      order = eligibleOrder(field);
      // An open black hole is tried with one machine.
      if (hole !== undefined) stop = holeVeto({ ...hole, state: { kind: 'trying' } });
      else stop = cloud?.veto();
    }
  }
  const ends = vetoEnds(stop);
  if (ends !== undefined) field.alarm.from(ends);
  return { placements, stop, lack };
}
