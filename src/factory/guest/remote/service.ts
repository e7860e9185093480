import type { FeaturePlaces } from '../../../core/guest/features.ts';
import { isNameOrProxy, nameComponents } from '../../../core/guest/distinguished-name.ts';
import { routeRemoteRequest } from '../../../core/guest/remote-route.ts';
import type { GuestReport, Machine } from '../../../core/machine.ts';
import type { Machinetype } from '../../../core/machinetype.ts';
import { elapsed, type Instant, latest, type MachineId, type Seconds, unixSeconds } from '../../../core/units.ts';
import type { GuestService } from '../../parts.ts';
import { type DeskParts, GuestDesk, type Seat } from '../desk.ts';
import type { Exchange } from '../serial-http.ts';
import { answerEmpty } from '../respond.ts';
import { MachineTokens } from './machine-tokens.ts';
import type { Credentials, RemoteGuestServer, RemoteMachines } from './server.ts';

export interface RemoteServiceParts extends DeskParts {
  readonly server: RemoteGuestServer;
  readonly space: string;
  /** `https://HOST:PORT` as machines see it. */
  readonly url: () => string;
  /** Those in force now. */
  readonly machinetypes: () => ReadonlyMap<string, Machinetype>;
  /** Address of a running machine in its cloud, where it is known. */
  readonly addressOf?: (id: MachineId) => string | undefined;
}

/** After its end a machine may still be sending its last outputs (spec/cloud.md §6.1, project rule). */
const graceSeconds = 600;

/** The guest service for the machines of one space at a cloud: who knows a machine's token is that machine (spec/cloud.md §6, design §6). */
export class RemoteGuestService implements GuestService, RemoteMachines {
  readonly #parts: RemoteServiceParts;
  readonly #desk: GuestDesk;
  readonly #tokens: MachineTokens;
  readonly #seats = new Map<MachineId, Promise<Seat>>();
  readonly #open = new Map<MachineId, Seat>();
  readonly #names = new Map<string, MachineId>();
  /** Machines that have ended → when their token dies, in uptime. */
  readonly #ended = new Map<MachineId, Seconds>();

  constructor(parts: RemoteServiceParts) {
    this.#parts = parts;
    this.#desk = new GuestDesk(parts);
    this.#tokens = new MachineTokens(parts.layout.guestKey);
    parts.server.register(parts.space, this);
  }

  /** Silence of our own is never a machine's: neither that of the server nor that of the disk. */
  get since(): Instant | undefined {
    const [server, desk] = [this.#parts.server.since, this.#desk.since];
    return server === undefined || desk === undefined ? undefined : latest(server, desk);
  }

  /** URLs that the machine alone knows. */
  placesFor(machine: Machine): FeaturePlaces {
    const base = `${this.#parts.url()}/machines/${this.#parts.space}/${machine.name}/${this.#tokens.token(machine.id)}`;
    return { machinefeatures: `${base}/machinefeatures`, jobfeatures: `${base}/jobfeatures`, joboutputs: `${base}/joboutputs` };
  }

  async attach(machine: Machine): Promise<void> {
    this.#ended.delete(machine.id);
    const seat = this.#seats.get(machine.id) ?? this.#desk.seat(machine);
    this.#seats.set(machine.id, seat);
    try {
      const opened = await seat;
      opened.machine = machine;
      this.#open.set(machine.id, opened);
      // Names of machines that were taken over come from marks that anybody in the project can edit: none takes another's place.
      const holder = this.#names.get(machine.name);
      if (holder === undefined || this.#ended.has(holder)) this.#names.set(machine.name, machine.id);
    } catch (error) {
      this.#seats.delete(machine.id);
      throw error;
    }
  }

  detach(id: MachineId): Promise<void> {
    if (this.#open.has(id) && !this.#ended.has(id)) this.#ended.set(id, (this.#parts.clock.uptime() + graceSeconds) as Seconds);
    this.#forgetOld();
    return Promise.resolve();
  }

  #forgetOld(): void {
    for (const [id, until] of this.#ended) if (this.#parts.clock.uptime() > until) this.#forget(id);
  }

  #forget(id: MachineId): void {
    const seat = this.#open.get(id);
    if (seat && this.#names.get(seat.machine.name) === id) this.#names.delete(seat.machine.name);
    this.#open.delete(id);
    this.#seats.delete(id);
    this.#ended.delete(id);
  }

  report(id: MachineId): GuestReport {
    return this.#ended.has(id) ? {} : (this.#open.get(id)?.report ?? {});
  }

  update(machine: Machine): void {
    const seat = this.#open.get(machine.id);
    if (seat) seat.machine = machine;
  }

  shift(by: Seconds): void {
    this.#desk.shift(by, this.#open.values());
    this.#parts.server.shifted();
  }

  /** After a failure to store: tries whether the disk takes files again. */
  probe(): Promise<void> {
    return this.#desk.probe();
  }

  close(): Promise<void> {
    this.#parts.server.unregister(this.#parts.space, this);
    this.#desk.close();
    return Promise.resolve();
  }

  async answer(name: string, target: string, credentials: Credentials, exchange: Exchange): Promise<boolean> {
    this.#forgetOld();
    const id = this.#names.get(name);
    const seat = id && this.#open.get(id);
    if (!seat || !this.#admits(seat.machine, target, exchange.req.method, credentials)) return false;
    const { method = '', headers } = exchange.req;
    if (method === 'PUT' && headers['content-length'] === undefined) {
      await answerEmpty(exchange.req, exchange.res, 411);
      return true;
    }
    await this.#desk.answer(seat, exchange, target, (facts) => routeRemoteRequest({ method, target, accept: headers.accept ?? '' }, facts));
    return true;
  }

  /** The machine itself by its token; for writing outputs, also whoever has the certificate that its machinetype names. */
  #admits(machine: Machine, target: string, method: string | undefined, { token, subject }: Credentials): boolean {
    if (token !== undefined && this.#tokens.isToken(machine.id, token)) return true;
    if (method !== 'PUT' || !target.startsWith('/joboutputs/') || subject === undefined) return false;
    const configured = nameComponents(this.#parts.machinetypes().get(machine.machinetype)?.cloud?.httpsX509dn ?? '');
    return configured !== undefined && isNameOrProxy(subject, configured);
  }

  heartbeats(machinetype: string): string | undefined {
    const lines = this.alive(machinetype);
    return lines && lines.map(({ at, name, address }) => `${unixSeconds(at)} ${name} ${address ?? '-'}\n`).join('');
  }

  /** Machines of a machinetype whose heartbeat is young enough, newest first (spec/cloud.md §6.3). */
  alive(machinetype: string): readonly { readonly at: Instant; readonly name: string; readonly address?: string }[] | undefined {
    const type = this.#parts.machinetypes().get(machinetype);
    if (!type) return undefined;
    const now = this.#parts.clock.wall();
    const found = [...this.#open.values()].flatMap(({ machine, report }) => {
      const at = report.heartbeatFileAt;
      if (machine.machinetype !== machinetype || this.#ended.has(machine.id) || machine.state !== 'running' || at === undefined) return [];
      if (type.heartbeat > 0 && elapsed(at, now) > type.heartbeat) return [];
      const address = this.#parts.addressOf?.(machine.id);
      return [{ at, name: machine.name, ...(address !== undefined && { address }) }];
    });
    return found.toSorted((a, b) => b.at - a.at);
  }
}
