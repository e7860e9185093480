import { earliest, elapsed, type Instant, instant, later, type Seconds, seconds } from '../units.ts';
import { openAnnouncement, readAnnouncement } from '../vacquery/announcement.ts';
import { cookieFor } from '../vacquery/cookie.ts';
import { readStatus, type Status, type StatusKind, statusKind } from '../vacquery/decode.ts';
import { at, type JsonObject, parseObject } from '../vacquery/json.ts';
import { messageBytes, pushCookie, replyBytes } from '../vacquery/limits.ts';
import { type AskedKind, openQuery, queryKind, readQuery } from '../vacquery/query.ts';
import type { Seal } from '../vacquery/seal.ts';
import { asciiJson } from '../vacquery/text.ts';
import { Agenda } from './agenda.ts';
import { Census, type CensusOptions } from './census.ts';
import { Ledger } from './ledger.ts';
import type { Counters, MemberReport, SpaceSettings, SpaceTools } from './options.ts';
import { ageLimit, hear, keepOnly, newPeer, pauseAfter, type Peer, peerReport, shiftPeer, viewOf } from './peers.ts';
import { Pusher } from './pusher.ts';
import { Responder } from './responder.ts';
import { type Answered, mostTries, type Question, Rounds } from './rounds.ts';
import { Envelope } from './trust.ts';
import type { Datagram, Endpoint, OwnStatus, SpaceMember, SpaceView } from './types.ts';

/** Datagrams are sent, and replies to them expected, in portions of this size … */
const portion = 100;
/** … that far apart, so that a burst of replies does not overflow a receive buffer of the kernel's default size. */
const portionSeconds = 0.01;
/** Replies expected of a factory that has not answered yet. */
const guess = { machinetypes: 2, machines: 16, factories: 1 } as const;
/** After one factory has come back, others that are silent are asked soon, at most this often: a partition may have healed. */
const healSeconds = 60;
/** A silent factory that asks us is alive and is asked back, at most this often. */
const askBackSeconds = 5;

const component = { machinetypes: 'vacd-factory', machines: 'vac-command', factories: 'vac-command' } as const;
const never = instant(Number.POSITIVE_INFINITY);

/** One factory's part in the space: what it answers, whom it asks, what it knows (spec/vacquery.md; docs/space.md). */
export class Member implements SpaceMember {
  readonly #tools: SpaceTools;
  readonly #envelope: Envelope;
  readonly #responder: Responder;
  readonly #pusher: Pusher;
  readonly #rounds = new Rounds();
  readonly #agenda = new Agenda<Peer>();
  readonly #peers = new Map<string, Peer>();
  readonly #censuses = new Set<Census>();
  readonly #ledger: Ledger;
  /** Factories by the address they were last reached at. */
  readonly #hosts = new Map<string, Peer>();
  #settings: SpaceSettings;
  #own: OwnStatus | undefined;
  /** Nothing is sent before. */
  #paced: Instant = instant(0);
  #healedAt: Instant = instant(0);
  /** When the addresses of factories were last gone through for that of an unknown caller. */
  #soughtAt: Instant = instant(0);

  constructor(settings: SpaceSettings, tools: SpaceTools, now: Instant) {
    this.#tools = tools;
    this.#envelope = new Envelope(tools.session);
    this.#responder = new Responder(this.#envelope);
    this.#pusher = new Pusher(this.#envelope);
    this.#ledger = new Ledger(tools.onFact);
    this.#settings = settings;
    this.configure(settings, now);
  }

  /** A new configuration: factories come and go, what is known of those that stay is kept. */
  configure(settings: SpaceSettings, now: Instant): void {
    const same = settings.space === this.#settings.space && settings.factory === this.#settings.factory;
    this.#settings = settings;
    this.#envelope.use(settings.keys);
    const wanted = new Set(settings.factories.filter((name) => name !== settings.factory));
    for (const [name, peer] of this.#peers) {
      if (same && wanted.has(name)) continue;
      this.#peers.delete(name);
      this.#agenda.cancel(peer);
      if (peer.endpoint) this.#hosts.delete(peer.endpoint.host);
    }
    for (const name of wanted) {
      if (this.#peers.has(name)) continue;
      const peer = newPeer(name);
      this.#peers.set(name, peer);
      this.#agenda.put(peer, now);
    }
  }

  publish(own: OwnStatus, now: Instant): readonly Datagram[] {
    this.#own = own;
    const { space, factory, push } = this.#settings;
    const sender = { space, factory, site: own.factory.site, version: own.factory.daemonVersion };
    this.#responder.publish(own, { ...sender, component: 'vacd-responder' });
    const listeners = push && this.#envelope.signs ? this.#answering() : [];
    this.#pusher.publish(own, { ...sender, component: 'vacd-factory' }, listeners, now);
    return [];
  }

  receive(payload: Uint8Array, from: Endpoint, now: Instant): readonly Datagram[] {
    this.#ledger.counts.received += 1;
    if (payload.length > replyBytes) return this.#reject('oversized', from, now);
    const object = parseObject(payload);
    if (!object) return this.#reject('garbled', from, now);
    const status = statusKind(object);
    if (status === undefined) return this.#answer(object, payload, from, now);
    this.#hear(status, object, payload, from, now);
    return [];
  }

  tick(now: Instant): readonly Datagram[] {
    if (now < this.#paced) return [];
    const out: Datagram[] = [...this.#pusher.take(portion, now)];
    this.#ledger.counts.pushes += out.length;
    let room = portion - out.length;
    for (let peer = this.#agenda.take(now); peer; peer = this.#agenda.take(now)) this.#ask(peer, now);
    while (room > 0) {
      const question = this.#rounds.toSend(now);
      if (!question) break;
      const peer = this.#peers.get(question.factory);
      const to = this.#tools.addressOf(question.factory);
      if (peer && to && peer.endpoint?.host !== to.host) this.#reachedAt(peer, to);
      if (!to) continue; // its name is being looked up: the next try may find it
      out.push({ to, payload: this.#query(question) });
      room -= question.expected ?? Math.max(guess[question.kind], (question.kind === 'machinetypes' && peer?.types.size) || 0);
    }
    this.#ledger.counts.sent += out.length;
    if (out.length > 0) this.#paced = later(now, portionSeconds);
    for (const census of this.#censuses) if (census.done) this.#censuses.delete(census);
    return out;
  }

  get nextTick(): Instant {
    const next = earliest(this.#agenda.next, this.#rounds.next, this.#pusher.next);
    return next === never ? never : instant(Math.max(next, this.#paced));
  }

  view(now: Instant): SpaceView {
    return viewOf(this.#peers.values(), ageLimit(this.#settings.refresh), now);
  }

  shift(by: Seconds): void {
    const milliseconds = by * 1000;
    this.#rounds.shift(milliseconds);
    this.#agenda.shift(milliseconds);
    this.#pusher.shift(milliseconds);
    this.#responder.shift(milliseconds);
    for (const peer of this.#peers.values()) shiftPeer(peer, milliseconds);
    this.#paced = instant(this.#paced + milliseconds);
    this.#healedAt = instant(this.#healedAt + milliseconds);
    this.#soughtAt = instant(this.#soughtAt + milliseconds);
  }

  /** Asks other factories once, for a person: all of them or those named. Factories known to be silent are given little time. */
  ask(kind: AskedKind, options: CensusOptions, now: Instant): Census {
    const names = options.factories ?? [this.#settings.factory, ...this.#peers.keys()];
    const census = new Census(kind, names, now);
    for (const factory of names) {
      if (factory === this.#settings.factory) {
        census.ownAnswer(factory, this.#own);
        continue;
      }
      const silent = (this.#peers.get(factory)?.failures ?? 0) > 0;
      const within = silent ? Math.min(1, options.within) : options.within;
      const question: Question = this.#begin(kind, factory, now, seconds(within), silent ? 2 : mostTries, (answered) => census.end(question, answered));
    }
    this.#censuses.add(census);
    return census;
  }

  /** What this factory says of itself to a multicast group. */
  announcement(port: number): Uint8Array {
    return this.#envelope.close(openAnnouncement(this.#settings, port));
  }

  /** Another factory of this space, from its announcement. Undefined: it is none that is believed. */
  announced(payload: Uint8Array, from: Endpoint, now: Instant): { readonly factory: string; readonly endpoint: Endpoint } | undefined {
    const object = payload.length > messageBytes ? undefined : parseObject(payload);
    const read = object && readAnnouncement(object, this.#settings.space);
    if (!object || read === undefined) return void this.#reject('garbled', from, now);
    if (typeof read === 'string') return void this.#reject(read, from, now);
    if (read.factory === this.#settings.factory) return undefined;
    const trust = this.#envelope.check(object, payload, this.#mayBeUnsigned(undefined, from));
    if (!trust.trusted) return void this.#reject(trust.why, from, now, undefined, trust.fingerprint && `key ${trust.fingerprint}`);
    return { factory: read.factory, endpoint: { host: from.host, port: read.port } };
  }

  /** Nothing is received or sent any more: whoever waits for answers has what there is. */
  close(): void {
    for (const census of this.#censuses) census.giveUp();
    this.#censuses.clear();
  }

  /** True when every factory has answered or has been silent for a whole round. */
  get settled(): boolean {
    for (const peer of this.#peers.values()) if (peer.rounds === 0) return false;
    return true;
  }

  get counters(): Counters {
    return this.#ledger.counters();
  }

  report(now: Instant): MemberReport {
    const oldest = later(now, -ageLimit(this.#settings.refresh));
    const { fingerprint } = this.#envelope;
    return {
      factories: [...this.#peers.values()].map((peer) => peerReport(peer, oldest)),
      counters: this.#ledger.counters(),
      strangers: this.#ledger.strangers(),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    };
  }

  #begin(
    kind: AskedKind,
    factory: string,
    now: Instant,
    within: Seconds,
    tries: number,
    onEnd: (answered: Answered) => void,
    onItem?: (s: Status) => void,
  ): Question {
    const cookie = cookieFor(this.#tools.salt(), factory, this.#tools.digest);
    return this.#rounds.begin({ kind, factory, cookie, askedAt: now, within, tries, onEnd, ...(onItem && { onItem }) });
  }

  /** A factory that was silent last time is asked once; others are asked until they have told everything. */
  #ask(peer: Peer, now: Instant): void {
    peer.askedAt = now;
    peer.askedSince ??= now;
    const question: Question = this.#begin('machinetypes', peer.name, now, this.#settings.udpTimeout, peer.failures > 0 ? 1 : mostTries, (answered) =>
      this.#ended(peer, question, answered),
    );
  }

  #ended(peer: Peer, question: Question, answered: Answered): void {
    if (this.#peers.get(peer.name) !== peer) return;
    const { refresh, udpTimeout } = this.#settings;
    const { random } = this.#tools;
    peer.rounds += 1;
    if (answered === 'silent') {
      peer.silentRounds += 1;
      peer.failures += 1;
      if (peer.failures === 1) this.#ledger.tell({ factory: peer.name, verdict: 'silent', ...(peer.endpoint && { address: peer.endpoint.host }) });
      const pause = pauseAfter(peer.failures, refresh) * (0.75 + random() / 2);
      this.#agenda.put(peer, later(question.askedAt, udpTimeout + pause));
      return;
    }
    if (answered === 'complete') keepOnly(peer, new Set(question.items.keys()));
    this.#agenda.put(peer, later(question.askedAt, refresh * (0.9 + random() / 5)));
  }

  /** A status message: a reply to a question of ours, or a push. The cookie is compared before anything else is used (spec/vacquery.md §5). */
  #hear(kind: StatusKind, object: JsonObject, payload: Uint8Array, from: Endpoint, now: Instant): void {
    if (at(object, 'space') !== this.#settings.space) return void this.#reject('other_space', from, now);
    const cookie = at(object, 'cookie');
    if (this.#rounds.isLate(cookie)) return;
    const question = this.#rounds.asked(cookie);
    const name = at(object, 'factory');
    const peer = typeof name === 'string' ? this.#peers.get(name) : undefined;
    if (!question && (cookie !== pushCookie || !peer)) return void this.#reject('unasked', from, now);
    if (question && (question.factory !== name || question.kind !== kind)) {
      return void this.#reject('misnamed', from, now, this.#peers.get(question.factory), typeof name === 'string' ? `answers as ${name}` : undefined);
    }
    const trust = this.#envelope.check(object, payload, this.#mayBeUnsigned(question?.factory, from));
    if (!trust.trusted) return void this.#reject(trust.why, from, now, peer, trust.fingerprint && `key ${trust.fingerprint}`);
    const read = readStatus(kind, object, now, payload.length);
    if ('wrong' in read) return void this.#reject('invalid', from, now, peer, read.wrong);
    if (read.lies.length > 0) this.#ledger.counts.lies += 1;
    if (question) this.#reply(question, read, trust.seal, from, now);
    else if (peer) this.#pushed(peer, read, trust.seal, from, now);
  }

  /** A query, or nothing that is known. */
  #answer(object: JsonObject, payload: Uint8Array, from: Endpoint, now: Instant): readonly Datagram[] {
    const kind = queryKind(object);
    const query = kind && readQuery(kind, object, payload);
    if (!query) return this.#reject('invalid', from, now);
    if (query.space !== this.#settings.space) return this.#reject('other_space', from, now);
    const source = this.#callerAt(from.host, now);
    const trust = this.#envelope.check(object, payload, this.#mayBeUnsigned(source?.name, from));
    if (!trust.trusted) return this.#reject(trust.why, from, now, source, trust.fingerprint && `key ${trust.fingerprint}`);
    const caller = (trust.seal && query.factory !== undefined ? this.#peers.get(query.factory) : undefined) ?? source;
    if (trust.seal && !this.#envelope.fresh(query.factory ?? from.host, trust.seal)) return this.#reject('replayed', from, now, caller);
    this.#ledger.counts.queries += 1;
    if (caller) this.#askBack(caller, now);
    const known = source !== undefined || isLoopback(from.host) || this.#tools.isFriend?.(from.host) === true;
    const answer = this.#responder.answer(query, payload.length, from, known, now);
    if (!answer) return this.#reject('limited', from, now, caller);
    this.#ledger.counts.sent += answer.length;
    return answer;
  }

  #reply(question: Question, status: Status, seal: Seal | undefined, from: Endpoint, now: Instant): void {
    this.#ledger.counts.replies += 1;
    const peer = this.#peers.get(question.factory);
    if (peer) {
      if (seal && (seal.session !== peer.session || seal.sequence > peer.sequence)) [peer.session, peer.sequence] = [seal.session, seal.sequence];
      const returned = peer.failures > 0 || peer.heardAt === undefined;
      peer.heardAt = now;
      peer.failures = 0;
      if (returned) this.#heal(peer, from, now);
    }
    if (!this.#rounds.accept(question, status)) return void this.#reject('too_many_items', from, now, peer);
    if (peer && status.kind === 'machinetypes') hear(peer, status, now);
  }

  /** Only from a process that has answered us, and only what is newer than all it has told (docs/space.md). */
  #pushed(peer: Peer, status: Status, seal: Seal | undefined, from: Endpoint, now: Instant): void {
    if (!this.#settings.push || status.kind !== 'machinetypes' || !seal) return void this.#reject('unasked', from, now, peer);
    if (seal.session !== peer.session) return this.#askBack(peer, now);
    if (seal.sequence <= peer.sequence) return void this.#reject('replayed', from, now, peer);
    peer.sequence = seal.sequence;
    this.#ledger.counts.replies += 1;
    hear(peer, status, now);
  }

  #heal(peer: Peer, from: Endpoint, now: Instant): void {
    if (peer.silentRounds === 0) return; // heard for the first time
    this.#ledger.tell({ factory: peer.name, address: from.host, verdict: 'answered' });
    if (elapsed(this.#healedAt, now) < healSeconds) return;
    this.#healedAt = now;
    for (const other of this.#peers.values()) {
      if (other.failures === 0 || other.dueAt === undefined) continue;
      const soon = later(now, 2 * this.#tools.random());
      if (other.dueAt > soon) this.#agenda.put(other, soon);
    }
  }

  #askBack(peer: Peer, now: Instant): void {
    const fresh = peer.failures === 0 && peer.session !== undefined;
    if (fresh || (peer.failures === 0 && !this.#envelope.signs)) return;
    const soon = later(peer.askedAt ?? now, askBackSeconds);
    if (peer.dueAt !== undefined && peer.dueAt > soon) this.#agenda.put(peer, instant(Math.max(now, soon)));
  }

  #query(question: Question): Uint8Array {
    const { space, factory, version } = this.#settings;
    const open = openQuery(question.kind, space, question.cookie, `${version} ${component[question.kind]}`);
    return this.#envelope.close(this.#envelope.signs ? `${open}, "vacua_factory": ${asciiJson(factory)}` : open);
  }

  #answering(): readonly Endpoint[] {
    const endpoints: Endpoint[] = [];
    for (const { failures, heardAt, endpoint } of this.#peers.values()) if (failures === 0 && heardAt !== undefined && endpoint) endpoints.push(endpoint);
    return endpoints;
  }

  #reachedAt(peer: Peer, endpoint: Endpoint): void {
    if (peer.endpoint && this.#hosts.get(peer.endpoint.host) === peer) this.#hosts.delete(peer.endpoint.host);
    peer.endpoint = endpoint;
    this.#hosts.set(endpoint.host, peer);
  }

  /** A factory whose address is this one; those never reached yet are looked up, so that they may ask before we do. */
  #callerAt(host: string, now: Instant): Peer | undefined {
    const known = this.#hosts.get(host);
    if (known || elapsed(this.#soughtAt, now) < 1) return known;
    this.#soughtAt = now;
    for (const peer of this.#peers.values()) {
      if (peer.endpoint) continue;
      const endpoint = this.#tools.addressOf(peer.name);
      if (endpoint) this.#reachedAt(peer, endpoint);
    }
    return this.#hosts.get(host);
  }

  #mayBeUnsigned(factory: string | undefined, from: Endpoint): boolean {
    const { acceptUnsignedFrom } = this.#settings;
    return acceptUnsignedFrom.has(from.host) || (factory !== undefined && acceptUnsignedFrom.has(factory));
  }

  #reject(why: Parameters<Ledger['reject']>[0], from: Endpoint, now: Instant, peer?: Peer, detail?: string): readonly Datagram[] {
    const text = this.#ledger.reject(why, from.host, now, detail, peer?.name);
    if (peer) {
      peer.rejected += 1;
      peer.rejection = text;
    }
    return [];
  }
}

const isLoopback = (host: string): boolean => host.startsWith('127.');

export const createSpaceMember = (settings: SpaceSettings, tools: SpaceTools, now: Instant): Member => new Member(settings, tools, now);
