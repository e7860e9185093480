import type { Type } from '../../core/config/option.ts';
import { quoted } from '../../core/config/problem.ts';
import type { Length, RateStep } from './types.ts';

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, min: 60, h: 3600, d: 86_400 };
const oneDuration = /(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|min|h|d)/y;

/** Seconds of `90`, `90s`, `10min`, `1.5h`, `2d` or `1h 30min`; undefined: it is none. */
export function durationOf(text: string): number | undefined {
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text)) return Number(text);
  let total = 0;
  let at = 0;
  while (at < text.length) {
    oneDuration.lastIndex = at;
    const found = oneDuration.exec(text);
    if (found === null) return undefined;
    total += Number(found[1]) * (units[found[2] ?? ''] ?? 0);
    at = oneDuration.lastIndex;
    while (text[at] === ' ') at++;
  }
  return text === '' ? undefined : total;
}

const durationWords = 'a duration such as 90s, 10min, 1.5h or 2d';

export const duration = (least = 0): Type<number> => ({
  valid: least > 0 ? `${durationWords}, ${least} s or more` : durationWords,
  read: (text) => {
    const value = durationOf(text);
    if (value === undefined) return { wrong: text === '' ? 'no value is given' : `${quoted(text)} is not a duration` };
    return value < least ? { wrong: `${text} is out of range` } : { value };
  },
});

/** A duration that may be negative. */
export const signedDuration: Type<number> = {
  valid: `${durationWords}, with a minus for back`,
  read: (text) => {
    const value = durationOf(text.replace(/^[+-]\s*/, ''));
    if (value === undefined) return { wrong: `${quoted(text)} is not a duration` };
    return { value: text.startsWith('-') ? -value : value };
  },
};

const clock = /^([01]?\d|2[0-3]):([0-5]\d)$/;
const secondOfDay = (text: string): number | undefined => {
  const found = clock.exec(text);
  return found === null ? undefined : Number(found[1]) * 3600 + Number(found[2]) * 60;
};

export const timeOfDay: Type<number> = {
  valid: 'a time of day such as 06:00',
  read: (text) => {
    const value = secondOfDay(text);
    return value === undefined ? { wrong: `${quoted(text)} is not a time of day` } : { value };
  },
};

/** Seconds since the start, or a time of day at its next occurrence. */
export type Moment = { readonly since: number } | { readonly timeOfDay: number };

export const moment: Type<Moment> = {
  valid: `${durationWords} after the start, or a time of day such as 06:00`,
  read: (text) => {
    const day = secondOfDay(text);
    if (day !== undefined) return { value: { timeOfDay: day } };
    const since = durationOf(text);
    return since === undefined ? { wrong: `${quoted(text)} is not a time` } : { value: { since } };
  },
};

/** `5%` or `0.05`, as a number from 0 to 1. */
export const part: Type<number> = {
  valid: 'a part from 0 to 1, or a percentage such as 5%',
  read: (text) => {
    const found = /^(\d{1,9}(?:\.\d{1,9})?)\s*(%?)$/.exec(text);
    const value = found === null ? Number.NaN : Number(found[1]) / (found[2] === '%' ? 100 : 1);
    return value >= 0 && value <= 1 ? { value } : { wrong: `${quoted(text)} is not a part of a whole` };
  },
};

/** A number, or `endless`. */
export const waiting: Type<number | 'endless'> = {
  valid: 'a number of jobs, or endless',
  read: (text) => {
    if (text.toLowerCase() === 'endless') return { value: 'endless' };
    return /^\d{1,9}$/.test(text) ? { value: Number(text) } : { wrong: `${quoted(text)} is not a number of jobs` };
  },
};

export const rate: Type<readonly RateStep[]> = {
  valid: 'N/h, or steps over the day such as 00:00 100/h, 08:00 400/h (also /min and /d)',
  read: (text) => {
    const steps: RateStep[] = [];
    for (const { 0: found, index } of text.matchAll(/[^,\n]+/g)) {
      const one = /^\s*(?:(\d{1,2}:\d{2})\s+)?(\d{1,9}(?:\.\d{1,6})?)\s*\/\s*(s|min|h|d)\s*$/.exec(found);
      const from = one?.[1] === undefined ? 0 : secondOfDay(one[1]);
      if (one === null || from === undefined) return { wrong: `${quoted(found.trim())} is not a rate`, at: index };
      steps.push({ from, perSecond: Number(one[2]) / (units[one[3] ?? ''] ?? 1) });
    }
    return steps.length === 0 ? { wrong: 'no value is given' } : { value: steps.sort((a, b) => a.from - b.from) };
  },
};

export const jobLength: Type<Length> = {
  valid: '4h, or uniform 2h 6h, or exponential 4h, or lognormal 4h 0.5 (median and sigma)',
  read: (text) => {
    const fixed = durationOf(text);
    if (fixed !== undefined && fixed > 0) return { value: { kind: 'fixed', seconds: fixed } };
    const [kind, ...rest] = text.toLowerCase().split(/\s+/);
    const [a, b] = rest.map(durationOf);
    if (kind === 'uniform' && a !== undefined && b !== undefined && rest.length === 2 && a > 0 && b >= a) return { value: { kind, least: a, most: b } };
    if (kind === 'exponential' && a !== undefined && rest.length === 1 && a > 0) return { value: { kind, mean: a } };
    if (kind === 'lognormal' && a !== undefined && b !== undefined && rest.length === 2 && a > 0) return { value: { kind, median: a, sigma: b } };
    return { wrong: text === '' ? 'no value is given' : `${quoted(text)} is not a length of jobs` };
  },
};
