import { asciiJson } from './text.ts';

const ascii = new TextEncoder();

/** Messages of one kind that differ from answer to answer only in their ends: serialised once, then copied (spec/vacquery.md §10). */
export class Prepared {
  readonly count: number;
  /** Bytes of the longest message without its ending. */
  readonly longest: number;
  readonly #bytes: Uint8Array;
  /** Ends of the messages in `#bytes`. */
  readonly #ends: readonly number[];

  /** `open`: ASCII messages without closing braces. */
  constructor(open: readonly string[]) {
    this.count = open.length;
    this.longest = Math.max(0, ...open.map((text) => text.length));
    this.#bytes = ascii.encode(open.join(''));
    let end = 0;
    this.#ends = open.map((text) => (end += text.length));
  }

  /** The first `most` messages, each closed by the same ending. */
  closed(ending: string, most = this.count): Uint8Array[] {
    const count = Math.max(0, Math.min(most, this.count));
    const tail = ascii.encode(ending);
    const all = new Uint8Array((this.#ends[count - 1] ?? 0) + count * tail.length);
    const messages: Uint8Array[] = [];
    let from = 0;
    let to = 0;
    for (const end of this.#ends.slice(0, count)) {
      const begin = to;
      all.set(this.#bytes.subarray(from, end), to);
      to += end - from;
      all.set(tail, to);
      to += tail.length;
      from = end;
      messages.push(all.subarray(begin, to));
    }
    return messages;
  }

  /** The messages as text, each still open. */
  open(count = this.count): string[] {
    const text = new TextDecoder('latin1').decode(this.#bytes);
    return this.#ends.slice(0, count).map((end, i) => text.slice(this.#ends[i - 1] ?? 0, end));
  }
}

/** What differs between answers. `cookie` is JSON text; `sentAt` whole seconds since 1970. */
export const replyEnding = (cookie: string, sentAt: number): string => `, "cookie": ${cookie}, "time_sent": ${sentAt}`;

/** One complete unsigned message, for pushes (spec/vacquery.md §9). */
export const closeMessage = (open: string, cookie: string, sentAt: number): Uint8Array => ascii.encode(`${open}${replyEnding(asciiJson(cookie), sentAt)}}`);
