import type { Instant } from '../units.ts';
import { unixSeconds } from '../units.ts';
import { openEarlyStatuses, openFactory, openMachines, openMachinetypes, type Sender } from '../vacquery/encode.ts';
import { messageBytes } from '../vacquery/limits.ts';
import { Prepared, replyEnding } from '../vacquery/prepared.ts';
import type { Query, QueryKind } from '../vacquery/query.ts';
import { SourceLimits } from './source-limits.ts';
import type { Envelope } from './trust.ts';
import type { Datagram, Endpoint, OwnStatus } from './types.ts';

/** A signature's own keys at the end of a message. */
const sealBytes = 121;
/** A cookie of ours is 66; longer ones of others are echoed while the message stays whole on the wire. */
const cookieBytes = 66;

const serialise: { readonly [K in QueryKind]: (own: OwnStatus, from: Sender) => readonly string[] } = {
  factories: (own, from) => [openFactory(own.factory, from)],
  machinetypes: (own, from) => openMachinetypes(own.machinetypes, from),
  machines: (own, from) => openMachines(own.machines, from),
  status: openEarlyStatuses,
};

/** Answers from the last published facts, each kind serialised once (spec/vacquery.md §10). */
export class Responder {
  readonly #envelope: Envelope;
  readonly #limits = new SourceLimits();
  #own: OwnStatus | undefined;
  #sender: Sender | undefined;
  #prepared = new Map<QueryKind, Prepared>();

  constructor(envelope: Envelope) {
    this.#envelope = envelope;
  }

  publish(own: OwnStatus, sender: Sender): void {
    this.#own = own;
    this.#sender = sender;
    this.#prepared = new Map();
  }

  /** `known`: the source may have full answers. Undefined: it has asked too much, or its cookie is too long. */
  answer(query: Query, bytes: number, from: Endpoint, known: boolean, now: Instant): readonly Datagram[] | undefined {
    if (!this.#own || !this.#sender) return [];
    if (known && !this.#limits.admits(from.host, now)) return undefined;
    const prepared = this.#messages(query.kind, this.#own, this.#sender);
    const ending = replyEnding(query.cookie, unixSeconds(now));
    const added = ending.length + 1 + (this.#envelope.signs ? sealBytes : 0);
    if (query.cookie.length > cookieBytes && prepared.longest + added >= messageBytes) return undefined;
    if (known) return this.#closed(prepared, ending, prepared.count).map((payload) => ({ to: from, payload }));
    return this.#toStranger(prepared, ending, bytes, from);
  }

  shift(milliseconds: number): void {
    this.#limits.shift(milliseconds);
  }

  /** As many messages as the stranger has paid for with its own bytes. */
  #toStranger(prepared: Prepared, ending: string, bytes: number, from: Endpoint): readonly Datagram[] | undefined {
    let left = this.#limits.earned(from.host, bytes);
    const paid: Datagram[] = [];
    const most = Math.min(prepared.count, Math.ceil(left / ending.length));
    for (const payload of this.#closed(prepared, ending, most)) {
      if (payload.length > left) break;
      left -= payload.length;
      this.#limits.spent(from.host, payload.length);
      paid.push({ to: from, payload });
    }
    return paid.length === 0 && prepared.count > 0 ? undefined : paid;
  }

  #closed(prepared: Prepared, ending: string, count: number): Uint8Array[] {
    if (!this.#envelope.signs) return prepared.closed(`${ending}}`, count);
    return prepared.open(count).map((open) => this.#envelope.close(open + ending));
  }

  #messages(kind: QueryKind, own: OwnStatus, sender: Sender): Prepared {
    const known = this.#prepared.get(kind);
    if (known) return known;
    const made = new Prepared(serialise[kind](own, sender));
    this.#prepared.set(kind, made);
    return made;
  }
}
