import { elapsed, type Instant } from './units.ts';

/** A duration for people: `412 s`, `35 min`, `5.2 h`, `3.0 d`. Below 1,000 s exact to the second, for it is compared with options in seconds. */
export function durationText(duration: number): string {
  const size = Math.abs(duration);
  if (size < 1000) return `${Math.round(duration)} s`;
  if (size < 7200) return `${Math.round(duration / 60)} min`;
  if (size < 172_800) return `${(duration / 3600).toFixed(1)} h`;
  return `${(duration / 86_400).toFixed(1)} d`;
}

/** `until 14:03:20 UTC (in 412 s)`, with the date when it is not today; without `clock` `for another 412 s`. */
export function untilText(now: Instant, at: Instant, clock: boolean): string {
  const left = durationText(elapsed(now, at));
  if (!clock || Number.isNaN(new Date(at).getTime())) return `for another ${left}`;
  const text = new Date(at).toISOString();
  const day = text.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? '' : `${text.slice(0, 10)} `;
  return `until ${day}${text.slice(11, 19)} UTC (in ${left})`;
}

/** `188 s ago`, or `30 s in the future`. */
export function agoText(now: Instant, at: Instant): string {
  return at > now ? `${durationText(elapsed(now, at))} in the future` : `${durationText(elapsed(at, now))} ago`;
}
