import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import type { Instant, Seconds } from '../core/units.ts';
import { readResult } from './job.ts';
import type { JobQueue } from './queue.ts';

/** What a demonstration tenant publishes about its one machinetype. */
export interface TenantOptions {
  /** Prefix of its vacuum pipe; its machinetype is `NAME-prod`. */
  readonly name: string;
  readonly backoff: Seconds;
  readonly fizzle: Seconds;
  readonly heartbeat: Seconds;
  readonly maxWallclock: Seconds;
  readonly jobsPerMachine: number;
  /** Address under which machines reach this server: `http://169.254.169.253:PORT`. */
  readonly machineUrl: (port: number) => string;
}

/** Longest body that is read: a result is two numbers. */
const maxBody = 64;

/**
 * A tenant's web server: its vacuum pipe (spec/factory.md §4), its user data template, and its job queue.
 *
 * - `GET /pipe.json`, `GET /user_data`
 * - `POST /leases` → 201 `LEASE JOB KIND SEED POINTS`, or 204 when no job is waiting
 * - `PUT /leases/LEASE/result` with `HITS STATE` → 200 verified, 409 lease lost, 422 wrong
 */
export function tenantApp(options: TenantOptions, queue: JobQueue, port: () => number, now: () => Instant): Hono {
  const userData = readFileSync(new URL('agent.sh', import.meta.url), 'utf8');
  const app = new Hono();
  app.get('/pipe.json', (c) => c.json(pipe(options, port())));
  app.get('/user_data', (c) => c.text(userData));
  app.post('/leases', (c) => {
    const lease = queue.take(now());
    if (lease === undefined) return c.body(null, 204);
    return c.text(`${lease.token} ${lease.job} ${lease.kind} ${lease.spec.seed} ${lease.spec.points}\n`, 201);
  });
  app.put('/leases/:token/result', async (c) => {
    if (Number(c.req.header('content-length') ?? Number.NaN) <= maxBody) {
      const receipt = queue.finish(c.req.param('token'), readResult(await c.req.text()), now());
      return c.text(`${receipt}\n`, receipt === 'verified' ? 200 : receipt === 'lost' ? 409 : 422);
    }
    return c.text(`a result has at most ${maxBody} bytes\n`, 413);
  });
  return app;
}

/** The vacuum pipe of a tenant. Images are the site's: a pipe may not name local files. */
function pipe(options: TenantOptions, port: number): object {
  return {
    cache_seconds: 3600,
    machinetypes: [
      {
        suffix: 'prod',
        target_share: 1,
        user_data: `http://127.0.0.1:${port}/user_data`,
        user_data_option_queue: options.machineUrl(port),
        user_data_option_jobs: options.jobsPerMachine,
        backoff_seconds: options.backoff,
        fizzle_seconds: options.fizzle,
        heartbeat_file: 'heartbeat',
        heartbeat_seconds: options.heartbeat,
        min_wallclock_seconds: 60,
        max_wallclock_seconds: options.maxWallclock,
      },
    ],
  };
}

export interface TenantServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves a tenant on a free port of 127.0.0.1. */
export async function serveTenant(options: TenantOptions, queue: JobQueue, now: () => Instant): Promise<TenantServer> {
  let port = 0;
  const app = tenantApp(options, queue, () => port, now);
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  port = (server.address() as AddressInfo).port;
  return {
    port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
