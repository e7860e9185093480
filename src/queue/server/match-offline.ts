import { chooseEnvironment } from '../../core/environment/choose.ts';
import { type JobDescription, problemText, toJobSpec } from '../../core/jdl/jdl.ts';
import type { Instant } from '../../core/units.ts';
import type { QueueConfiguration } from '../config/settings.ts';
import { siteFacts } from './advertiser.ts';
import { matchLines } from './match-lines.ts';
import type { MatchAnswer } from './site-schema.ts';
import type { z } from 'zod';

/** What each configured environment would say to a job if nothing ran; `wrong`: what the job asks for is not done by queues. */
export function matchOffline(about: {
  readonly configuration: QueueConfiguration;
  readonly description: JobDescription;
  readonly tenant: string;
  readonly hostName: string;
  readonly version: string;
  readonly now: Instant;
}): z.output<typeof MatchAnswer> | { readonly wrong: string } {
  const { configuration, description, tenant, now } = about;
  const { spec, problems } = toJobSpec(description, { owner: 'nobody', tenant, defaults: configuration.settings.defaults });
  if (spec === undefined) return { wrong: problems.map(problemText).join('\n') };
  const site = siteFacts(about);
  const { candidates } = chooseEnvironment({ ...spec, fqans: [tenant], ad: description.ad }, configuration.environments, { site, counts: new Map(), now });
  return matchLines(candidates);
}
