import { elapsed, type Instant } from '../core/units.ts';

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const;

/** A duration in its two largest units: `2d 4h`, `3h 07m`, `12m 05s`, `8s`. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'for ever';
  const whole = Math.max(0, Math.floor(seconds));
  const next = { d: ['h', 3600], h: ['m', 60], m: ['s', 1] } as const;
  for (const [unit, size] of units) {
    if (whole < size) continue;
    const [lower, part] = next[unit];
    return `${Math.floor(whole / size)}${unit} ${String(Math.floor((whole % size) / part)).padStart(2, '0')}${lower}`;
  }
  return `${whole}s`;
}

/** `3h 07m ago`, `in 12m 05s`, `now`. */
export function relative(at: Instant, now: Instant): string {
  const ago = elapsed(at, now);
  if (Math.abs(ago) < 1) return 'now';
  return ago > 0 ? `${durationText(ago)} ago` : `in ${durationText(-ago)}`;
}

/** Local time, year first: `2026-11-20 11:14:07`. */
export function absolute(at: Instant): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return 'at no known time';
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `2026-11-20 11:14:07 (3h 07m ago)`. */
export const bothTimes = (at: Instant, now: Instant): string => `${absolute(at)} (${relative(at, now)})`;
