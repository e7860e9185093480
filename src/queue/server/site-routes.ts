import { tagsOf } from '../../core/environment/environment.ts';
import { classads } from '../../core/environment/glue1-ad.ts';
import { glue1Ldif } from '../../core/environment/glue1-ldif.ts';
import { glue2Document } from '../../core/environment/glue2-json.ts';
import { glue2Ldif } from '../../core/environment/glue2-ldif.ts';
import { Refusal } from '../refusal.ts';
import { descriptionTypes, readSubmission } from './description.ts';
import { matchLines } from './match-lines.ts';
import { metricsText } from './metrics.ts';
import { bearer, type Route, userOf } from './route.ts';
import { answer } from './schema.ts';
import { DemandAnswer, Environments, MatchAnswer } from './site-schema.ts';

/** What the queue says of itself: environments, advertisement, demand, figures (spec/environments.md §4, §6.3). */
export const siteRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/match',
    summary: 'What each environment says to a job description',
    token: 'user',
    status: 200,
    answer: MatchAnswer,
    body: descriptionTypes.slice(0, 2).map((type) => ({ type })),
    query: [{ name: 'tenant', description: 'as for POST /jobs' }],
    errors: ['bad_request', 'bad_description', 'unauthorised', 'token_expired', 'forbidden', 'too_large', 'unsupported_type'],
    async handle(c, deps) {
      const { specs, descriptions } = await readSubmission(c, deps, await userOf(c, deps));
      const [[spec, more], [description]] = [specs, descriptions];
      if (spec === undefined || description === undefined || more !== undefined) throw new Refusal('bad_request', 'one job is matched at a time');
      return answer(MatchAnswer, matchLines(await deps.advertiser.match(spec, description)));
    },
  },
  {
    method: 'get',
    path: '/environments',
    summary: 'Execution environments, with how many jobs run and wait',
    token: 'none',
    status: 200,
    answer: Environments,
    errors: [],
    async handle(_c, { advertiser }) {
      const { offers } = await advertiser.advertisement();
      return answer(Environments, {
        environments: offers.map(({ environment: e, counts }) => {
          const { name, appName, appVersion, os, platform, processors, memoryMb, diskGb, cost, maxInstances, maxWall, vos, native } = e;
          const facts = { name, appName, appVersion, os, platform, processors, memoryMb, diskGb, cost, maxInstances, maxWall, vos, native };
          return { ...facts, tags: tagsOf(e), state: counts.state, running: counts.runningJobs, waiting: counts.waitingJobs };
        }),
      });
    },
  },
  {
    method: 'get',
    path: '/glue2',
    summary: 'The advertisement as GLUE 2 in JSON',
    token: 'none',
    status: 200,
    answer: 'application/json',
    errors: [],
    async handle(_c, { advertiser }) {
      return Response.json(glue2Document(await advertiser.advertisement()));
    },
  },
  {
    method: 'get',
    path: '/glue2.ldif',
    summary: 'The advertisement as GLUE 2 in LDIF',
    token: 'none',
    status: 200,
    answer: 'text/plain',
    errors: [],
    async handle(_c, { advertiser }) {
      return new Response(glue2Ldif(await advertiser.advertisement()), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
    },
  },
  {
    method: 'get',
    path: '/glue1.ldif',
    summary: 'The advertisement as GLUE 1 in LDIF',
    token: 'none',
    status: 200,
    answer: 'text/plain',
    errors: [],
    async handle(_c, { advertiser }) {
      return new Response(glue1Ldif(await advertiser.advertisement()), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
    },
  },
  {
    method: 'get',
    path: '/classads',
    summary: 'The advertisement as GLUE 1 ClassAds, one per line',
    token: 'none',
    status: 200,
    answer: 'text/plain',
    errors: [],
    async handle(_c, { advertiser }) {
      return new Response(classads(await advertiser.advertisement()), { headers: { 'content-type': 'text/plain; charset=utf-8' } });
    },
  },
  {
    method: 'get',
    path: '/demand',
    summary: 'How many jobs of a tenant wait and run in each environment, for factories',
    token: 'demand',
    status: 200,
    answer: DemandAnswer,
    errors: ['unauthorised', 'token_expired'],
    async handle(c, { agents, advertiser }) {
      const tenant = await agents.demand(bearer(c));
      const { environments, unbound } = await advertiser.demand(tenant);
      return answer(DemandAnswer, { tenant, environments: Object.fromEntries(environments), unbound });
    },
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Figures for Prometheus; for administrators',
    token: 'user',
    status: 200,
    answer: 'text/plain',
    errors: ['unauthorised', 'token_expired', 'forbidden'],
    async handle(c, deps) {
      if (!(await userOf(c, deps)).administrator) throw new Refusal('forbidden', 'figures are for administrators of the queue');
      const jobs = new Map(await Promise.all([...deps.configuration.tenants.keys()].map(async (name) => [name, await deps.store.counts(name)] as const)));
      const text = metricsText({ jobs, waitingAgents: deps.waiters.waiting });
      return new Response(text, { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } });
    },
  },
];
