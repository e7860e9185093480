import { createSocket } from 'node:dgram';
import { siteName } from '../core/decide/outcomes.ts';
import type { Machine } from '../core/machine.ts';
import type { Configuration } from '../core/settings.ts';
import type { Endpoint } from '../core/space/types.ts';
import { type Instant, type MachineId, unixSeconds } from '../core/units.ts';
import { openFactory, openMachine, openMachinetypes, type Sender } from '../core/vacquery/encode.ts';
import { pushCookie } from '../core/vacquery/limits.ts';
import { closeMessage } from '../core/vacquery/prepared.ts';
import { Names } from './space/names.ts';
import { hostStatus, type HostStatus, ownStatus, slotFacts } from './space/own-status.ts';
import { version } from './version.ts';
import type { FactoryView } from './view.ts';

const everySeconds = 60;
/** Machines whose end has been told, so that none is told twice; the oldest are forgotten beyond this. */
const mostTold = 10_000;
const product = `Vacua ${version}`;

export interface VacMonOptions {
  readonly view: () => Pick<FactoryView, 'lastTurn' | 'configuration' | 'machines' | 'status'>;
  /** Seconds of a clock that never steps. */
  readonly uptime: () => number;
  readonly wall: () => Instant;
  readonly names?: Pick<Names, 'addressOf' | 'faults' | 'keepOnly'>;
  /** Sends one datagram; replaced in tests. */
  readonly send?: (payload: Uint8Array, to: Endpoint) => void;
  readonly hostStatus?: (stateDir: string) => Promise<HostStatus>;
}

/**
 * Tells VacMon monitors what this factory and its machines do: one-way messages without retry (spec/vacquery.md §9.1).
 * Never throws: a monitor that cannot be found is a fact in `faults`.
 */
export class VacMon {
  readonly #options: VacMonOptions;
  readonly #names: Pick<Names, 'addressOf' | 'faults' | 'keepOnly'>;
  readonly #told = new Set<MachineId>();
  #pushedAt = Number.NEGATIVE_INFINITY;
  #socket: ReturnType<typeof createSocket> | undefined;
  #closed = false;

  constructor(options: VacMonOptions) {
    this.#options = options;
    this.#names = options.names ?? new Names();
  }

  /** Monitors that cannot be told, each with the reason. */
  faults(): readonly string[] {
    return [...this.#names.faults()].map(([name, why]) => `monitor ${name}: ${why}`);
  }

  /**
   * At the end of every turn; sends at most once a minute, and nothing for a turn in which the provider did not answer, as the
   * reference does. Resolves when the messages are on their way.
   */
  async turned(): Promise<void> {
    const { view, uptime, wall } = this.#options;
    const { configuration } = view().configuration();
    const turn = view().lastTurn();
    if (configuration === undefined || turn === undefined || turn.observed.listing.state === 'unknown') return;
    const monitors = this.#monitors(configuration);
    // Names are looked up beside the loop: monitors whose address is not known yet are told next time.
    if (monitors.length === 0 || uptime() - this.#pushedAt < everySeconds) return;
    this.#pushedAt = uptime();
    const host = await (this.#options.hostStatus ?? hostStatus)(configuration.settings.stateDir);
    const own = ownStatus({ ...turn.observed, machines: view().machines() }, configuration, host, product);
    const from = this.#sender(configuration);
    this.#push([openFactory(own.factory, from), ...openMachinetypes(own.machinetypes, from)], monitors, wall());
  }

  /** When the end of a machine has been recorded. One that never started is not told, nor is any told twice. */
  finished(machine: Machine): void {
    const { view, wall } = this.#options;
    const { configuration } = view().configuration();
    if (configuration === undefined || machine.state !== 'finished' || machine.startedAt === undefined || machine.heartbeatAt === undefined) return;
    const monitors = this.#monitors(configuration);
    if (monitors.length === 0 || this.#told.has(machine.id)) return;
    this.#told.add(machine.id);
    if (this.#told.size > mostTold) for (const oldest of this.#told) if (this.#told.size > mostTold) this.#told.delete(oldest);
    const slots = Math.max(view().status().slots, machine.slot + 1);
    this.#push([openMachine(slotFacts(machine), slots, this.#sender(configuration))], monitors, wall());
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
    this.#socket = undefined;
  }

  #monitors({ settings }: Configuration): readonly Endpoint[] {
    const wanted = settings.vacmonHostports.map((entry) => {
      const at = entry.lastIndexOf(':');
      return { name: entry.slice(0, at), port: Number(entry.slice(at + 1)) };
    });
    this.#names.keepOnly(new Set(wanted.map((w) => w.name)));
    return wanted.filter(({ port }) => port > 0 && port <= 65_535).flatMap(({ name, port }) => this.#names.addressOf(name, port) ?? []);
  }

  #sender({ settings }: Configuration): Sender {
    return { space: settings.space, site: siteName(settings), factory: settings.factoryName, version: product, component: 'vacd-factory' };
  }

  #push(open: readonly string[], monitors: readonly Endpoint[], now: Instant): void {
    if (this.#closed) return;
    for (const text of open) {
      const payload = closeMessage(text, pushCookie, unixSeconds(now));
      for (const monitor of monitors) (this.#options.send ?? this.#sendUdp)(payload, monitor);
    }
  }

  readonly #sendUdp = (payload: Uint8Array, { host, port }: Endpoint): void => {
    if (this.#socket === undefined) {
      this.#socket = createSocket('udp4');
      this.#socket.on('error', () => undefined); // nobody listens there: there is no retry, and nothing depends on it
      this.#socket.unref();
    }
    this.#socket.send(payload, port, host, () => undefined);
  };
}
