import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import type { Seconds } from '../core/units.ts';

/** What a demonstration tenant publishes about its one machinetype. */
export interface TenantOptions {
  /** Prefix of its vacuum pipe; its machinetype is `NAME-prod`. */
  readonly name: string;
  readonly backoff: Seconds;
  readonly fizzle: Seconds;
  readonly heartbeat: Seconds;
  readonly maxWallclock: Seconds;
  /** Address under which machines reach the queue: `http://169.254.169.253:PORT`. */
  readonly queueUrl: string;
}

const agent = new URL('../queue/agent/agent.sh', import.meta.url);
/** Seconds that a machine waits for another job before it ends. */
const wait = 2;
/** Seconds between two heartbeats of the agent. */
const beat = 10;

/** A tenant's web server: `GET /pipe.json`, its vacuum pipe (spec/factory.md §4), and `GET /user_data`, the agent. Its queue is another server. */
export function tenantApp(options: TenantOptions, port: () => number): Hono {
  const userData = readFileSync(agent, 'utf8');
  const app = new Hono();
  app.get('/pipe.json', (c) => c.json(pipe(options, port())));
  app.get('/user_data', (c) => c.text(userData));
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
        user_data_option_queue: options.queueUrl,
        user_data_option_queue_wait: wait,
        user_data_option_heartbeat_every: beat,
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
export async function serveTenant(options: TenantOptions): Promise<TenantServer> {
  let port = 0;
  const app = tenantApp(options, () => port);
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
