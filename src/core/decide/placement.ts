import type { Placement } from '../decision.ts';
import type { Machinetype } from '../machinetype.ts';
import { elapsed, type Instant, instant, later } from '../units.ts';
import type { Alarm } from './alarm.ts';
import type { Occupant } from './lifecycle.ts';

/** Where machines can go on this factory: processors, slots, superslots (spec/factory.md §5, §8.4). */
export class Room {
  readonly total: number;
  used: number;
  readonly #slots: number;
  readonly #taken = new Set<number>();
  /** Processors by the end of their superslot. */
  readonly #superslots = new Map<Instant, number>();

  /** `slots`: logical processors of the host. `foreign`: processors taken by machines that are not ours. */
  constructor(total: number, slots: number, foreign: number, occupants: readonly Occupant[]) {
    this.total = total;
    this.#slots = slots;
    this.used = foreign;
    for (const m of occupants) this.#add(m.slot, m.processors, m.ending ? undefined : m.shutdownTime);
  }

  get free(): number {
    return this.total - this.used;
  }

  take(p: Placement): void {
    this.#add(p.slot, p.processors, p.shutdownTime);
  }

  #add(slot: number, processors: number, end: Instant | undefined): void {
    this.#taken.add(slot);
    this.used += processors;
    if (end !== undefined) this.#superslots.set(end, (this.#superslots.get(end) ?? 0) + processors);
  }

  freeSlot(): number | undefined {
    for (let slot = 0; slot < this.#slots; slot++) if (!this.#taken.has(slot)) return slot;
    return undefined;
  }

  /** Superslots with room, earliest end first; those whose end has passed wait for their last machine. */
  gaps(size: number, now: Instant): { readonly end: Instant; readonly gap: number }[] {
    const gaps: { end: Instant; gap: number }[] = [];
    for (const [end, used] of this.#superslots) if (used % size > 0 && end >= now) gaps.push({ end, gap: size - (used % size) });
    return gaps.sort((a, b) => a.end - b.end);
  }
}

export interface Rules {
  readonly now: Instant;
  /** `processors_per_superslot`. */
  readonly superslot: number;
  /** The global shutdown time: no machine is given a later one. */
  readonly shutdownTime?: Instant | undefined;
  readonly alarm: Alarm;
}

export type Placed = { readonly placement: Placement } | { readonly placement?: undefined; readonly free: number; readonly reserved: number };

/** Whether what is left until `end` is a lifetime that the machinetype wants. */
function lasts(type: Machinetype, end: Instant, { now, alarm }: Rules): boolean {
  alarm.after(later(end, -type.minWallclock));
  alarm.from(later(end, -type.maxWallclock));
  const left = elapsed(now, end);
  return type.minWallclock <= left && left <= type.maxWallclock;
}

/**
 * The first machine of `order` that fits: existing superslots first, earliest end first, then a new one. What an existing
 * superslot lacks stays reserved for it, even if nothing fits there (spec/factory.md §8.4).
 */
export function place(order: readonly Machinetype[], room: Room, rules: Rules): Placed {
  const { now, superslot, alarm } = rules;
  const limit = (end: Instant): Instant => (rules.shutdownTime === undefined ? end : instant(Math.min(end, rules.shutdownTime)));
  const slot = room.freeSlot();
  let free = room.free;
  for (const { end, gap: lacking } of superslot > 1 ? room.gaps(superslot, now) : []) {
    alarm.after(end);
    const gap = Math.min(free, lacking);
    free -= gap;
    const type = order.find((t) => t.minProcessors <= gap && lasts(t, end, rules));
    const processors = type === undefined ? 0 : Math.min(gap, type.maxProcessors, superslot);
    if (type === undefined || slot === undefined || processors < 1) continue;
    return { placement: { machinetype: type.name, slot, processors, shutdownTime: limit(end), superslot: 'existing' } };
  }
  const type = free > 0 ? order.find((t) => t.minProcessors <= Math.min(free, superslot)) : undefined;
  const processors = type === undefined ? 0 : Math.min(free, type.maxProcessors, superslot);
  if (type === undefined || slot === undefined || processors < 1) return { free, reserved: room.free - free };
  return { placement: { machinetype: type.name, slot, processors, shutdownTime: limit(later(now, type.maxWallclock)), superslot: 'new' } };
}
