import type { Action, Decision } from '../core/decision.ts';
import type { Machine, Outcome } from '../core/machine.ts';
import type { PeerFact } from '../core/space/options.ts';
import type { Seconds } from '../core/units.ts';
import type { Problem } from './parts.ts';

/** Everything that happens in a daemon, typed once: logs, live views and (later) metrics subscribe. */
export interface Events {
  opened: { readonly factory: string; readonly provider: string; readonly notes: readonly string[]; readonly version: string };
  configured: { readonly digest: string; readonly machinetypes: number; readonly problems: readonly Problem[] };
  decided: Decision;
  recorded: { readonly action: Action; readonly machine?: Machine };
  performed: { readonly action: Action; readonly machine?: Machine; readonly took: Seconds };
  failed: { readonly action: Action; readonly machine?: Machine; readonly error: unknown };
  finished: { readonly machine: Machine; readonly outcome: Outcome };
  /** Something about another factory, or a host that speaks to us as one, has changed. */
  peer: PeerFact;
  clockStepped: { readonly by: Seconds };
  journalFault: { readonly error: unknown };
  closed: { readonly why: string };
}

export type Listener = { readonly [K in keyof Events]?: (fact: Events[K]) => void };

/** Calls every listener in order. Listeners must not throw: one that does is a bug and ends the daemon, which is crash-only. */
export class EventBus {
  readonly #listeners: Listener[] = [];
  subscribe(listener: Listener): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners.splice(this.#listeners.indexOf(listener), 1);
    };
  }
  emit<K extends keyof Events>(name: K, fact: Events[K]): void {
    for (const listener of this.#listeners.slice()) listener[name]?.(fact);
  }
}
