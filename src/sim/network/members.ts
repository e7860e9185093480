import { createHash, createHmac } from 'node:crypto';
import type { PeerStatus } from '../../core/observed.ts';
import type { Member } from '../../core/space/member.ts';
import { createSpaceMember } from '../../core/space/member.ts';
import type { Datagram, OwnStatus } from '../../core/space/types.ts';
import { type Instant, instant, later, seconds, type Seconds } from '../../core/units.ts';
import type { SpaceKey } from '../../core/vacquery/seal.ts';
import type { Agenda } from '../agenda.ts';
import type { Random } from '../random.ts';
import type { NetworkOptions, OnNews, SpaceNetwork } from './types.ts';

const port = 995;
/** A daemon decides at the latest after this, whoever has not answered. */
const firstRound = 15;
/** A waiting factory looks again so long after something has come in. */
const newsSeconds = 2;

/** The key that a space with `push` has. */
const key: SpaceKey = {
  fingerprint: '5eed5eed',
  mac: (bytes) => createHmac('sha256', 'simulation').update(bytes).digest('hex').slice(0, 32),
};

interface Station {
  readonly member: Member;
  skew: Seconds;
  ready: (() => void) | undefined;
  waiting: boolean;
  tickAt: Instant;
}

/** The space with every datagram: the real members of `src/core/space` with the real codec, over a network that delays and loses. */
export class MembersNetwork implements SpaceNetwork {
  messages = 0;
  readonly #options: NetworkOptions;
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #onNews: OnNews;
  readonly #index: ReadonlyMap<string, number>;
  readonly #stations = new Map<number, Station>();
  readonly #cuts = new Map<string, ReadonlySet<number>>();
  readonly #loss = new Map<number, number>();
  #lives = 0;

  constructor(options: NetworkOptions, agenda: Agenda, random: Random, onNews: OnNews) {
    this.#options = options;
    this.#agenda = agenda;
    this.#random = random;
    this.#onNews = onNews;
    this.#index = new Map(options.names.map((name, i) => [name, i]));
  }

  open(factory: number, skew: Seconds, ready: () => void): void {
    const { names, space, refresh, udpTimeout, push } = this.#options;
    const settings = {
      space,
      factory: names[factory] ?? '',
      factories: names,
      version: 'Vacua simulation',
      refresh,
      udpTimeout,
      keys: push ? [key] : [],
      acceptUnsignedFrom: new Set<string>(),
      push,
    };
    const tools = {
      digest: (text: string) => createHash('sha256').update(text).digest('hex'),
      salt: () => Array.from({ length: 44 }, () => String.fromCharCode(97 + Math.floor(this.#random() * 26))).join(''),
      random: this.#random,
      session: (++this.#lives).toString(16).padStart(12, '0'),
      addressOf: (name: string) => (this.#index.has(name) ? { host: name, port } : undefined),
    };
    const member = createSpaceMember(settings, tools, later(this.#agenda.now, skew));
    const station: Station = { member, skew, ready, waiting: false, tickAt: instant(Number.POSITIVE_INFINITY) };
    this.#stations.set(factory, station);
    this.#agenda.at(later(this.#agenda.now, firstRound), () => this.#settle(station));
    this.#schedule(factory, station);
  }

  publish(factory: number, own: OwnStatus): void {
    const station = this.#stations.get(factory);
    if (station === undefined) return;
    this.#send(factory, station, station.member.publish(own, this.#wall(station)));
  }

  view(factory: number): { readonly peers: readonly PeerStatus[]; readonly silent: readonly string[] } {
    const station = this.#stations.get(factory);
    if (station === undefined) return { peers: [], silent: [] };
    const { peers, silent } = station.member.view(this.#wall(station));
    return { peers, silent: silent.map((one) => one.factory) };
  }

  lost(factory: number): void {
    this.#stations.delete(factory);
  }

  cut(name: string, factories: readonly number[]): void {
    this.#cuts.set(name, new Set(factories));
  }

  heal(name: string): void {
    this.#cuts.delete(name);
  }

  setLoss(factories: readonly number[], loss: number | undefined): void {
    for (const factory of factories) {
      if (loss === undefined) this.#loss.delete(factory);
      else this.#loss.set(factory, loss);
    }
  }

  shift(factory: number, by: Seconds): void {
    const station = this.#stations.get(factory);
    if (station === undefined) return;
    station.skew = seconds(station.skew + by);
    station.member.shift(by);
  }

  await(factory: number): void {
    const station = this.#stations.get(factory);
    if (station !== undefined) station.waiting = true;
  }

  #send(from: number, station: Station, datagrams: readonly Datagram[]): void {
    for (const { to, payload } of datagrams) {
      this.messages += 1;
      const target = this.#index.get(to.host);
      if (target === undefined || !this.#passes(from, target)) continue;
      this.#agenda.at(later(this.#agenda.now, this.#options.delay * (0.5 + this.#random())), () => this.#arrive(from, target, payload));
    }
    this.#schedule(from, station);
  }

  #arrive(from: number, to: number, payload: Uint8Array): void {
    const station = this.#stations.get(to);
    if (station === undefined) return;
    const answers = station.member.receive(payload, { host: this.#options.names[from] ?? '', port }, this.#wall(station));
    if (station.waiting) {
      station.waiting = false;
      this.#onNews(to, later(this.#agenda.now, newsSeconds));
    }
    if (station.member.settled) this.#settle(station);
    this.#send(to, station, answers);
  }

  #passes(from: number, to: number): boolean {
    for (const inside of this.#cuts.values()) if (inside.has(from) !== inside.has(to)) return false;
    const loss = Math.max(this.#options.loss, this.#loss.get(from) ?? 0, this.#loss.get(to) ?? 0);
    return loss === 0 || this.#random() >= loss;
  }

  #settle(station: Station): void {
    const { ready } = station;
    station.ready = undefined;
    ready?.();
  }

  #schedule(factory: number, station: Station): void {
    const at = later(station.member.nextTick, -station.skew);
    if (at >= station.tickAt || !Number.isFinite(at)) return;
    station.tickAt = at;
    this.#agenda.at(at, () => {
      if (station.tickAt !== at || this.#stations.get(factory) !== station) return;
      station.tickAt = instant(Number.POSITIVE_INFINITY);
      this.#send(factory, station, station.member.tick(this.#wall(station)));
      if (station.member.settled) this.#settle(station);
    });
  }

  #wall({ skew }: Station): Instant {
    return later(this.#agenda.now, skew);
  }
}
