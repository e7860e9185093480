import type { Instant } from '../units.ts';
import { failedTerm } from './conjuncts.ts';
import { evaluate } from './evaluate.ts';
import { type Ad, adFrom, type Expression } from './expression.ts';
import { fqanMember } from './fqan.ts';
import { numberOf } from './operators.ts';
import { parseExpression } from './parser.ts';
import { conjunction } from './conjuncts.ts';
import { isTrue, ListValue, type Value } from './value.ts';

/** One ad that a job may be matched with. */
export interface Candidate {
  readonly name: string;
  readonly ad: Ad;
  /** From then on it says nothing about the present. Absent: never. */
  readonly expiresAt?: Instant;
}

export interface MatchOptions {
  readonly now: Instant;
  /** 0 to 1, 1 excluded. Draws among the equal best, and for `FuzzyRank`. */
  readonly random: () => number;
  /** Who asks. Absent: the job's `VirtualOrganisation`; with neither, only ads open to everyone are admitted. */
  readonly fqans?: readonly string[];
  /** Names that earlier tries of this job used; passed over unless nothing else is left. */
  readonly tried?: ReadonlySet<string>;
  /** How sharply a fuzzy draw prefers the better rank; 0: not at all. Default 1. */
  readonly fuzzyFactor?: number;
}

export type Rejection =
  | { readonly why: 'expired'; readonly at: Instant }
  | { readonly why: 'access'; readonly rules: readonly string[]; readonly asked: readonly string[] }
  /** `side`: whose `Requirements` the term is part of. */
  | { readonly why: 'requirements'; readonly side: 'job' | 'candidate'; readonly term: string; readonly value: Value }
  | { readonly why: 'tried' };

export interface Match {
  readonly name: string;
  /** `-Infinity` when the job's Rank gives no number. */
  readonly rank: number;
}
export interface MatchResult {
  /** The one to take first; the others in the order in which to try them. */
  readonly matches: readonly Match[];
  /** In the order of the ads. */
  readonly rejected: readonly { readonly name: string; readonly rejection: Rejection }[];
}

/** Two ads match when the `Requirements` of both are true with `other` bound to each other; an ad without them wants nothing (spec/environments.md §3.7). */
export const matches = (left: Ad, right: Ad, now: Instant): boolean => satisfied(left, right, now) && satisfied(right, left, now);

function satisfied(my: Ad, other: Ad, now: Instant): boolean {
  const requirements = my.get('requirements');
  return requirements === undefined || isTrue(evaluate(requirements.value, { my, other, now }));
}

/** Larger is better; `-Infinity` where `Rank` is missing or no number. */
export function rank(my: Ad, other: Ad, now: Instant): number {
  const attribute = my.get('rank');
  const value = attribute === undefined ? undefined : numberOf(evaluate(attribute.value, { my, other, now }));
  return value === undefined || Number.isNaN(value) ? Number.NEGATIVE_INFINITY : Number(value);
}

const production = parseExpression('other.GlueCEStateStatus == "Production"') as Expression;
const soonest = parseExpression('-other.GlueCEStateEstimatedResponseTime') as Expression;

/** What a broker adds to a job: only sites in production, and the one that answers soonest where the job has no `Rank` (spec/environments.md §2.2). */
export function withBrokerDefaults(job: Ad): Ad {
  const own = job.get('requirements');
  const requirements = conjunction(own === undefined ? [production] : [own.value, production]);
  const attributes = [...job.values()].filter((a) => a !== own);
  if (!job.has('rank')) attributes.push({ name: 'Rank', at: 0, value: soonest });
  return adFrom([...attributes, { name: 'Requirements', at: own?.at ?? 0, value: requirements }]);
}

/**
 * The broker's choice (spec/environments.md §5): what is expired, not admitted or not matching is rejected with the first reason; the rest is
 * ordered by the job's `Rank`, equals at random, or drawn one after the other when `FuzzyRank` is true. Broker defaults are not added here.
 */
export function match(job: Ad, ads: readonly Candidate[], options: MatchOptions): MatchResult {
  const { now, tried } = options;
  const asked = options.fqans ?? organisationOf(job, now);
  const rejected: { name: string; rejection: Rejection }[] = [];
  const fresh: Match[] = [];
  const used: Match[] = [];
  for (const candidate of ads) {
    const rejection = reject(job, candidate, asked, now);
    const { name, ad } = candidate;
    if (rejection === undefined) (tried?.has(name) ? used : fresh).push({ name, rank: rank(job, ad, now) });
    else rejected.push({ name, rejection });
  }
  const left = fresh.length > 0 ? fresh : used;
  if (fresh.length > 0) rejected.push(...used.map(({ name }) => ({ name, rejection: { why: 'tried' } as const })));
  const fuzzy = job.get('fuzzyrank');
  const drawn = fuzzy !== undefined && isTrue(evaluate(fuzzy.value, { my: job, now }));
  return { matches: drawn ? roulette(left, options.fuzzyFactor ?? 1, options.random) : best(left, options.random), rejected };
}

function organisationOf(job: Ad, now: Instant): readonly string[] {
  const attribute = job.get('virtualorganisation');
  const value = attribute === undefined ? undefined : evaluate(attribute.value, { my: job, now });
  return typeof value === 'string' ? [value] : [];
}

function reject(job: Ad, { ad, expiresAt }: Candidate, asked: readonly string[], now: Instant): Rejection | undefined {
  if (expiresAt !== undefined && expiresAt <= now) return { why: 'expired', at: expiresAt };
  const rules = accessRules(ad, now);
  if (rules.length > 0 && !asked.some((fqan) => fqanMember(fqan, rules))) return { why: 'access', rules, asked };
  return unmet('job', job, ad, now) ?? unmet('candidate', ad, job, now);
}

function unmet(side: 'job' | 'candidate', my: Ad, other: Ad, now: Instant): Rejection | undefined {
  const requirements = my.get('requirements');
  const failed = requirements === undefined ? undefined : failedTerm(requirements.value, { my, other, now });
  return failed === undefined ? undefined : { why: 'requirements', side, term: failed.text, value: failed.value };
}

/** `GlueCEAccessControlBaseRule`; missing or empty: open to everyone. */
function accessRules(ad: Ad, now: Instant): readonly string[] {
  const attribute = ad.get('glueceaccesscontrolbaserule');
  const value = attribute === undefined ? undefined : evaluate(attribute.value, { my: ad, now });
  if (typeof value === 'string') return [value];
  return value instanceof ListValue ? value.items.filter((item) => typeof item === 'string') : [];
}

function best(list: readonly Match[], random: () => number): readonly Match[] {
  const drawn = list.map((m) => ({ m, key: random() }));
  return drawn.sort((a, b) => (a.m.rank === b.m.rank ? a.key - b.key : b.m.rank - a.m.rank)).map(({ m }) => m);
}

/** Weight of each rank in a fuzzy draw: atan((rank − mean) × factor) + π/2, mean over the finite ones. A rank of -Infinity weighs nothing. */
export function fuzzyWeights(ranks: readonly number[], factor: number): readonly number[] {
  const finite = ranks.filter(Number.isFinite);
  const mean = finite.reduce((sum, r) => sum + r / finite.length, 0);
  return ranks.map((r) => (r === Number.NEGATIVE_INFINITY ? 0 : Math.atan((r - mean) * factor) + Math.PI / 2));
}

/** Draws by weight until none is left; what weighs nothing comes last, at random. */
function roulette(list: readonly Match[], factor: number, random: () => number): readonly Match[] {
  const weights = fuzzyWeights(
    list.map((m) => m.rank),
    factor,
  );
  // Sorting by -ln(u) / weight gives the same distribution as drawing one after the other.
  const drawn = list.map((m, i) => {
    const u = random();
    const weight = weights[i] ?? 0;
    return { m, u, key: weight > 0 ? -Math.log(1 - u) / weight : Number.POSITIVE_INFINITY };
  });
  return drawn.sort((a, b) => (a.key === b.key ? a.u - b.u : a.key - b.key)).map(({ m }) => m);
}
