import { createHash, randomBytes } from 'node:crypto';
import type { Observed } from '../../core/observed.ts';
import type { Configuration, Ipv4Network, Settings } from '../../core/settings.ts';
import { ipv4Number } from '../../core/config/option-types.ts';
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
import { hostStatus, ownStatus } from './own-status.ts';
import { SpaceSocket } from './socket.ts';

export interface UdpSpaceOptions {
  readonly clock: Clock;
  /** In force when the space is opened; later ones come with `publish`. */
  readonly settings: Settings;
  /** Told when something about another host has changed. */
  readonly onFact?: (fact: PeerFact) => void;
  readonly names?: Names;
  readonly environment?: NodeJS.ProcessEnv;
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
      onDatagram: (payload, from) => this.#send(member.receive(payload, from, this.#options.clock.wall())),
    });
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
    if (!member) return this.#alone(kind, options.factories ?? [factoryName]);
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
      factories: [this.#self(now), ...others].toSorted((a, b) => (a.factory < b.factory ? -1 : 1)),
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

  #self(now: Instant): FactoryReport {
    const { factoryName: factory } = this.#settings;
    const own = this.#own;
    return {
      factory,
      heardAt: own?.at ?? now,
      machinetypes: (own?.machinetypes ?? []).map(({ machinetype, runningHs06, runningMachines, runningProcessors, numBeforeFizzle, ...t }) => ({
        factory,
        machinetype,
        runningHs06,
        runningMachines,
        runningProcessors,
        numBeforeFizzle,
        ...(t.shutdownMessage !== undefined && { shutdownMessage: t.shutdownMessage }),
        ...(t.shutdownAt !== undefined && { shutdownAt: t.shutdownAt }),
      })),
      version: product,
      ...(own && { facts: own.factory, factsAt: own.at }),
    };
  }

  /** A factory without others answers for itself; whoever else is named is silent. */
  #alone(kind: AskedKind, factories: readonly string[]): readonly FactoryAnswer[] {
    return factories.map((factory) => {
      const own = factory === this.#settings.factoryName ? this.#own : undefined;
      return {
        factory,
        answered: own ? 'complete' : 'silent',
        version: own ? product : '',
        ...(own && kind === 'factories' && { factoryFacts: own.factory }),
        machinetypes: own && kind === 'machinetypes' ? own.machinetypes : [],
        machines: own && kind === 'machines' ? own.machines : [],
      };
    });
  }
}

const withFault = (report: FactoryReport, fault: string | undefined): FactoryReport => (fault === undefined ? report : { ...report, why: fault });

function isWithin(host: string, networks: readonly Ipv4Network[]): boolean {
  const address = ipv4Number(host);
  return address !== undefined && networks.some((n) => Math.floor(address / 2 ** (32 - n.bits)) === Math.floor(n.address / 2 ** (32 - n.bits)));
}
