import type { Instant, Seconds } from '../units.ts';
import { type Environment, type EnvironmentCounts, type EnvironmentState, tagsOf, unlimited } from './environment.ts';
import { isOpen } from './state.ts';

/** What is published of the site beside its environments. */
export interface SiteFacts {
  /** Name of the site: its domain in GLUE 2, such as `EXAMPLE-HEP`. */
  readonly site: string;
  /** Fully qualified name of the host that takes jobs, and its port. */
  readonly host: string;
  readonly port: number;
  /** Where its HTTP API is. */
  readonly url: string;
  /** Beginning of the names of all shares, `long` in `long-sl6`. */
  readonly queue: string;
  /** `each`: one share per environment. `union`: a single one with all tags, which attracts jobs that nothing here can run (spec/environments.md §4.2). */
  readonly advertise: 'each' | 'union';
  /** Branch of the GLUE 2 tree. */
  readonly group: 'resource' | 'cloud';
  /** Who may use environments that name nobody; empty: everyone. */
  readonly vos: readonly string[];
  /** Machines may open connections to the world. */
  readonly outbound: boolean;
  /** Of this program. */
  readonly version: string;
}

/** One environment as it is now. */
export interface Offer {
  readonly environment: Environment;
  readonly counts: EnvironmentCounts;
}

/** A queue as seen from outside: what is published together under one name. */
export interface Share {
  readonly name: string;
  /** In the order of publication, each once. */
  readonly tags: readonly string[];
  /** At least one. */
  readonly offers: readonly [Offer, ...Offer[]];
}

/** Everything that is published, of which all renderings are made. */
export interface Advertisement {
  readonly site: SiteFacts;
  readonly offers: readonly Offer[];
  readonly shares: readonly Share[];
  readonly createdAt: Instant;
  readonly validity: Seconds;
}

const idle = (state: EnvironmentState): EnvironmentCounts => ({ runningJobs: 0, waitingJobs: 0, instances: 0, state });

/** `counts` by name of environment; of one that is not in it nothing runs. */
export const offersOf = (environments: readonly Environment[], counts: ReadonlyMap<string, EnvironmentCounts>): readonly Offer[] =>
  environments.map((environment) => ({ environment, counts: counts.get(environment.name) ?? idle(environment.state ?? 'installable') }));

/** An environment alone: what the compute element evaluates (spec/environments.md §6.1). */
export const ownShare = (offer: Offer, site: Pick<SiteFacts, 'queue'>): Share => ({
  name: `${site.queue}-${offer.environment.name}`,
  tags: tagsOf(offer.environment),
  offers: [offer],
});

/**
 * What is published as one (spec/environments.md §4.2). The share of an environment has the tags of native ones too, because it takes jobs that
 * the plain node suffices for as well. The union has the tags of those alone that jobs may be matched with.
 */
export function sharesOf(offers: readonly Offer[], site: Pick<SiteFacts, 'queue' | 'advertise'>): readonly Share[] {
  const open = offers.filter((offer) => isOpen(offer.counts.state));
  if (site.advertise === 'union') {
    const [first, ...rest] = offers;
    return first === undefined ? [] : [{ name: site.queue, tags: unique(open), offers: [first, ...rest] }];
  }
  const native = open.filter((offer) => offer.environment.native);
  return offers.map((offer) => ({ ...ownShare(offer, site), tags: unique([...native, offer]) }));
}

const unique = (offers: readonly Offer[]): readonly string[] => [...new Set(offers.flatMap((offer) => tagsOf(offer.environment)))];

/** Capacity of a share, its offers together; `unlimited` is the greatest number. */
export interface Capacity {
  readonly runningJobs: number;
  readonly waitingJobs: number;
  readonly instances: number;
  readonly maxInstances: number;
  /** Machines that could still be started, of environments that jobs may be matched with. */
  readonly free: number;
  /** Of its largest machine. */
  readonly processors: number;
  readonly memoryMb: number;
  readonly diskGb: number;
  readonly maxWall: Seconds;
}

export function capacityOf(offers: readonly Offer[]): Capacity {
  const sum = (of: (offer: Offer) => number): number =>
    Math.min(
      unlimited,
      offers.reduce((all, offer) => all + of(offer), 0),
    );
  const most = (of: (environment: Environment) => number): number => Math.max(0, ...offers.map((offer) => of(offer.environment)));
  return {
    runningJobs: sum(({ counts }) => counts.runningJobs),
    waitingJobs: sum(({ counts }) => counts.waitingJobs),
    instances: sum(({ counts }) => counts.instances),
    maxInstances: sum(({ environment }) => environment.maxInstances),
    free: sum(freeOf),
    processors: most((e) => e.processors.max),
    memoryMb: most((e) => e.memoryMb.max),
    diskGb: most((e) => e.diskGb.max),
    maxWall: most((e) => e.maxWall) as Seconds,
  };
}

/** Machines that could still be started. */
export const freeOf = ({ environment: { maxInstances }, counts }: Offer): number => {
  if (!isOpen(counts.state)) return 0;
  return maxInstances >= unlimited ? unlimited : Math.max(0, maxInstances - counts.instances);
};

/** `production`: some environment in it takes jobs. `draining`: none does, and one is on its way out. */
export function servingState(offers: readonly Offer[]): 'production' | 'draining' | 'closed' {
  const states = offers.map((offer) => offer.counts.state);
  if (states.some(isOpen)) return 'production';
  return states.some((state) => state === 'pendingremoval' || state === 'removing') ? 'draining' : 'closed';
}

/** Who may use a share: VO names and FQANs, sorted; empty: everyone. */
export function admitted(offers: readonly Offer[], site: Pick<SiteFacts, 'vos'>): readonly string[] {
  const named = offers.map(({ environment }) => (environment.vos.length > 0 ? environment.vos : site.vos));
  return named.some((vos) => vos.length === 0) ? [] : [...new Set(named.flat())].sort();
}

/**
 * Time until a further job of a share starts, in s, if every job ran for the greatest wall time: rounds of all machines that the jobs which
 * wait before it take. 0 while a machine is free; nobody knows it of a share that takes no jobs.
 */
export function worstWait({ waitingJobs, free, maxInstances, maxWall }: Capacity): number {
  if (waitingJobs < free) return 0;
  return maxInstances === 0 ? unlimited : Math.min(unlimited, Math.ceil((waitingJobs - free + 1) / maxInstances) * maxWall);
}
