import { later, type MachineId } from '../../core/units.ts';
import { type Capabilities, type MachineOrder, type Provider, ProviderError, type ProviderList } from '../contract.ts';
import type { SimCloud } from './cloud.ts';

/** A manager's way to a simulated project at a cloud, with the delays and failures that its script asks for. */
export class SimCloudProvider implements Provider {
  readonly kind = 'sim-cloud';
  readonly can: Capabilities = { console: false, models: ['cernvm3', 'cernvm4', 'vm-raw'], remote: true };
  readonly #cloud: SimCloud;
  readonly #manager: string;
  readonly #ended = new AbortController();

  constructor(cloud: SimCloud, manager: string) {
    this.#cloud = cloud;
    this.#manager = manager;
  }

  async open(): Promise<{ readonly notes: readonly string[] }> {
    return { notes: ['the cloud is simulated: nothing is booted'] };
  }

  async list(signal: AbortSignal): Promise<ProviderList> {
    const cloud = this.#cloud;
    const { script } = cloud;
    await this.#request('limits', signal);
    this.#refuse('list');
    const all = cloud.sightings();
    const total = all.length + cloud.foreign.length;
    for (let page = 0; page === 0 || page * cloud.page < total; page++) await this.#request('list', signal);
    return {
      complete: script.cuts?.() !== true,
      sightings: script.hides === undefined ? all : all.filter((s) => script.hides?.(s.id) !== true),
      foreignProcessors: cloud.foreign.reduce((sum, n) => sum + n, 0),
      offer: { quota: cloud.quota, used: cloud.used(), flavors: cloud.flavors },
    };
  }

  async create(order: MachineOrder, signal: AbortSignal): Promise<void> {
    await this.#request('create', signal);
    this.#refuse('create', order.id);
    this.#cloud.accept(order, this.#manager);
    if (this.#cloud.script.losesAnswer?.(order) === true)
      throw new ProviderError('SIM_ANSWER_LOST', 'create: done, but the answer was lost', { fault: 'provider' });
  }

  async shutdown(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#request('shutdown', signal);
    this.#refuse('shutdown', id);
    this.#cloud.ask(id);
  }

  async destroy(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#request('destroy', signal);
    this.#refuse('destroy', id);
    this.#cloud.remove(id);
  }

  /** Requests that are under way end without effect, as those of a process that is killed. */
  async close(): Promise<void> {
    this.#ended.abort(new ProviderError('PROVIDER_CLOSED', 'the provider was closed', { fault: 'host' }));
  }

  async #request(call: keyof SimCloud['calls'], signal: AbortSignal): Promise<void> {
    const { clock, latency, calls } = this.#cloud;
    const either = AbortSignal.any([signal, this.#ended.signal]);
    either.throwIfAborted();
    calls[call] += 1;
    if (latency > 0) await clock.sleepUntil(later(clock.wall(), latency), either);
    either.throwIfAborted();
  }

  #refuse(call: 'list' | 'create' | 'shutdown' | 'destroy', id?: MachineId): void {
    const error = this.#cloud.script.refuses?.(call, id);
    if (error !== undefined) throw error;
  }
}
