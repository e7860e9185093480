import { type MachineId, machineId } from '../../core/units.ts';
import { markTag, tagStart } from '../cloud/marks.ts';
import { Once } from './once.ts';
import type { Resources } from './resources.ts';
import { FloatingPage, PortPage } from './schema.ts';
import type { Session } from './session.ts';

const never = (): AbortSignal => new AbortController().signal;

/** Addresses of the outside world for machines, where a space is configured so. They carry our mark in their description, and go with the machine. */
export class FloatingAddresses {
  readonly #session: Session;
  readonly #resources: Resources;
  readonly #space: string;
  readonly #network: string;
  readonly #once = new Once<MachineId, void>();

  constructor(session: Session, resources: Resources, space: string, network: string) {
    this.#session = session;
    this.#resources = resources;
    this.#space = space;
    this.#network = network;
  }

  /** Gives the machine one, unless it has one. Idempotent; rejects with what went wrong, and the next list tries again. */
  give(id: MachineId, serverId: string): Promise<void> {
    return this.#once.run(id, async () => {
      const there = await this.#ours(id, never());
      const { ports } = await this.#session.read(
        PortPage,
        { service: 'network', method: 'GET', path: `/ports?device_id=${encodeURIComponent(serverId)}` },
        never(),
      );
      const [port] = ports;
      if (port === undefined || there.some((f) => f.port_id === port.id)) return;
      const [free] = there.filter((f) => f.port_id === null || f.port_id === undefined);
      if (free !== undefined) {
        const json = { floatingip: { port_id: port.id } };
        await this.#session.ask({ service: 'network', method: 'PUT', path: `/floatingips/${encodeURIComponent(free.id)}`, json }, never());
        return;
      }
      const network = await this.#resources.network(this.#network, never());
      const json = { floatingip: { floating_network_id: network, port_id: port.id, description: markTag(this.#space, id) } };
      await this.#session.ask({ service: 'network', method: 'POST', path: '/floatingips', json }, never());
    });
  }

  /** Gives them back. Idempotent. */
  async release(id: MachineId, signal: AbortSignal): Promise<void> {
    for (const address of await this.#ours(id, signal))
      await this.#session.ask({ service: 'network', method: 'DELETE', path: `/floatingips/${encodeURIComponent(address.id)}`, accept: [404] }, signal);
  }

  /** Gives back what belongs to machines that others have removed: it carries our mark, leads nowhere, and its machine is not `alive`. */
  async tidy(alive: ReadonlySet<MachineId>): Promise<void> {
    const start = tagStart(this.#space);
    const { floatingips } = await this.#session.read(FloatingPage, { service: 'network', method: 'GET', path: '/floatingips' }, never());
    const lost = floatingips.filter(
      (f) => f.description?.startsWith(start) === true && (f.port_id ?? '') === '' && !alive.has(machineId(f.description.slice(start.length))),
    );
    for (const { id } of lost)
      await this.#session.ask({ service: 'network', method: 'DELETE', path: `/floatingips/${encodeURIComponent(id)}`, accept: [404] }, never());
  }

  settled(): Promise<void> {
    return this.#once.settled();
  }

  async #ours(id: MachineId, signal: AbortSignal) {
    const mark = markTag(this.#space, id);
    const path = `/floatingips?description=${encodeURIComponent(mark)}`;
    const { floatingips } = await this.#session.read(FloatingPage, { service: 'network', method: 'GET', path }, signal);
    return floatingips.filter((f) => f.description === mark);
  }
}
