import type { Listener } from '../events.ts';
import type { SiteFactory, SiteView } from '../site-view.ts';
import { GuestServers } from './guest-servers.ts';
import type { SiteParts } from './site-parts.ts';
import { SpaceKeeper } from './space-keeper.ts';

export interface SiteOptions {
  readonly parts: SiteParts;
  /** Absent: this host makes no machines of its own. */
  readonly host?: SiteFactory;
  readonly log: { warn(fields: object, message: string): void };
}

/** All factories of a daemon: that of its host, and one for each space at a cloud that the configuration has, comes to have, or still has machines in. */
export class Site implements SiteView {
  readonly #parts: SiteParts;
  readonly #host: SiteFactory | undefined;
  readonly #servers: GuestServers;
  readonly #keepers = new Map<string, { readonly keeper: SpaceKeeper; readonly ended: Promise<void> }>();
  readonly #listeners = new Map<(space: string) => Listener, (() => void)[]>();
  #stopped = false;

  constructor({ parts, host, log }: SiteOptions) {
    this.#parts = parts;
    this.#host = host;
    this.#servers = new GuestServers(parts.clock, (fault) => log.warn({ fault }, 'guest service for machines far away'));
  }

  /** Begins with the spaces of the present configuration and follows it. */
  start(): void {
    this.#follow();
    this.#parts.source.onChange(() => this.#follow());
  }

  factories(): readonly SiteFactory[] {
    const spaces = this.#sorted().flatMap(({ keeper: { space, factory: view, bus } }) => (view ? [{ space, view, bus }] : []));
    return this.#host ? [this.#host, ...spaces] : spaces;
  }

  unserved(): readonly { readonly space: string; readonly why: string }[] {
    return this.#sorted().flatMap(({ keeper: { space, factory, why } }) => (factory ? [] : [{ space, why }]));
  }

  configuration(): ReturnType<SiteView['configuration']> {
    return this.#parts.source.current();
  }

  subscribe(listener: (space: string) => Listener): () => void {
    const ends = this.#host ? [this.#host.bus.subscribe(listener(this.#host.space))] : [];
    for (const { keeper } of this.#keepers.values()) ends.push(keeper.bus.subscribe(listener(keeper.space)));
    this.#listeners.set(listener, ends);
    return () => {
      this.#listeners.delete(listener);
      for (const end of ends.splice(0)) end();
    };
  }

  /** Ends all spaces at the same time; their machines run on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const ending = [...this.#keepers.values()];
    for (const { keeper } of ending) keeper.stop();
    await Promise.all(ending.map(({ ended }) => ended));
  }

  #sorted(): readonly { readonly keeper: SpaceKeeper }[] {
    return [...this.#keepers.values()].toSorted((a, b) => (a.keeper.space < b.keeper.space ? -1 : 1));
  }

  #follow(): void {
    if (this.#stopped) return;
    for (const space of this.#wanted()) if (!this.#keepers.has(space)) this.#begin(space);
  }

  /** Those of the configuration, unusable ones included. */
  #wanted(): ReadonlySet<string> {
    const { configuration, problems } = this.#parts.source.current();
    const broken = problems.flatMap(({ section }) => (section?.startsWith('space ') === true ? [section.slice('space '.length)] : []));
    return new Set([...(configuration?.spaces?.keys() ?? []), ...(configuration ? broken : [])]);
  }

  #begin(space: string): void {
    const keeper = new SpaceKeeper(space, this.#parts, this.#servers);
    for (const [listener, ends] of this.#listeners) ends.push(keeper.bus.subscribe(listener(space)));
    const ended = keeper.run().finally(() => {
      this.#keepers.delete(space);
      this.#follow(); // it may have come back meanwhile
    });
    this.#keepers.set(space, { keeper, ended });
  }
}
