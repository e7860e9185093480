import { glue1Ad } from '../core/environment/glue1-ad.ts';
import { offersOf, ownShare, type SiteFacts } from '../core/environment/site.ts';
import { classadMeets } from '../core/jobs/agent-ad.ts';
import type { PlainAd } from '../core/classad/classad.ts';
import type { Meets } from '../core/jobs/classes.ts';
import type { QueueConfiguration } from './config/settings.ts';
import { siteFacts } from './server/advertiser.ts';
import { openStore } from './store/open-store.ts';
import type { JobStore } from './store.ts';

/**
 * How the matcher sees machines: by the ad of their agent, and beyond it by what the environment publishes that they are, so that
 * `Requirements` means the same to a matcher as to a broker.
 */
export function meetsOf({ environments }: QueueConfiguration, site: SiteFacts): Meets {
  const published = new Map<string, PlainAd>(offersOf(environments, new Map()).map((offer) => [offer.environment.name, glue1Ad(ownShare(offer, site), site)]));
  return classadMeets((agent) => {
    const name = agent.environments.find((tag) => published.has(tag));
    return (name === undefined ? undefined : published.get(name)) ?? {};
  });
}

/** The store that the configuration names, open. Rejects with StoreError. */
export const openJobStore = (configuration: QueueConfiguration, hostName: string, version: string): Promise<JobStore> =>
  openStore(configuration.settings.store, {
    meets: meetsOf(configuration, siteFacts({ configuration, hostName, version })),
    keep: configuration.settings.keep,
  });
