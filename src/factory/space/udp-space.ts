import { createHash, randomBytes } from 'node:crypto';
import type { Observed } from '../../core/observed.ts';
import type { Configuration, Settings } from '../../core/settings.ts';
import type { CensusOptions, FactoryAnswer } from '../../core/space/census.ts';
import { createSpaceMember, type Member } from '../../core/space/member.ts';
import type { PeerFact, SpaceSettings } from '../../core/space/options.ts';
import type { FactoryReport, SpaceReport } from '../../core/space/report.ts';
import type { Datagram, OwnStatus, SpaceView } from '../../core/space/types.ts';
import { type Instant, type Seconds } from '../../core/units.ts';
import type { AskedKind } from '../../core/vacquery/query.ts';
import type { Clock } from '../clock.ts';
import type { SpacePart } from '../parts.ts';
import { version } from '../version.ts';
import { Discovery } from './discovery.ts';
import { loadKeys } from './key-files.ts';
import { Names } from './names.ts';
import { isWithin } from './network.ts';
import { aloneAnswers, hostStatus, ownStatus, selfReport } from './own-status.ts';
import type { SharedPort } from './shared-port.ts';
import { SpaceSocket } from './socket.ts';

export interface UdpSpaceOptions {
  readonly clock: Clock;
  /** In force when the space is opened; later ones come with `publish`. */
  readonly settings: Settings;
  /** Told when something about another host has changed. */
  readonly onFact?: (fact: PeerFact) => void;
  readonly names?: Names;
  readonly environment?: NodeJS.ProcessEnv;
  /** Other spaces of this daemon, which are asked at the same port. */
  readonly shared?: SharedPort;
}

const product = `Vacua ${version}`;
const longestTimer = 60_000;

/** The space over UDP: sockets, names, keys and time around `core/space/member.ts`. */
export class UdpSpace implements SpacePart {
  readonly #options: UdpSpaceOptions;
  readonly #names: Names;
  readonly #waiting = new Set<() => void>();
  #settings: Settings;
  #member: Member | undefined;
  #socket: SpaceSocket | undefined;
  #discovery: Discovery | undefined;
  #timer: NodeJS.Timeout | undefined;
  #own: OwnStatus | undefined;
  #keyFault: string | undefined;
  #closed = false;

  constructor(options: UdpSpaceOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#names = options.names ?? new Names();
  }

  /** Opens what the settings ask for; a factory without others opens nothing. What cannot be had is told by `report`. */
  async open(): Promise<void> {
    const settings = this.#settings;
    const others = settings.factories.some((name) => name !== settings.factoryName);
    if (this.#closed || (!others && settings.discovery === undefined)) return;
    const ours = this.#spaceSettings();
    if (!ours) return;
    const member = createSpaceMember(ours, this.#tools(), this.#options.clock.wall());
    if (this.#own) member.publish(this.#own, this.#options.clock.wall());
    const { vacqueryAddress: address } = settings;
    const socket = new SpaceSocket({
      port: settings.vacqueryPort,
      ...(address !== undefined && { address }),
      environment: this.#options.environment ?? process.env,
      onDatagram: (payload, from) => this.#send(this.#options.shared?.answer(payload, from) ?? member.receive(payload, from, this.#options.clock.wall())),
    });
    this.#options.shared?.lend(true);
    this.#member = member;
    this.#socket = socket;
    await socket.open();
    if (this.#socket !== socket) return; // closed, or opened again with other settings, meanwhile
    if (settings.discovery) {
      this.#discovery = new Discovery({
        ...settings.discovery,
        ...(address !== undefined && { address }),
        announcement: () => member.announcement(settings.vacqueryPort),
        heard: (payload, from) => member.announced(payload, from, this.#options.clock.wall()),
        onChange: () => this.#reconfigure(),
      });
      await this.#discovery.open();
    }
    this.#tick();
  }

  view(now: Instant): SpaceView {
    return this.#member?.view(now) ?? { peers: [], silent: [] };
  }

  publish(observed: Observed, configuration: Configuration): void {
    void this.#publish(observed, configuration);
  }

  shift(by: Seconds): void {
    this.#member?.shift(by);
    this.#schedule();
  }

  async settled(within: Seconds): Promise<void> {
    const member = this.#member;
    if (!member || member.settled) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(limit);
        this.#waiting.delete(look);
        resolve();
      };
      const look = (): void => {
        if (member.settled) done();
      };
      const limit = setTimeout(done, within * 1000);
      this.#waiting.add(look);
    });
  }

  async ask(kind: AskedKind, options: CensusOptions): Promise<readonly FactoryAnswer[]> {
    const member = this.#member;
    const { factoryName } = this.#settings;
    if (!member) return aloneAnswers(kind, options.factories ?? [factoryName], factoryName, this.#own, product);
    const census = member.ask(kind, options, this.#options.clock.wall());
    this.#tick();
    if (!census.done) await new Promise<void>((resolve) => (census.onDone = resolve));
    return [...census.answers.values()].toSorted((a, b) => (a.factory < b.factory ? -1 : 1));
  }

  own(): OwnStatus | undefined {
    return this.#own;
  }

  report(): SpaceReport {
    const now = this.#options.clock.wall();
    const { space, factoryName: factory, vacqueryPort: port } = this.#settings;
    const told = this.#member?.report(now);
    const faults = this.#names.faults();
    const others = (told?.factories ?? []).map((f) => withFault(f, faults.get(f.factory)));
    const problems = [this.#keyFault, this.#socket?.fault, this.#discovery?.fault, ...[...faults].map(([name, why]) => `${name}: ${why}`)];
    const { rejected } = told?.counters ?? {};
    return {
      space,
      factory,
      at: now,
      port,
      factories: [selfReport(factory, this.#own, now, product), ...others].toSorted((a, b) => (a.factory < b.factory ? -1 : 1)),
      ignored: Object.fromEntries(Object.entries(rejected ?? {}).filter(([, count]) => count > 0)),
      problems: problems.filter((p) => p !== undefined),
      strangers: told?.strangers ?? [],
      ...(told?.fingerprint !== undefined && { key: told.fingerprint }),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#shut();
  }

  #shut(): void {
    clearTimeout(this.#timer);
    this.#discovery?.close();
    this.#socket?.close();
    this.#member?.close();
    if (this.#socket) this.#options.shared?.lend(false);
    this.#discovery = undefined;
    this.#socket = undefined;
    this.#member = undefined;
  }

  async #publish(observed: Observed, configuration: Configuration): Promise<void> {
    const own = ownStatus(observed, configuration, await hostStatus(configuration.settings.stateDir), product);
    if (this.#closed) return;
    this.#own = own;
    await this.#follow(configuration.settings);
    this.#send(this.#member?.publish(own, this.#options.clock.wall()) ?? []);
    this.#schedule();
  }

  /** A changed configuration: sockets are opened again only when they must be. */
  async #follow(settings: Settings): Promise<void> {
    const before = this.#settings;
    if (settings === before) return;
    this.#settings = settings;
    const transport = (s: Settings): string => JSON.stringify([s.vacqueryPort, s.vacqueryAddress, s.discovery, s.space, s.factoryName]);
    if (this.#member && transport(settings) === transport(before)) return this.#reconfigure();
    this.#shut();
    await this.open();
  }

  #reconfigure(): void {
    const ours = this.#spaceSettings();
    if (!ours) return this.#shut();
    this.#names.keepOnly(new Set(ours.factories));
    this.#member?.configure(ours, this.#options.clock.wall());
    this.#schedule();
  }

  /** Undefined: a key cannot be used, and without it nothing must be said. */
  #spaceSettings(): SpaceSettings | undefined {
    const s = this.#settings;
    try {
      const keys = loadKeys(s.spaceKeyFiles);
      this.#keyFault = undefined;
      return {
        space: s.space,
        factory: s.factoryName,
        factories: [...new Set([...s.factories, ...(this.#discovery?.factories ?? [])])],
        version: product,
        refresh: s.spaceRefresh,
        udpTimeout: s.udpTimeout,
        keys,
        acceptUnsignedFrom: new Set(s.acceptUnsignedFrom),
        push: s.push,
      };
    } catch (error) {
      this.#keyFault = `${error instanceof Error ? error.message : String(error)}. Without its key this factory says nothing to others`;
      return undefined;
    }
  }

  #tools(): Parameters<typeof createSpaceMember>[1] {
    return {
      digest: (text) => createHash('sha256').update(text).digest('hex'),
      salt: () => randomBytes(32).toString('base64'),
      random: Math.random,
      session: randomBytes(6).toString('hex'),
      addressOf: (factory) => this.#discovery?.endpointOf(factory) ?? this.#names.addressOf(factory, this.#settings.vacqueryPort),
      isFriend: (host) => isWithin(host, this.#settings.acceptQueriesFrom),
      onFact: (fact) => this.#options.onFact?.(fact),
    };
  }

  #send(datagrams: readonly Datagram[]): void {
    if (datagrams.length > 0) this.#socket?.send(datagrams);
    for (const look of this.#waiting) look();
    this.#schedule();
  }

  #tick(): void {
    this.#send(this.#member?.tick(this.#options.clock.wall()) ?? []);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const member = this.#member;
    if (!member) return;
    const wait = Math.min(longestTimer, Math.max(0, Math.ceil(member.nextTick - this.#options.clock.wall())));
    this.#timer = setTimeout(() => this.#tick(), wait);
  }
}

const withFault = (report: FactoryReport, fault: string | undefined): FactoryReport => (fault === undefined ? report : { ...report, why: fault });
