import { setTimeout as pause } from 'node:timers/promises';
import type { CloudSettings } from '../../core/cloud/settings.ts';
import { problemLine } from '../../core/config/problem.ts';
import type { Configuration, Settings } from '../../core/settings.ts';
import { later, seconds } from '../../core/units.ts';
import { ProviderError } from '../../providers/contract.ts';
import { SpaceConfigurationSource } from '../config/space-source.ts';
import { EventBus } from '../events.ts';
import type { Factory } from '../factory.ts';
import type { ConfigurationSource } from '../parts.ts';
import { logTo } from '../log.ts';
import { cloudFactory, openedWith } from './cloud-factory.ts';
import type { GuestServers } from './guest-servers.ts';
import type { SiteParts } from './site-parts.ts';

/** Pauses in seconds between two attempts to open a space: doubled each time. */
const firstPause = 5;
const longestPause = 300;

type End = 'stopped' | 'gone' | 'changed';

/**
 * Keeps one space at a cloud at work for as long as the configuration has it or a machine of it lives: makes its factory, opens its provider
 * however often that takes, makes it anew when its credentials or place have changed or a bug has ended it. Nothing of this reaches other spaces.
 */
export class SpaceKeeper {
  readonly space: string;
  readonly bus = new EventBus();
  readonly source: SpaceConfigurationSource;
  readonly #site: SiteParts;
  readonly #servers: GuestServers;
  readonly #log: ReturnType<typeof logTo>['log'];
  readonly #unlog: () => void;
  readonly #stop = new AbortController();
  /** Ends a wait: the configuration has changed. */
  #news = new AbortController();
  /** Of the factory that lives now. */
  #listeners: (() => void)[] = [];
  #pause = firstPause;
  #factory: Factory | undefined;
  #why = 'it is being opened';

  constructor(space: string, site: SiteParts, servers: GuestServers) {
    this.space = space;
    this.#site = site;
    this.#servers = servers;
    this.source = new SpaceConfigurationSource(site.source, space);
    const { log, stop } = logTo(this.bus, site.destination, site.logLevel, { space });
    this.#log = log;
    this.#unlog = stop;
    this.source.onChange(() => {
      this.#announce();
      this.#news.abort();
      for (const listener of this.#listeners.slice()) listener();
    });
  }

  /** Undefined: there is none now, and `why` says why. */
  get factory(): Factory | undefined {
    return this.#factory;
  }

  get why(): string {
    return this.#why;
  }

  /** Resolves when the space has gone from the configuration with its last machine, or has been stopped; its machines run on then. */
  async run(): Promise<void> {
    this.#announce();
    try {
      while (!this.#stop.signal.aborted) {
        const end = await this.#attempt();
        if (end === 'gone' || end === 'stopped') return;
      }
    } finally {
      this.bus.emit('closed', { why: this.#stop.signal.aborted ? 'asked to' : 'no longer in the configuration, and its last machine has ended' });
      await this.source.close();
      this.#unlog();
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#factory?.loop.stop();
  }

  async #attempt(): Promise<End> {
    const began = this.#site.clock.uptime();
    try {
      const configuration = this.source.current().configuration;
      if (configuration) {
        const end = await this.#live(configuration);
        this.#pause = firstPause;
        return end;
      }
      this.#why = this.#problem();
      if (!this.source.exists) return 'gone';
      await this.#wait(longestPause);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#why = why;
      if (this.#site.clock.uptime() - began > longestPause) this.#pause = firstPause;
      this.#log.error({ error: why, ...(error instanceof ProviderError ? {} : { stack: (error as Error).stack }), again: this.#pause }, 'space failed');
      await this.#waitLonger();
    }
    return this.#stop.signal.aborted ? 'stopped' : 'changed';
  }

  /** One life of the factory of the space. Rejects with what ended it. */
  async #live(configuration: Configuration): Promise<End> {
    const { settings } = configuration;
    if (!hasCloud(settings)) throw new TypeError(`${this.space} is no space at a cloud`);
    await using stack = new AsyncDisposableStack();
    const listeners: (() => void)[] = [];
    this.#listeners = listeners;
    const source: ConfigurationSource = {
      current: () => this.source.current(),
      refresh: (signal) => this.source.refresh(signal),
      onChange: (listener) => void listeners.push(listener),
      close: async () => undefined,
    };
    const parts = { site: this.#site, servers: this.#servers, source, settings, bus: this.bus, log: this.#log };
    const factory = await cloudFactory(parts, stack);
    this.#factory = factory;
    stack.defer(() => {
      this.#factory = undefined;
    });
    const mark = openedWith(settings);
    const isOver = (): End | undefined => this.#isOver(factory, mark);
    // Machines of an earlier process go on to talk while their cloud cannot be reached.
    await factory.loop.resume();
    const early = await this.#open(factory, isOver);
    if (early) return early;
    const look = (): void => {
      factory.about = this.source.exists ? {} : { leaving: true };
      if (isOver()) factory.loop.stop();
    };
    source.onChange(look);
    stack.defer(this.bus.subscribe({ decided: look }));
    look();
    await factory.run();
    return isOver() ?? 'changed';
  }

  #isOver(factory: Factory, mark: string): End | undefined {
    if (this.#stop.signal.aborted) return 'stopped';
    const settings = this.source.current().configuration?.settings;
    if (settings && openedWith(settings) !== mark) return 'changed';
    return !this.source.exists && isEmpty(factory) ? 'gone' : undefined;
  }

  /** Until it is open, or there is no need of it. */
  async #open(factory: Factory, isOver: () => End | undefined): Promise<End | undefined> {
    for (;;) {
      const over = isOver();
      if (over) return over;
      const news = this.#news.signal;
      try {
        await factory.open(this.#stop.signal);
        return undefined;
      } catch (error) {
        if (this.#stop.signal.aborted) return 'stopped';
        if (!(error instanceof ProviderError)) throw error;
        const wait = Math.max(this.#pause, error.retryAfter ?? 0);
        const leaving = this.source.exists ? {} : { leaving: true as const };
        factory.about = { trouble: { why: error.message, nextTry: later(this.#site.clock.wall(), seconds(wait)) }, ...leaving };
        this.#log.warn({ error: error.message, code: error.code, again: wait }, 'space cannot be opened');
        await this.#wait(wait, news);
        this.#pause = Math.min(longestPause, this.#pause * 2);
      }
    }
  }

  async #waitLonger(): Promise<void> {
    await this.#wait(this.#pause);
    this.#pause = Math.min(longestPause, this.#pause * 2);
  }

  /** A change of the configuration ends it early: it may be the remedy. */
  async #wait(wait: number, news = this.#news.signal): Promise<void> {
    if (news.aborted) this.#news = new AbortController();
    else await pause(wait * 1000, undefined, { signal: AbortSignal.any([news, this.#stop.signal]), ref: true }).catch(() => undefined); // news, not failures
    if (this.#news.signal.aborted) this.#news = new AbortController();
  }

  #problem(): string {
    const problem = this.source.current().problems.find(({ severity }) => severity === 'error');
    return problem ? problemLine(problem) : 'the configuration has no usable section for it';
  }

  #announce(): void {
    const { configuration, problems } = this.source.current();
    this.bus.emit('configured', { digest: configuration?.digest ?? 'none', machinetypes: configuration?.machinetypes.size ?? 0, problems });
  }
}

/** Nothing of it is left at the cloud, as far as a complete list can tell that is younger than the end of its last machine. */
function isEmpty(factory: Factory): boolean {
  const machines = factory.machines();
  if (machines.length === 0) return true;
  const { listing, inFlight } = factory.lastTurn()?.observed ?? {};
  if (listing?.state !== 'complete' || (inFlight?.size ?? 0) > 0) return false;
  const listed = new Set(listing.sightings.map(({ id }) => id));
  return machines.every((m) => m.state === 'finished' && m.finishedAt < listing.at && !listed.has(m.id));
}

const hasCloud = (settings: Settings): settings is Settings & { readonly cloud: CloudSettings } => settings.cloud !== undefined;
