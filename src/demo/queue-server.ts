import { hostname } from 'node:os';
import { problemLine } from '../core/config/problem.ts';
import type { Seconds } from '../core/units.ts';
import { version } from '../factory/version.ts';
import { createLocalTokens, firstLocalToken } from '../queue/auth/local-tokens.ts';
import { makeTenantKey } from '../queue/auth/tenant-keys.ts';
import { QueueClient } from '../queue/client/client.ts';
import { loadQueue } from '../queue/config/load.ts';
import { queuePlaces } from '../queue/config/places.ts';
import { openJobStore } from '../queue/open.ts';
import { serveQueue } from '../queue/server/serve.ts';
import { type TenantName, tenants } from './site.ts';

/** The queue of both tenants, as `vacua queue serve` serves it, in this process. */
export interface QueueServer extends AsyncDisposable {
  readonly port: number;
  /** Of a user who belongs to both tenants. */
  readonly client: QueueClient;
  /** File with the private key of a tenant. */
  readonly keyOf: (tenant: TenantName) => string;
}

const user = 'demo';
const memoryMb = 32;

/** Serves a queue on a free port of 127.0.0.1, with everything that it keeps in `queueDir`. The lease may be shorter than a configuration allows. */
export async function queueServer(queueDir: string, { lease, jobWall: wall }: { readonly lease: Seconds; readonly jobWall: Seconds }): Promise<QueueServer> {
  const places = queuePlaces(queueDir);
  for (const { name } of tenants) makeTenantKey(places, name);
  createLocalTokens(places.tokens, user);
  const token = firstLocalToken(places.tokens);
  const { configuration, problems } = loadQueue({ paths: [], queueDir, listen: '127.0.0.1:0' });
  if (configuration === undefined || token === undefined) throw new Error(problems.map(problemLine).join('; '));
  const settings = { ...configuration.settings, lease, defaults: { wall, memoryMb } };
  const serving = { ...configuration, settings };
  const store = await openJobStore(serving, hostname(), version);
  const log = { info: () => undefined, warn: () => undefined };
  const running = await serveQueue({ configuration: serving, store, log, version, user, hostName: hostname() });
  return {
    port: Number(new URL(running.url).port),
    client: new QueueClient({ url: running.url, token, timeoutMs: 10_000 }),
    keyOf: places.privateKey,
    [Symbol.asyncDispose]: () => running.stop(),
  };
}
