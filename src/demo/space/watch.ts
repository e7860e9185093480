import { isLive, type Machine } from '../../core/machine.ts';
import { seconds } from '../../core/units.ts';
import { ControlClient } from '../../factory/control/client.ts';
import { layout } from '../../factory/layout.ts';
import { type Ban, bansOf, defiant, type Sight } from './rules.ts';
import { type Host, pace, type Places, stateDirOf } from './site.ts';

/** Looks at every factory through its control API, again and again, and remembers what must not be forgotten between two looks. */
export class Watch {
  readonly #clients: ReadonlyMap<Host, ControlClient>;
  readonly #bans = new Map<Host, Ban[]>();
  /** What each factory has shown last; absent: it does not answer now. */
  readonly now = new Map<Host, Sight>();
  /** The last records of each factory, also of one that is dead. */
  readonly records = new Map<Host, readonly Machine[]>();
  /** Machines started against a back-off that their factory knew of, by machine. */
  readonly defied = new Map<string, string>();
  /** Judged by it: starts of machines while some back-off was known to their factory. */
  bansSeen = 0;

  constructor(hosts: readonly Host[], places: Places) {
    this.#clients = new Map(hosts.map((host) => [host, new ControlClient(layout(stateDirOf(places, host)).control, 5000)]));
  }

  client(host: Host): ControlClient {
    const client = this.#clients.get(host);
    if (client === undefined) throw new TypeError(`no host ${host.id}`);
    return client;
  }

  async look(hosts: readonly Host[]): Promise<void> {
    await Promise.all(hosts.map((host) => this.#lookAt(host)));
  }

  /** A factory that was killed knows less when it comes back: only its own books count then. */
  killed(host: Host): void {
    this.now.delete(host);
    this.#bans.delete(host);
  }

  /** All machines of the space that live, those of dead factories included. */
  get live(): readonly Machine[] {
    return [...this.records.values()].flat().filter(isLive);
  }

  async #lookAt(host: Host): Promise<void> {
    const client = this.client(host);
    let sight: Sight;
    try {
      // In this order: a ban that is told now holds for machines which are not in the list yet.
      const machines = await client.machines();
      sight = { machines, report: await client.space() };
    } catch {
      this.now.delete(host); // it has just been ended, or is starting
      return;
    }
    this.now.set(host, sight);
    this.records.set(host, sight.machines);
    const bans = this.#bans.get(host) ?? [];
    for (const { machine, ban } of defiant(sight.machines, bans)) {
      this.defied.set(
        machine.id,
        `${machine.name} (${machine.machinetype}) begun ${(ban.until - machine.createdAt) / 1000} s early after an abort on ${ban.from}`,
      );
    }
    const fresh = bansOf(sight, seconds(pace.backoff)).filter(
      (b) => !bans.some((o) => o.machinetype === b.machinetype && o.from === b.from && o.until === b.until),
    );
    this.bansSeen += fresh.length;
    this.#bans.set(host, [...bans, ...fresh].slice(-500));
  }
}
