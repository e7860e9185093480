import { later, type MachineId } from '../../core/units.ts';
import { type Capabilities, type MachineOrder, type Provider, ProviderError, type ProviderList } from '../contract.ts';
import type { SimFault } from './script.ts';
import type { SimWorld } from './world.ts';

/** Adapter from the provider contract to a simulated world, with the failures that the world's script asks for. */
export class SimProvider implements Provider {
  readonly kind = 'sim';
  readonly can: Capabilities = { console: true, models: ['cernvm3', 'cernvm4', 'vm-raw', 'kernel'] };
  readonly #source: SimWorld | (() => SimWorld);
  #world: SimWorld | undefined;
  readonly #ended = new AbortController();
  readonly #unwatch: (() => void)[] = [];
  #before: ProviderList['sightings'] = [];

  /** With a function, the world is opened and closed with the provider; a world that is given outlives it. */
  constructor(source: SimWorld | (() => SimWorld)) {
    this.#source = source;
  }

  get world(): SimWorld {
    if (this.#world === undefined) throw new ProviderError('PROVIDER_CLOSED', 'the simulated provider has not been opened', { fault: 'host' });
    return this.#world;
  }

  async open(): Promise<{ readonly notes: readonly string[] }> {
    this.#world = typeof this.#source === 'function' ? this.#source() : this.#source;
    return { notes: ['machines are simulated: nothing is booted'] };
  }

  async list(signal: AbortSignal): Promise<ProviderList> {
    const fault = this.world.script.list?.() ?? {};
    return this.#call('list', fault, signal, () => {
      const now = this.world.sightings();
      const ids = new Set(now.map((s) => s.id));
      const ghosts = fault.stale === true ? this.#before.filter((s) => !ids.has(s.id)) : [];
      this.#before = now;
      const hides = fault.hides;
      return { complete: hides === undefined, sightings: [...now.filter((s) => hides?.(s.id) !== true), ...ghosts], foreignProcessors: 0 };
    });
  }

  async create(order: MachineOrder, signal: AbortSignal): Promise<void> {
    await this.#call('create', this.world.script.create?.(order) ?? {}, signal, () => {
      this.world.accept(order);
    });
  }

  async shutdown(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#call('shutdown', this.world.script.shutdown?.(id) ?? {}, signal, () => {
      this.world.ask(id);
    });
  }

  async destroy(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#call('destroy', this.world.script.destroy?.(id) ?? {}, signal, () => {
      this.world.destroy(id);
    });
  }

  watch(onChange: (id: MachineId) => void): void {
    this.#unwatch.push(this.world.watch(onChange));
  }

  async console(id: MachineId): Promise<Uint8Array> {
    const m = this.world.machine(id);
    const lines = m === undefined ? [] : ['simulated machine', ...(m.booted ? ['booted'] : []), ...(m.ended ? ['ended'] : [])];
    return new TextEncoder().encode(lines.map((l) => `${l}\n`).join('')).slice(-(m?.order.consoleMaxBytes ?? 0));
  }

  /** Calls that are under way end without effect, as those of a process that is killed. */
  async close(): Promise<void> {
    this.#ended.abort(new ProviderError('PROVIDER_CLOSED', 'the provider was closed', { fault: 'host' }));
    for (const unwatch of this.#unwatch) unwatch();
    if (typeof this.#source === 'function') this.#world?.close();
  }

  async #call<T>(what: string, fault: SimFault, signal: AbortSignal, effect: () => T): Promise<T> {
    const either = AbortSignal.any([signal, this.#ended.signal]);
    if (fault.takes !== undefined && !either.aborted) await this.world.clock.sleepUntil(later(this.world.clock.wall(), fault.takes), either);
    either.throwIfAborted();
    if (fault.fails === 'before') throw new ProviderError('SIM_REFUSED', `${what}: refused by the script`, { fault: 'provider' });
    const result = effect();
    if (fault.fails === 'after') throw new ProviderError('SIM_ANSWER_LOST', `${what}: done, but the answer was lost by the script`, { fault: 'provider' });
    return result;
  }
}
