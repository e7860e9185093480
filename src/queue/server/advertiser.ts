import { advertise } from '../../core/environment/advertise.ts';
import { type Candidate, chooseEnvironment } from '../../core/environment/choose.ts';
import type { Environment, EnvironmentCounts } from '../../core/environment/environment.ts';
import type { Advertisement, SiteFacts } from '../../core/environment/site.ts';
import { environmentState } from '../../core/environment/state.ts';
import { classKey, requiresOf } from '../../core/jobs/classes.ts';
import type { JobSpec } from '../../core/jobs/job.ts';
import type { JobDescription } from '../../core/jdl/jdl.ts';
import { elapsed, type Instant } from '../../core/units.ts';
import { isLoopback, urlHost } from '../config/listen.ts';
import type { QueueConfiguration } from '../config/settings.ts';
import type { JobStore } from '../store.ts';
import type { QueueClock } from './clock.ts';
import { type Demand, DemandRule } from './demand.ts';

export interface AdvertiserOptions {
  readonly configuration: QueueConfiguration;
  readonly store: Pick<JobStore, 'classes'>;
  readonly clock: QueueClock;
  readonly hostName: string;
  readonly version: string;
}

/** Seconds that published counts may be old: whoever asks without a token costs the store nothing. */
const fresh = 5;

/** What the queue publishes of its environments, with the counts of now. Rejects with the StoreError of the store. */
export class Advertiser {
  readonly #options: AdvertiserOptions;
  readonly #rule: DemandRule;
  readonly site: SiteFacts;
  /** Environments whose machines have come as far as asking for work. */
  readonly #proven = new Set<string>();
  #counted: { readonly at: Instant; readonly counts: Promise<ReadonlyMap<string, EnvironmentCounts>> } | undefined;

  constructor(options: AdvertiserOptions) {
    this.#options = options;
    this.site = siteFacts(options);
    this.#rule = new DemandRule(options.configuration.environments, { site: this.site, now: options.clock.now() });
  }

  get environments(): readonly Environment[] {
    return this.#options.configuration.environments;
  }

  /** A machine that offers these has asked for work. */
  seen(names: readonly string[]): void {
    for (const { name } of this.environments) if (names.includes(name)) this.#proven.add(name);
  }

  async advertisement(): Promise<Advertisement> {
    return advertise(this.environments, await this.counts(), this.site, this.#options.clock.now());
  }

  async demand(tenant: string): Promise<Demand> {
    return this.#rule.sum(await this.#options.store.classes(tenant));
  }

  /** What each environment says to a job. */
  async match(spec: JobSpec, description: JobDescription): Promise<readonly Candidate[]> {
    const counts = await this.counts();
    const { candidates } = chooseEnvironment({ ...spec, fqans: [spec.tenant], ad: description.ad }, this.environments, {
      site: this.site,
      counts,
      now: this.#options.clock.now(),
    });
    return candidates;
  }

  /**
   * With `advertise = union` the first job, by its index, that no environment suffices for, and why not: the union has attracted it, and it is refused
   * before it is accepted (spec/environments.md §4.2). Otherwise undefined: such a job waits, for who asked for it may know what is to come.
   */
  async attracted(specs: readonly JobSpec[]): Promise<{ readonly job: number; readonly candidates: readonly Candidate[] } | undefined> {
    if (this.site.advertise !== 'union' || this.environments.length === 0) return undefined;
    const facts = { site: this.site, counts: await this.counts(), now: this.#options.clock.now() };
    const suited = new Set<string>();
    for (const [job, spec] of specs.entries()) {
      const key = classKey(spec.tenant, requiresOf(spec));
      if (suited.has(key)) continue;
      const { environment, candidates } = chooseEnvironment({ ...spec, fqans: [spec.tenant] }, this.environments, facts);
      if (environment === undefined) return { job, candidates };
      suited.add(key);
    }
    return undefined;
  }

  /** By name of environment. */
  counts(): Promise<ReadonlyMap<string, EnvironmentCounts>> {
    const now = this.#options.clock.now();
    const known = this.#counted;
    if (known !== undefined && Math.abs(elapsed(known.at, now)) < fresh) return known.counts;
    const counts = this.#count();
    const counted = { at: now, counts };
    this.#counted = counted;
    counts.catch(() => {
      if (this.#counted === counted) this.#counted = undefined;
    });
    return counts;
  }

  async #count(): Promise<ReadonlyMap<string, EnvironmentCounts>> {
    const { environments } = this.#rule.sum(await this.#options.store.classes());
    return new Map(
      this.environments.map((e) => {
        const { waiting = 0, running = 0 } = environments.get(e.name) ?? {};
        const proven = this.#proven.has(e.name) || running > 0;
        const state = environmentState({ trials: proven ? [true] : [], trying: false }, e.state);
        // One job per machine at a time.
        return [e.name, { runningJobs: running, waitingJobs: waiting, instances: running, state }];
      }),
    );
  }
}

/** What is published of the place itself. */
export function siteFacts({
  configuration: { settings, tenants },
  hostName,
  version,
}: Pick<AdvertiserOptions, 'configuration' | 'hostName' | 'version'>): SiteFacts {
  const { host, port } = settings.listen;
  const named = isLoopback(host) || host === '0.0.0.0' || host === '::' ? hostName : host;
  return {
    site: settings.site ?? hostName,
    host: named,
    port,
    url: `${settings.tls === undefined ? 'http' : 'https'}://${urlHost(named)}:${port}`,
    queue: settings.shareName,
    advertise: settings.advertise,
    group: 'resource',
    vos: [...tenants.keys()],
    outbound: true,
    version,
  };
}
