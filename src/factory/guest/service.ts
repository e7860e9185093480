import type { Socket } from 'node:net';
import { routeGuestRequest } from '../../core/guest/route.ts';
import type { GuestReport, Machine } from '../../core/machine.ts';
import type { Instant, MachineId, Seconds } from '../../core/units.ts';
import { guestSocketName, serviceSocket } from '../../providers/contract.ts';
import type { GuestService } from '../parts.ts';
import { type ConnectionLimits, ConnectionWatch, connectionLimits } from './connections.ts';
import { type DeskParts, GuestDesk, type Seat } from './desk.ts';
import { type Listener, listenIn } from './listen.ts';
import { relay } from './relay.ts';
import { type Exchange, SerialHttp } from './serial-http.ts';

/** `settings`: those in force now. Host services are taken when a machine is attached. */
export interface GuestServiceParts extends DeskParts {
  readonly limits?: ConnectionLimits;
}

interface Attached {
  machine: Machine;
  seat?: Seat;
  readonly sockets: Set<Socket>;
  readonly listeners: Listener[];
  opened: Promise<void>;
}

/**
 * The guest service on unix sockets, one directory per machine: which socket a request comes in by is the machine's identity, and
 * nothing that a guest says of itself counts. One HTTP parser serves all machines; a machine costs its sockets and a few facts.
 * `attach` rejects when the sockets of a machine cannot be made: such a machine must not be started.
 */
export class UnixGuestService implements GuestService {
  readonly #parts: GuestServiceParts;
  readonly #limits: ConnectionLimits;
  readonly #watch: ConnectionWatch;
  readonly #desk: GuestDesk;
  readonly #machines = new Map<MachineId, Attached>();
  readonly #http: SerialHttp<Attached>;

  constructor(parts: GuestServiceParts) {
    this.#parts = parts;
    this.#limits = parts.limits ?? connectionLimits;
    this.#watch = new ConnectionWatch(this.#limits, () => parts.clock.uptime());
    this.#desk = new GuestDesk(parts);
    this.#http = new SerialHttp(this.#watch, (attached, exchange) => this.#answer(attached, exchange));
  }

  get since(): Instant | undefined {
    return this.#desk.since;
  }

  async attach(machine: Machine): Promise<void> {
    const present = this.#machines.get(machine.id);
    if (present !== undefined) {
      present.machine = machine;
      if (present.seat) present.seat.machine = machine;
      return present.opened;
    }
    const attached: Attached = { machine, sockets: new Set(), listeners: [], opened: Promise.resolve() };
    this.#machines.set(machine.id, attached);
    attached.opened = this.#open(attached);
    try {
      await attached.opened;
    } catch (error) {
      await this.detach(machine.id);
      throw error;
    }
  }

  async #open(attached: Attached): Promise<void> {
    const { layout, settings } = this.#parts;
    attached.seat = await this.#desk.seat(attached.machine);
    attached.seat.machine = attached.machine;
    const directory = layout.machine(attached.machine.id);
    const serve = (socket: Socket): void => {
      track(attached, socket);
      this.#http.accept(attached, socket);
    };
    attached.listeners.push(await listenIn(directory, guestSocketName, this.#limits.perMachine, serve));
    for (const service of settings().hostServices) {
      const forward = (socket: Socket): void => {
        track(attached, socket);
        relay(socket, service, this.#watch);
      };
      attached.listeners.push(await listenIn(directory, serviceSocket(service.port), this.#limits.perHostService, forward));
    }
  }

  async detach(id: MachineId): Promise<void> {
    const attached = this.#machines.get(id);
    if (attached === undefined) return;
    await attached.opened.catch(() => undefined);
    if (this.#machines.get(id) === attached) this.#machines.delete(id);
    const closing = attached.listeners.splice(0).map((listener) => listener.close());
    for (const socket of attached.sockets) socket.destroy();
    await Promise.all(closing);
  }

  report(id: MachineId): GuestReport {
    const attached = this.#machines.get(id);
    if (attached === undefined) return {};
    return attached.seat?.report ?? told(attached.machine);
  }

  update(machine: Machine): void {
    const attached = this.#machines.get(machine.id);
    if (attached === undefined) return;
    attached.machine = machine;
    if (attached.seat) attached.seat.machine = machine;
  }

  shift(by: Seconds): void {
    this.#desk.shift(
      by,
      [...this.#machines.values()].flatMap(({ seat }) => seat ?? []),
    );
  }

  async close(): Promise<void> {
    this.#desk.close();
    await Promise.all([...this.#machines.keys()].map((id) => this.detach(id)));
    this.#watch.close();
  }

  /** Cuts connections that are overdue; otherwise done every second while there are any. */
  sweep(): void {
    this.#watch.sweep();
  }

  /** After a failure to store: tries whether the disk takes files again. */
  probe(): Promise<void> {
    return this.#desk.probe();
  }

  #answer({ seat }: Attached, exchange: Exchange): Promise<void> {
    const { method = '', url = '', headers } = exchange.req;
    if (seat === undefined) throw new Error('a connection before its machine has a seat');
    return this.#desk.answer(seat, exchange, url, (facts) => routeGuestRequest({ method, target: url, accept: headers.accept ?? '' }, facts));
  }
}

/** Before its files have been read again: what its record says. */
const told = ({ message, heartbeatFileAt, contactAt }: Machine): GuestReport => ({
  ...(message && { message }),
  ...(heartbeatFileAt !== undefined && { heartbeatFileAt }),
  ...(contactAt !== undefined && { contactAt }),
});

function track(attached: Attached, socket: Socket): void {
  attached.sockets.add(socket);
  socket.once('close', () => attached.sockets.delete(socket));
}
