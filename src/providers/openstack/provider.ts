import type { CloudOffer } from '../../core/cloud/offer.ts';
import type { OpenStackApi, Secret } from '../../core/cloud/settings.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { type Instant, type MachineId, seconds } from '../../core/units.ts';
import { type Capabilities, type Finding, type MachineOrder, type Provider, ProviderError, type ProviderList } from '../contract.ts';
import { FloatingAddresses } from './floating.ts';
import { Finder } from './finder.ts';
import { Gate } from './gate.ts';
import { Images } from './images.ts';
import { keepConsole } from './keep-console.ts';
import { Kept } from './kept.ts';
import { listServers } from './listing.ts';
import { offerOf } from './offer.ts';
import { Once, unless } from './once.ts';
import { pauseFor } from './pause.ts';
import { Reasons } from './reasons.ts';
import { Resources } from './resources.ts';
import { Console, Created, Limits } from './schema.ts';
import { serverBody } from './server-body.ts';
import { type Census, census, type Own } from './servers.ts';
import { parsed, Session } from './session.ts';
import { verify } from './verify.ts';

export interface OpenStackOptions {
  readonly api: OpenStackApi;
  readonly space: string;
  readonly manager: string;
  /** Called at every sign-in, so that a changed password is found. */
  readonly readSecret: (secret: Secret) => Promise<string>;
  readonly now: () => Instant;
  /** Newest bytes of a console that are given and kept. */
  readonly consoleMaxBytes: number;
  /** Where the console of a machine is kept when it is removed (`console.log`); absent: nowhere. */
  readonly directoryOf?: (id: MachineId) => string;
  /** For tests; absent: a timer. */
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** A POST is never given up before its answer: the machine that it may have made has to be known. */
const createSeconds = 120;
/** A cloud that has accepted a deletion and shows the server still is asked once more after this. */
const deleteAgainSeconds = 30;
const firstLook = 500;
const longestLook = 5000;
const never = (): AbortSignal => new AbortController().signal;

/** Machines in a project of an OpenStack cloud (docs/openstack.md, spec/cloud.md §7.2). */
export class OpenStackProvider implements Provider {
  readonly kind = 'openstack';
  readonly can: Capabilities = { console: true, models: ['cernvm3', 'cernvm4', 'vm-raw'], remote: true };
  readonly #options: OpenStackOptions;
  readonly #pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly #session: Session;
  readonly #resources: Resources;
  readonly #images: Images;
  readonly #reasons: Reasons;
  readonly #finder: Finder;
  readonly #floating: FloatingAddresses | undefined;
  /** Server of each machine, as far as it has been seen or made here. */
  readonly #servers = new Map<MachineId, string>();
  /** What is being done to a machine: one thing at a time. */
  readonly #doing = new Map<MachineId, Promise<unknown>>();
  readonly #copies = new Once<string, void>();
  readonly #tidied: Kept<void>;

  constructor(options: OpenStackOptions) {
    this.#options = options;
    const { api, space, now } = options;
    this.#pause = options.pause ?? pauseFor;
    this.#tidied = new Kept(now, seconds(600));
    this.#session = new Session({ api, readSecret: options.readSecret, now, gate: new Gate({ now, pause: this.#pause }) });
    this.#resources = new Resources(this.#session, api, now);
    this.#images = new Images({ session: this.#session, space, now, pause: this.#pause });
    this.#reasons = new Reasons(this.#session);
    this.#finder = new Finder(this.#session, space, () => this.#reading([]));
    this.#floating = api.floatingNetwork === undefined ? undefined : new FloatingAddresses(this.#session, this.#resources, space, api.floatingNetwork);
  }

  /** Signs in and negotiates. May be called again after a failure; nothing else needs it. */
  async open(signal: AbortSignal): Promise<{ readonly notes: readonly string[] }> {
    const { api } = this.#options;
    const version = await this.#session.microversion(signal);
    const regions = await this.#session.regions(signal);
    const notes: string[] = [];
    if (api.region === undefined && regions.length > 1) notes.push(`no region is configured and the cloud has ${regions.join(', ')}: the last one is used`);
    if (api.authUrl.startsWith('http:') && !/^http:\/\/(127\.|localhost[:/]|\[::1\])/.test(api.authUrl))
      notes.push(`${api.authUrl} is without TLS: password and tokens can be read on the way`);
    if (version < 69) notes.push(`compute API 2.${version}: while a cell of the cloud is down, its servers are missing from lists`);
    if (version < 52) notes.push(`compute API 2.${version}: machines cannot be tagged when they are made, and looking for one lists all`);
    return { notes };
  }

  async list(signal: AbortSignal): Promise<ProviderList> {
    const before = new Set(this.#servers.values());
    const limits = await this.#limits(signal);
    const flavors = await this.#resources.flavors(signal);
    const { servers, doubtful } = await listServers(this.#session, '', signal);
    const first = census(servers, this.#reading(flavors));
    const told = await this.#reasons.add(servers, new Set(first.own.map((o) => o.serverId)), signal);
    const seen = told === servers ? first : census(told, this.#reading(flavors));
    const complete = !doubtful && seen.unreadable === 0 && !(await this.#isShort(servers.length, limits.totalInstancesUsed, signal));
    this.#remember(seen, complete ? before : new Set());
    if (complete) this.#lookAfter(seen);
    return { complete, sightings: seen.own.map((o) => o.sighting), foreignProcessors: seen.foreignProcessors, offer: offerOf(limits, flavors) };
  }

  async create(order: MachineOrder, signal: AbortSignal): Promise<void> {
    await unless(
      signal,
      `creation of ${order.id}`,
      this.#alone(order.id, () => this.#create(order, signal)),
    );
  }

  async shutdown(id: MachineId, signal: AbortSignal): Promise<void> {
    const server = this.#servers.get(id) ?? (await this.#finder.find(id, signal))[0]?.serverId;
    if (server === undefined) return;
    // 409: it is not running (yet, or any more). The cloud presses the power button, and cuts the power when its own patience ends.
    await this.#session.ask(this.#action(server, { 'os-stop': null }, [404, 409]), signal);
  }

  async destroy(id: MachineId, signal: AbortSignal): Promise<void> {
    await unless(
      signal,
      `removal of ${id}`,
      this.#alone(id, () => this.#destroy(id, signal)),
    );
  }

  async console(id: MachineId): Promise<Uint8Array> {
    const server = this.#servers.get(id) ?? (await this.#finder.find(id, never()))[0]?.serverId;
    return server === undefined ? new Uint8Array() : this.#consoleOf(server, never());
  }

  verify(machinetypes: readonly Machinetype[], signal: AbortSignal): AsyncIterable<Finding> {
    const parts = { api: this.#options.api, session: this.#session, resources: this.#resources, images: this.#images };
    return verify(machinetypes, { ...parts, limits: async (s) => offerOf(await this.#limits(s), await this.#resources.flavors(s)) }, signal);
  }

  /** Waits for what is under way with the cloud. Machines run on. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#doing.values());
    await Promise.allSettled([this.#copies.settled(), this.#images.settled(), this.#floating?.settled(), this.#tidied.settled()]);
    await this.#session.close();
  }

  async #create(order: MachineOrder, signal: AbortSignal): Promise<void> {
    const { remote } = order;
    const { api, space, manager } = this.#options;
    if (remote === undefined) throw new ProviderError('ORDER_NOT_REMOTE', `machine ${order.id}: its order is for a host, not for a cloud`, { fault: 'host' });
    if (signal.aborted) return;
    if (this.#servers.has(order.id)) return;
    // All at once; the look first, because a machine that is there needs nothing else.
    const looked = this.#finder.find(order.id, signal);
    const wanted = Promise.all([
      this.#resources.flavor(remote.flavor, signal),
      this.#images.ensure(remote.image, signal),
      this.#resources.networks(signal),
      remote.rootPublicKey === undefined ? undefined : this.#resources.keyPair(remote.rootPublicKey, signal),
      this.#session.microversion(signal),
    ]);
    wanted.catch(() => undefined);
    const [there] = await looked;
    if (there !== undefined) {
      this.#servers.set(order.id, there.serverId);
      return;
    }
    const [flavor, imageId, networkIds, keyName, microversion] = await wanted;
    const { zones, securityGroups, configDrive } = api;
    const found = { flavorId: flavor.id, imageId, networkIds, zones, securityGroups, configDrive, microversion, ...(keyName !== undefined && { keyName }) };
    const json = serverBody(order, remote, space, manager, found);
    if (signal.aborted) return;
    const asking = { service: 'compute', method: 'POST', path: '/servers', json, withinSeconds: createSeconds } as const;
    const { server } = await this.#session.read(Created, asking, never()).catch((error: unknown) => {
      this.#doubt(error);
      throw error;
    });
    this.#servers.set(order.id, server.id);
  }

  /** What was remembered may have changed, when the cloud says that something is missing. */
  #doubt(error: unknown): void {
    if (!(error instanceof ProviderError) || error.fault === 'provider') return;
    this.#resources.forget();
    this.#images.forget();
  }

  async #destroy(id: MachineId, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await this.#floating?.release(id, signal);
    const asked = new Map<string, Instant>();
    const known = new Set([this.#servers.get(id)].filter((s) => s !== undefined));
    for (let wait = firstLook; ; wait = Math.min(wait * 1.5, longestLook)) {
      // A server that we know may have lost its tag, and not be found by it.
      const found = new Set([...(await this.#finder.find(id, signal)).map((o) => o.serverId), ...known]);
      const left = [...found].filter((s) => s !== '');
      const results = await Promise.all(left.map((server) => this.#remove(id, server, asked, signal)));
      for (const [i, server] of left.entries()) if (results[i] === 'gone') known.delete(server);
      if (left.every((_, i) => results[i] === 'gone')) break;
      await this.#pause(wait, signal);
      if (signal.aborted) return;
    }
    this.#servers.delete(id);
  }

  async #remove(id: MachineId, server: string, asked: Map<string, Instant>, signal: AbortSignal): Promise<'gone' | 'asked'> {
    const path = `/servers/${encodeURIComponent(server)}`;
    const before = asked.get(server);
    const now = this.#options.now();
    if (before !== undefined && now - before < deleteAgainSeconds * 1000) {
      const look = await this.#session.ask({ service: 'compute', method: 'GET', path, accept: [404] }, signal);
      return look.status === 404 ? 'gone' : 'asked';
    }
    if (before === undefined) await this.#keepConsole(id, server, signal);
    asked.set(server, now);
    // 409: somebody has locked it, or something else is being done to it. It is asked again.
    const answer = await this.#session.ask({ service: 'compute', method: 'DELETE', path, accept: [404, 409] }, signal);
    return answer.status === 404 ? 'gone' : 'asked';
  }

  async #keepConsole(id: MachineId, server: string, signal: AbortSignal): Promise<void> {
    const directory = this.#options.directoryOf?.(id);
    if (directory === undefined) return;
    const short = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
    // A console is a help for people; a machine that has to go is not kept for it.
    const text = await this.#consoleOf(server, short).catch(() => new Uint8Array());
    await keepConsole(directory, text);
  }

  /** Empty while there is none (409), and when the cloud has forgotten it (404 after power-off). */
  async #consoleOf(server: string, signal: AbortSignal): Promise<Uint8Array> {
    const asking = this.#action(server, { 'os-getConsoleOutput': {} }, [404, 409]);
    const answer = await this.#session.ask(asking, signal);
    if (answer.status === 404 || answer.status === 409) return new Uint8Array();
    const bytes = Buffer.from(parsed(Console, asking, answer).output ?? '');
    return bytes.subarray(Math.max(0, bytes.length - this.#options.consoleMaxBytes));
  }

  #action(server: string, json: object, accept: readonly number[]) {
    return { service: 'compute', method: 'POST', path: `/servers/${encodeURIComponent(server)}/action`, json, accept } as const;
  }

  /** One thing at a time for each machine, in the order in which they were asked for. */
  #alone<T>(id: MachineId, work: () => Promise<T>): Promise<T> {
    const before = this.#doing.get(id) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#doing.set(id, turn);
    void this.#done(id, turn);
    return turn;
  }

  async #done(id: MachineId, turn: Promise<unknown>): Promise<void> {
    await Promise.allSettled([turn]);
    if (this.#doing.get(id) === turn) this.#doing.delete(id);
  }

  #reading(flavors: CloudOffer['flavors']) {
    const known = new Map([...this.#servers].map(([id, server]) => [server, id]));
    return { space: this.#options.space, flavors, known, now: this.#options.now(), skew: this.#session.skew };
  }

  async #limits(signal: AbortSignal) {
    await this.#session.microversion(signal);
    return (await this.#session.read(Limits, { service: 'compute', method: 'GET', path: '/limits' }, signal)).limits.absolute;
  }

  /**
   * Fewer servers than the cloud itself counts in the project. Before Pike (2.53) its count drifted. One that was removed between the two
   * questions is no reason for doubt, so that the cloud is asked again.
   */
  async #isShort(listed: number, used: number, signal: AbortSignal): Promise<boolean> {
    if (used <= listed || (await this.#session.microversion(signal)) < 53) return false;
    return (await this.#limits(signal)).totalInstancesUsed > listed;
  }

  /** `before`: servers known when a complete list was begun; those of them that are not in it are forgotten. */
  #remember(seen: Census, before: ReadonlySet<string>): void {
    for (const [id, server] of this.#servers) if (before.has(server) && !this.#doing.has(id)) this.#servers.delete(id);
    for (const o of seen.own) if (!this.#doing.has(o.identity.id)) this.#servers.set(o.identity.id, o.serverId);
  }

  /** Beside the list, not in its way: copies go, addresses come, old images go. What fails is tried again with the next list. */
  #lookAfter(seen: Census): void {
    for (const copy of seen.copies) this.#copies.run(copy.serverId, () => this.#removeCopy(copy)).catch(() => undefined);
    for (const o of seen.own) if (o.sighting.power === 'running' && !o.floating) this.#floating?.give(o.identity.id, o.serverId).catch(() => undefined);
    const alive = new Set(seen.own.map((o) => o.identity.id));
    this.#tidied.get('floating addresses', never(), async () => this.#floating?.tidy(alive)).catch(() => undefined);
    void this.#images.tidy(new Set(seen.own.map((o) => o.imageId).filter((i) => i !== undefined)));
  }

  /** Two managers made one machine, or an answer was lost: the oldest stays (all managers come to the same choice). */
  async #removeCopy(copy: Own): Promise<void> {
    await this.#session.ask({ service: 'compute', method: 'DELETE', path: `/servers/${encodeURIComponent(copy.serverId)}`, accept: [404, 409] }, never());
  }
}
