import { type Instant, seconds } from '../units.ts';
import type { Environment, EnvironmentCounts } from './environment.ts';
import { type Advertisement, offersOf, sharesOf, type SiteFacts } from './site.ts';

/** How long readers may believe what is published. */
const validity = seconds(600);

/** The one model of which all renderings are made (spec/environments.md §4.6, last paragraph). `counts` by name of environment. */
export function advertise(environments: readonly Environment[], counts: ReadonlyMap<string, EnvironmentCounts>, site: SiteFacts, now: Instant): Advertisement {
  const offers = offersOf(environments, counts);
  return { site, offers, shares: sharesOf(offers, site), createdAt: now, validity };
}
