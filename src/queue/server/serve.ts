import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { seconds } from '../../core/units.ts';
import { AgentTrust } from '../auth/agents.ts';
import { createLocalTokens, LocalTokens } from '../auth/local-tokens.ts';
import { createFile, readPrivate, replaceFile, SecretFileFault } from '../auth/private-file.ts';
import { TenantKeys } from '../auth/tenant-keys.ts';
import { UserTrust } from '../auth/users.ts';
import { queuePlaces } from '../config/places.ts';
import type { QueueConfiguration } from '../config/settings.ts';
import { Sandbox } from '../sandbox/sandbox.ts';
import { sweep } from '../sandbox/sweep.ts';
import type { JobStore } from '../store.ts';
import { Advertiser } from './advertiser.ts';
import { queueApp } from './app.ts';
import { type QueueClock, systemClock } from './clock.ts';
import { listen } from './listen.ts';
import type { Deps, QueueLog } from './route.ts';
import { Waiters } from './waiters.ts';

export interface ServeOptions {
  readonly configuration: QueueConfiguration;
  /** Open; it is closed at the end, also when nothing could be started. */
  readonly store: JobStore;
  readonly log: QueueLog;
  readonly version: string;
  /** Owner of the local token that is made at the first start. */
  readonly user: string;
  readonly hostName: string;
  readonly clock?: QueueClock;
}

export interface RunningQueue {
  readonly url: string;
  readonly deps: Deps;
  /** Agents that wait are told to come again, requests end, the store is closed. */
  stop(): Promise<void>;
}

/** How often leases are looked at that may have run out. */
const expiryEvery = seconds(1);
const sweepEvery = seconds(3600);
const firstSweep = seconds(60);
/** ms that requests may take to end when the server stops. */
const patience = 5000;

/**
 * A whole queue server in this process. Nothing that it knows lives in memory alone, so that it may be killed at any time.
 * Rejects with StoreError, SecretFileFault or the error of the network; nothing is left running then.
 */
export async function serveQueue(options: ServeOptions): Promise<RunningQueue> {
  const { configuration, store, log, clock = systemClock } = options;
  const { settings, tenants } = configuration;
  const places = queuePlaces(settings.queueDir);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => store.close());
  mkdirSync(settings.queueDir, { recursive: true, mode: 0o700 });
  if (settings.localTokens) createLocalTokens(places.tokens, options.user);
  // Paths of SQLite are made with the mask of the process; jobs are nobody else's business.
  chmodSync(settings.queueDir, 0o700);

  const waiters = new Waiters(store, clock, settings.lease);
  stack.defer(() => waiters.close());
  const sandbox = new Sandbox(places.sandbox, settings.limits);
  const deps: Deps = {
    configuration,
    store,
    sandbox,
    users: new UserTrust({
      ...(settings.oidc && { oidc: settings.oidc }),
      ...(settings.localTokens && { local: new LocalTokens(places.tokens) }),
      localAdministrator: options.user,
      administrators: settings.administrators,
      tenants,
      now: () => clock.now(),
    }),
    agents: new AgentTrust({
      keys: new TenantKeys(tenants),
      store,
      sessionKey: sessionKey(places.sessionKey),
      bannedMachines: settings.bannedMachines,
      bannedSites: settings.bannedSites,
      now: () => clock.now(),
      tolerance: settings.oidc?.clockTolerance ?? 60,
    }),
    waiters,
    advertiser: new Advertiser({ configuration, store, clock, hostName: options.hostName, version: options.version }),
    clock,
    log,
    version: options.version,
  };
  const repeat = repeater(clock, log);
  stack.defer(() => repeat.stop());
  repeat.every(expiryEvery, expiryEvery, 'leases not looked at', async () => {
    if ((await store.expire(clock.now())) > 0) waiters.wake();
  });
  repeat.every(firstSweep, sweepEvery, 'sandbox not swept', async () => {
    const swept = await sweep({ sandbox, job: (id) => store.job(id), now: clock.now(), keep: settings.keep });
    if (swept.jobs + swept.contents > 0) log.info(swept, 'sandbox swept');
  });

  const server = await listen(queueApp(deps), settings);
  stack.defer(() => server.close(patience));
  // Asked to go before their connections are closed.
  stack.defer(() => waiters.close());
  replaceFile(places.address, `${server.url}\n`);
  stack.defer(() => forgetAddress(places.address, server.url));
  log.info({ url: server.url, tenants: [...tenants.keys()], environments: configuration.environments.length }, 'queue serves');
  const parts = stack.move();
  return {
    url: server.url,
    deps,
    async stop() {
      await parts.disposeAsync();
      log.info({}, 'queue stopped');
    },
  };
}

/** Another server on this directory may have put its own there meanwhile. */
function forgetAddress(path: string, url: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8').trim() === url) rmSync(path, { force: true });
}

/** Made once and kept: sessions of agents survive a restart, and all servers of a queue have the same. */
function sessionKey(path: string): Buffer {
  createFile(path, `${randomBytes(32).toString('hex')}\n`);
  const text = readPrivate(path)?.trim() ?? '';
  if (!/^[0-9a-f]{64}$/.test(text)) throw new SecretFileFault(`${path} holds no session key; remove it, and a new one is made; agents then need new sessions`);
  return Buffer.from(text, 'hex');
}

/** Work that is done again and again, never twice at a time. Its failures are told once until it succeeds. */
function repeater(clock: QueueClock, log: QueueLog) {
  const stops = new Set<() => void>();
  const going = new Set<Promise<void>>();
  let stopped = false;
  return {
    every(first: number, then: number, complaint: string, work: () => Promise<void>): void {
      let told = false;
      const plan = (time: number): void => {
        if (stopped) return;
        const callOff = clock.after(seconds(time), () => {
          stops.delete(callOff);
          const run = once().finally(() => going.delete(run));
          going.add(run);
        });
        stops.add(callOff);
      };
      const once = async (): Promise<void> => {
        try {
          await work();
          told = false;
        } catch (error) {
          if (!told) log.warn({ error: error instanceof Error ? error.message : String(error) }, complaint);
          told = true;
        }
        plan(then);
      };
      plan(first);
    },
    async stop(): Promise<void> {
      stopped = true;
      for (const callOff of stops) callOff();
      await Promise.all(going);
    },
  };
}
