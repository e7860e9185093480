import type { Context } from 'hono';
import type { AgentFacts, Job } from '../../core/jobs/job.ts';
import { isCancelled } from '../../core/jobs/states.ts';
import { elapsed, seconds } from '../../core/units.ts';
import type { AgentIdentity } from '../auth/agents.ts';
import { Refusal, type RefusalCode } from '../refusal.ts';
import type { LeaseAnswer, LeaseToken } from '../store.ts';
import { jobText, numberField, outputLimit, outputNames, printable, readFields, readResult, reasonText } from './agent-text.ts';
import { bodyOf, bytesOf, textOf } from './body.ts';
import { fileResponse } from './file-response.ts';
import { bearer, type Deps, numberQuery, type Route } from './route.ts';

/** Longest body of `name=value` lines. */
const mostFields = 4096;
const longestWait = 30;
const mostLogPiece = 1024 ** 2;
/** Stands for what an agent does not know of its machine. */
const unlimited = 1e12;

const text = (body: string, status = 200): Response => new Response(body, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });
const fieldsOf = async (c: Context): Promise<ReadonlyMap<string, string>> => readFields(await textOf(c, mostFields));
const sessionOf = (c: Context, { agents }: Deps): AgentIdentity => agents.session(bearer(c));

async function factsOf(c: Context, deps: Deps, agent: AgentIdentity): Promise<AgentFacts> {
  const fields = await fieldsOf(c);
  const { machine, tenant, site, machinetype, environments, until } = agent;
  const shared = deps.configuration.tenants.get(tenant)?.shareMachines === true;
  const boundTo = shared ? undefined : await deps.store.ownerOf(tenant, machine);
  const diskMb = fields.has('disk_mb') ? numberField(fields, 'disk_mb', 0, unlimited) : undefined;
  // Ten minutes after the machine's own end (agent-protocol.md), and so never an honest limit.
  const tokenLeft = elapsed(deps.clock.now(), until);
  return {
    machine,
    tenant,
    site,
    machinetype,
    environments,
    processors: numberField(fields, 'processors', 1, 1_000_000),
    memoryMb: numberField(fields, 'memory_mb', 0, unlimited),
    ...(diskMb !== undefined && { diskMb }),
    timeLeft: seconds(Math.min(numberField(fields, 'time_left', -unlimited, unlimited, tokenLeft), tokenLeft)),
    ...(boundTo !== undefined && { boundTo }),
  };
}

const leaseOf = (c: Context): LeaseToken => (c.req.param('lease') ?? '') as LeaseToken;

function held(answer: LeaseAnswer): Job {
  if (answer.held) return answer.job;
  throw answer.why === 'cancelled' ? new Refusal('cancelled', 'the job has been cancelled') : new Refusal('lost', 'the lease is lost; another run counts');
}

/** The job of a lease that this agent holds now. What another machine's lease holds is as lost to it as one that never was. */
async function leased(c: Context, deps: Deps): Promise<Job> {
  const agent = sessionOf(c, deps);
  const job = await deps.store.leased(leaseOf(c), deps.clock.now());
  if (job === undefined) {
    held(await deps.store.renew(leaseOf(c), { now: deps.clock.now(), lease: deps.configuration.settings.lease }));
    throw new Refusal('lost', 'the lease is lost; another run counts');
  }
  if (isCancelled(job)) throw new Refusal('cancelled', 'the job has been cancelled');
  if (job.run?.machine !== agent.machine || job.spec.tenant !== agent.tenant) throw new Refusal('lost', 'the lease is not of this machine');
  return job;
}

/** Asks the store about a lease, after making sure that it is this agent's. */
async function onLease(c: Context, deps: Deps, ask: (lease: LeaseToken) => Promise<LeaseAnswer>): Promise<Job> {
  const agent = sessionOf(c, deps);
  const job = await deps.store.leased(leaseOf(c), deps.clock.now());
  if (job !== undefined && (job.run?.machine !== agent.machine || job.spec.tenant !== agent.tenant))
    throw new Refusal('lost', 'the lease is not of this machine');
  return held(await ask(leaseOf(c)));
}

const leaseErrors: readonly RefusalCode[] = ['unauthorised', 'token_expired', 'banned', 'lost', 'cancelled'];

/** What agents ask (src/queue/agent-protocol.md). */
export const agentRoutes: readonly Route[] = [
  {
    method: 'post',
    path: '/agent/v1/sessions',
    summary: 'Exchange the token of a machine for a session',
    token: 'machine',
    status: 201,
    answer: 'text/plain',
    body: [{ type: 'text/plain' }],
    errors: ['bad_request', 'unauthorised', 'token_expired', 'banned', 'token_used'],
    async handle(c, { agents }) {
      const fields = await fieldsOf(c);
      return text(`session=${await agents.open(bearer(c), fields.get('nonce'))}\n`, 201);
    },
  },
  {
    method: 'post',
    path: '/agent/v1/jobs',
    summary: 'A job for this machine under a lease; 204 with the reason in the header vacua-reason when there is none',
    token: 'session',
    status: 200,
    answer: 'text/plain',
    body: [{ type: 'text/plain' }],
    query: [{ name: 'wait', description: `seconds that the answer may take when there is no job, at most ${longestWait}` }],
    errors: ['bad_request', 'unauthorised', 'token_expired', 'banned'],
    async handle(c, deps) {
      const { settings } = deps.configuration;
      const agent = sessionOf(c, deps);
      const wait = seconds(Math.min(longestWait, numberQuery(c, 'wait', 0, 86_400, 0)));
      deps.advertiser.seen(agent.environments);
      const answer = await deps.waiters.take(await factsOf(c, deps, agent), wait, c.req.raw.signal);
      if (answer.job === undefined) return new Response(null, { status: 204, headers: { 'vacua-reason': reasonText(answer) } });
      return text(jobText(answer.job, answer.lease, settings));
    },
  },
  {
    method: 'post',
    path: '/agent/v1/leases/{lease}/begin',
    summary: 'The agent begins to run the job',
    token: 'session',
    status: 200,
    answer: 'text/plain',
    errors: leaseErrors,
    async handle(c, deps) {
      const job = await onLease(c, deps, (lease) => deps.store.begin(lease, deps.clock.now()));
      // Of an earlier run that was lost, perhaps after it had stored some.
      if ((job.run?.number ?? 1) > 1) await deps.sandbox.clearOutputs(job);
      return text('');
    },
  },
  {
    method: 'post',
    path: '/agent/v1/leases/{lease}/renew',
    summary: 'The job goes on',
    token: 'session',
    status: 200,
    answer: 'text/plain',
    errors: leaseErrors,
    async handle(c, deps) {
      const { lease: time } = deps.configuration.settings;
      await onLease(c, deps, (lease) => deps.store.renew(lease, { now: deps.clock.now(), lease: time }));
      return text(`lease=${time}\n`);
    },
  },
  {
    method: 'get',
    path: '/agent/v1/leases/{lease}/inputs/{name}',
    summary: 'An input file of the job',
    token: 'session',
    status: 200,
    answer: 'application/octet-stream',
    errors: [...leaseErrors, 'bad_name', 'not_found'],
    async handle(c, deps) {
      const job = await leased(c, deps);
      const name = c.req.param('name') ?? '';
      const file = job.spec.inputs.includes(name) ? await deps.sandbox.open(job, 'input', name) : undefined;
      if (file === undefined) throw new Refusal('not_found', 'the job has no such input');
      return fileResponse(c, file, name);
    },
  },
  {
    method: 'post',
    path: '/agent/v1/leases/{lease}/log',
    summary: 'Add to the log of the run',
    token: 'session',
    status: 200,
    answer: 'text/plain',
    body: [{ type: 'application/octet-stream' }],
    query: [{ name: 'offset', description: 'where the bytes begin in the log' }],
    errors: [...leaseErrors, 'bad_request', 'too_large', 'over_quota', 'disk_full'],
    async handle(c, deps) {
      const job = await leased(c, deps);
      const offset = numberQuery(c, 'offset', 0, 1e12, 0);
      const bytes = await bytesOf(c, mostLogPiece);
      const next = await deps.sandbox.appendLog(job, job.run?.number ?? 1, offset, bytes, deps.configuration.settings.logBytes);
      return text(`offset=${next}\n`);
    },
  },
  {
    method: 'put',
    path: '/agent/v1/leases/{lease}/outputs/{name}',
    summary: 'Store an output file of the job',
    token: 'session',
    status: 201,
    answer: 'text/plain',
    body: [{ type: 'application/octet-stream' }],
    errors: [...leaseErrors, 'not_found', 'too_large', 'over_quota', 'disk_full'],
    async handle(c, deps) {
      const job = await leased(c, deps);
      const name = c.req.param('name') ?? '';
      if (!outputNames(job.spec).includes(name)) throw new Refusal('not_found', 'the job has no such output');
      const { settings } = deps.configuration;
      // The lease may have been lost while the file was sent: then the files of another run count.
      await deps.sandbox.put(job, 'output', name, bodyOf(c), outputLimit(job, settings), async () => void (await leased(c, deps)));
      return text('', 201);
    },
  },
  {
    method: 'post',
    path: '/agent/v1/leases/{lease}/finish',
    summary: 'The run is over',
    token: 'session',
    status: 200,
    answer: 'text/plain',
    body: [{ type: 'text/plain' }],
    errors: [...leaseErrors, 'bad_request'],
    async handle(c, deps) {
      const result = readResult(await fieldsOf(c));
      const job = await onLease(c, deps, (lease) => deps.store.finish(lease, result, deps.clock.now()));
      if (job.state === 'PROCESSING-QUEUED') deps.waiters.wake(job.spec.tenant);
      return text('');
    },
  },
  {
    method: 'post',
    path: '/agent/v1/leases/{lease}/return',
    summary: 'The machine has to end; the job goes back to the queue',
    token: 'session',
    status: 200,
    answer: 'text/plain',
    body: [{ type: 'text/plain' }],
    errors: [...leaseErrors, 'bad_request'],
    async handle(c, deps) {
      const why = printable((await fieldsOf(c)).get('why') ?? 'no reason given');
      const { spec } = await onLease(c, deps, (lease) => deps.store.giveBack(lease, why, deps.clock.now()));
      deps.waiters.wake(spec.tenant);
      return text('');
    },
  },
];
