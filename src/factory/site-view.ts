import type { EventBus, Listener } from './events.ts';
import type { FactoryView } from './view.ts';

/** One factory of a daemon: that of its host, or one space at a cloud. */
export interface SiteFactory {
  readonly space: string;
  readonly view: FactoryView;
  readonly bus: EventBus;
}

/** All factories of one daemon, as the control API sees them. */
export interface SiteView {
  /** That of the host first, if there is one, then spaces by name. Changes with the configuration. */
  factories(): readonly SiteFactory[];
  /** Spaces that the configuration names and that there is no factory for, with the reason. */
  unserved(): readonly { readonly space: string; readonly why: string }[];
  /** Of the whole site. */
  configuration(): ReturnType<FactoryView['configuration']>;
  /** `listener` is asked once for every factory, for those that come later too. Returns what ends the subscription. */
  subscribe(listener: (space: string) => Listener): () => void;
}

/** A site that is one factory and nothing else. */
export const loneFactory = (view: FactoryView, bus: EventBus): SiteView => ({
  factories: () => [{ space: view.status().space, view, bus }],
  unserved: () => [],
  configuration: () => view.configuration(),
  subscribe: (listener) => bus.subscribe(listener(view.status().space)),
});
