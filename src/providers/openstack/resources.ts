import { createHash } from 'node:crypto';
import type { OpenStackApi } from '../../core/cloud/settings.ts';
import type { Flavor } from '../../core/cloud/offer.ts';
import { type Instant, seconds } from '../../core/units.ts';
import { ProviderError } from '../contract.ts';
import { Kept } from './kept.ts';
import { oneLine } from '../cloud/one-line.ts';
import { FlavorPage, KeyPair, type Network, NetworkPage, SecurityGroupPage, ZonePage } from './schema.ts';
import { parsed, type Session } from './session.ts';

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const never = (): AbortSignal => new AbortController().signal;
const flavorPages = 50;

/** What a server is made from and exists already: flavors, networks, key pairs. Remembered for some minutes. */
export class Resources {
  readonly #session: Session;
  readonly #api: OpenStackApi;
  readonly #flavors: Kept<readonly Flavor[]>;
  readonly #networks: Kept<readonly string[] | undefined>;
  readonly #keys: Kept<string>;

  constructor(session: Session, api: OpenStackApi, now: () => Instant) {
    this.#session = session;
    this.#api = api;
    this.#flavors = new Kept(now, seconds(600));
    this.#networks = new Kept(now, seconds(600));
    this.#keys = new Kept(now, seconds(3600));
  }

  /** After a refusal which says that one of them is not there. */
  forget(): void {
    this.#flavors.forget();
    this.#networks.forget();
    this.#keys.forget();
  }

  flavors(signal: AbortSignal): Promise<readonly Flavor[]> {
    return this.#flavors.get('list of flavors', signal, () => this.#readFlavors());
  }

  /** By id, else by name. */
  async flavor(wanted: string, signal: AbortSignal): Promise<Flavor> {
    const flavors = await this.flavors(signal);
    const flavor = flavors.find((f) => f.id === wanted) ?? flavors.find((f) => f.name === wanted);
    if (flavor !== undefined) return flavor;
    const some = flavors
      .slice(0, 20)
      .map((f) => oneLine(f.name, 40))
      .join(' ');
    throw new ProviderError('FLAVOR_MISSING', `flavor ${oneLine(wanted, 80)} is not there; valid are ${some || 'none'}`, { fault: 'host' });
  }

  /** Ids for a server. undefined: none are configured and the project has several or cannot list them, so that the cloud decides. */
  networks(signal: AbortSignal): Promise<readonly string[] | undefined> {
    return this.#networks.get('list of networks', signal, () => this.#findNetworks());
  }

  /** Name of the key pair with this public key, made when it is not there. Its name is a digest of the key, so that nobody's else is touched. */
  keyPair(publicKey: string, signal: AbortSignal): Promise<string> {
    const key = publicKey.trim().split(/\s+/).slice(0, 2).join(' ');
    if (!/^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+=*$/.test(key))
      throw new ProviderError(
        'KEY_INVALID',
        `the public key for root, "${oneLine(publicKey, 40)}", is no OpenSSH public key; valid is one line that begins with ssh-`,
        { fault: 'host' },
      );
    const name = `vacua-${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
    return this.#keys.get(name, signal, () => this.#ensureKey(name, key));
  }

  /** Of the configured ones, those that are not there. */
  async missingSecurityGroups(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#api.securityGroups.length === 0) return [];
    const page = await this.#session.read(SecurityGroupPage, { service: 'network', method: 'GET', path: '/security-groups?fields=id&fields=name' }, signal);
    return this.#api.securityGroups.filter((wanted) => !page.security_groups.some((g) => g.name === wanted || g.id === wanted));
  }

  async missingZones(signal: AbortSignal): Promise<readonly string[]> {
    if (this.#api.zones.length === 0) return [];
    const page = await this.#session.read(ZonePage, { service: 'compute', method: 'GET', path: '/os-availability-zone' }, signal);
    return this.#api.zones.filter((wanted) => !page.availabilityZoneInfo.some((z) => z.zoneName === wanted && z.zoneState.available));
  }

  async #readFlavors(): Promise<readonly Flavor[]> {
    const flavors: Flavor[] = [];
    for (let marker = '', pages = 0; pages < flavorPages; pages++) {
      const path = `/flavors/detail?limit=1000${marker === '' ? '' : `&marker=${encodeURIComponent(marker)}`}`;
      const page = await this.#session.read(FlavorPage, { service: 'compute', method: 'GET', path }, never());
      for (const f of page.flavors) flavors.push({ id: f.id, name: f.name, processors: f.vcpus, memoryMb: f.ram, diskGb: f.disk });
      const last = page.flavors.at(-1)?.id;
      if (page.flavors_links?.some((l) => l.rel === 'next') !== true || last === undefined || last === marker) break;
      marker = last;
    }
    return flavors;
  }

  async #findNetworks(): Promise<readonly string[] | undefined> {
    if (this.#api.networks.length > 0) return Promise.all(this.#api.networks.map((n) => this.network(n, never())));
    const page = await this.#session.read(NetworkPage, { service: 'network', method: 'GET', path: '/networks' }, never());
    const project = await this.#session.projectId(never());
    const usable = page.networks.filter((n) => !n['router:external'] && (n.shared || ownerOf(n) === project));
    if (usable.length <= 1) return usable.map((n) => n.id);
    const names = usable
      .slice(0, 20)
      .map((n) => oneLine(n.name, 40))
      .join(' ');
    throw new ProviderError('NETWORK_AMBIGUOUS', `no network is configured and the project can use several; valid is one or more of ${names}`, {
      fault: 'host',
      whole: true,
    });
  }

  /** Id of a network given by name or id. */
  async network(wanted: string, signal: AbortSignal): Promise<string> {
    const by = uuid.test(wanted) ? 'id' : 'name';
    const path = `/networks?${by}=${encodeURIComponent(wanted)}`;
    const found = (await this.#session.read(NetworkPage, { service: 'network', method: 'GET', path }, signal)).networks.filter((n) => n[by] === wanted);
    const [network] = found;
    if (network !== undefined && found.length === 1) return network.id;
    const [code, text] =
      found.length === 0
        ? (['NETWORK_MISSING', `network ${oneLine(wanted, 80)} is not there; valid is a name or id of \`openstack network list\``] as const)
        : (['NETWORK_AMBIGUOUS', `${found.length} networks are called ${oneLine(wanted, 80)}; valid is the id of one`] as const);
    throw new ProviderError(code, text, { fault: 'host', whole: true });
  }

  async #ensureKey(name: string, key: string): Promise<string> {
    const look = { service: 'compute', method: 'GET', path: `/os-keypairs/${name}`, accept: [404] } as const;
    const make = { service: 'compute', method: 'POST', path: '/os-keypairs', json: { keypair: { name, public_key: key } }, accept: [409] } as const;
    const there = await this.#session.ask(look, never());
    if (there.status === 404) {
      const made = await this.#session.ask(make, never());
      if (made.status !== 409) return name;
      // Another manager was faster, with the same key.
      return this.#ensureKey(name, key);
    }
    const { keypair } = parsed(KeyPair, look, there);
    if (keypair.public_key.trim().split(/\s+/).slice(0, 2).join(' ') === key) return name;
    throw new ProviderError('KEY_PAIR_DIFFERS', `key pair ${name} holds another key than its name says; valid is to delete it`, { fault: 'host' });
  }
}

const ownerOf = (n: Network): string | undefined => n.project_id ?? n.tenant_id;
