import { type Ad, adFrom, type Expression, failedTerm, fqanMember, ParseError, parseExpression, printValue } from '../classad/classad.ts';
import { didYouMean } from '../config/suggest.ts';
import type { JobSpec } from '../jobs/job.ts';
import type { Instant } from '../units.ts';
import { type Environment, type EnvironmentCounts, tagsOf } from './environment.ts';
import { classadOf } from './glue1-ad.ts';
import { freeOf, type Offer, offersOf, type SiteFacts } from './site.ts';
import { isOpen } from './state.ts';

/** What of a job decides about its environment. */
export interface EnvironmentRequest extends Pick<JobSpec, 'requirements' | 'environments' | 'processors' | 'memoryMb' | 'wall'> {
  /** Groups and FQANs of its owner. */
  readonly fqans: readonly string[];
  /** Its description, to whose attributes `requirements` may refer; the `Requirements` in there are not looked at. */
  readonly ad?: Ad;
  /** Text of the expression in `CERequirements`. */
  readonly ceRequirements?: string;
}

export interface ChoiceFacts {
  readonly site: SiteFacts;
  /** By name of environment; of one that is not in it nothing runs. */
  readonly counts: ReadonlyMap<string, EnvironmentCounts>;
  readonly now: Instant;
}

export interface Choice {
  /** Absent: none can run the job. */
  readonly environment?: Environment;
  /** All environments in the order of preference. `why`: what is against it; absent: it could run the job. */
  readonly candidates: readonly Candidate[];
}

export interface Candidate {
  readonly environment: Environment;
  readonly why?: string;
  /** It could run the job, but has its greatest number of machines now. */
  readonly full: boolean;
}

/** `native` first, then the cheapest, then by name. */
export const byPreference = (a: Environment, b: Environment): number =>
  Number(b.native) - Number(a.native) || a.cost - b.cost || (a.name < b.name ? -1 : Number(a.name > b.name));

/**
 * The environment of a job (spec/environments.md §6.1): the first, in the order of preference, against which nothing speaks when its expressions are
 * evaluated on that environment alone. One that is full is passed over while another has room; when all are full the job waits for the first.
 */
export function chooseEnvironment(job: EnvironmentRequest, environments: readonly Environment[], facts: ChoiceFacts): Choice {
  const expressions = readExpressions(job);
  const candidates = offersOf(environments.toSorted(byPreference), facts.counts).map((offer): Candidate => {
    const why = 'wrong' in expressions ? expressions.wrong : whyNot(job, expressions, offer, facts);
    return { environment: offer.environment, ...(why !== undefined && { why }), full: why === undefined && freeOf(offer) === 0 };
  });
  const able = candidates.filter((candidate) => candidate.why === undefined);
  const chosen = able.find((candidate) => !candidate.full) ?? able[0];
  return { ...(chosen && { environment: chosen.environment }), candidates };
}

interface Expressions {
  /** The job's ad with these expressions in it. */
  readonly my: Ad;
  readonly all: readonly { readonly name: string; readonly expression: Expression }[];
}

function readExpressions(job: EnvironmentRequest): Expressions | { readonly wrong: string } {
  const all: { readonly name: string; readonly expression: Expression }[] = [];
  for (const [name, text] of [
    ['Requirements', job.requirements],
    ['CERequirements', job.ceRequirements],
  ] as const) {
    if (text === undefined) continue;
    const expression = parseExpression(text);
    if (expression instanceof ParseError) return { wrong: `${name} cannot be read: ${expression}` };
    all.push({ name, expression });
  }
  return { my: adFrom([...(job.ad?.values() ?? []), ...all.map(({ name, expression }) => ({ name, value: expression, at: 0 }))]), all };
}

/** The first thing that keeps a job from an environment; undefined: nothing. */
function whyNot(job: EnvironmentRequest, { my, all }: Expressions, { environment: e, counts }: Offer, { site, now }: ChoiceFacts): string | undefined {
  if (e.vos.length > 0 && !job.fqans.some((fqan) => fqanMember(fqan, e.vos))) return `only for ${e.vos.join(', ')}`;
  if (!isOpen(counts.state)) return `it is ${counts.state}`;
  const ad = classadOf(e, counts, site);
  for (const { name, expression } of all) {
    const failed = failedTerm(expression, { my, other: ad, now });
    if (failed !== undefined) return `${name}: ${failed.text} is ${printValue(failed.value)}`;
  }
  const names = [e.name, ...tagsOf(e)];
  if (job.environments.length > 0 && !job.environments.some((wanted) => names.includes(wanted))) {
    return `needs environment ${job.environments.join(' or ')}${didYouMean(job.environments[0] ?? '', names)}`;
  }
  if (job.processors > e.processors.max) return `needs ${job.processors} processors, its machines have at most ${e.processors.max}`;
  if (job.memoryMb > e.memoryMb.max) return `needs ${job.memoryMb} MiB of memory, its machines have at most ${e.memoryMb.max}`;
  if (job.wall > e.maxWall) return `needs ${job.wall} s, at most ${e.maxWall} are allowed`;
  return e.maxInstances === 0 ? 'it takes no jobs: max_instances is 0' : undefined;
}
