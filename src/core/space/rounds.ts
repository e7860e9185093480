import { type Instant, instant, later, type Seconds } from '../units.ts';
import type { Status } from '../vacquery/decode.ts';
import type { AskedKind } from '../vacquery/query.ts';
import { Agenda } from './agenda.ts';

/**
 * When a question is repeated, as parts of the time in which it may be answered: early for a datagram that was lost, late for a slow
 * responder; five tries in all, as the reference has (spec/vacquery.md §7). With the default of 10 s: 0, 0.2, 0.5, 1.5, 4 s.
 */
const tryAt = [0, 0.02, 0.05, 0.15, 0.4] as const;
export const mostTries = tryAt.length;

/** Questions that are remembered after their end. */
const mostEnded = 4000;

export type Answered = 'complete' | 'partial' | 'silent';

/** One factory asked for one kind of status. */
export interface Question {
  readonly kind: AskedKind;
  readonly factory: string;
  /** The same in every try. */
  readonly cookie: string;
  readonly askedAt: Instant;
  readonly within: Seconds;
  readonly tries: number;
  tried: number;
  /** As many items as the factory says it has; unknown before its first reply. */
  expected: number | undefined;
  /** Latest of each item. */
  readonly items: Map<string, Status>;
  dueAt: Instant | undefined;
  readonly onItem?: (status: Status) => void;
  readonly onEnd: (answered: Answered) => void;
}

/** Questions under way. Ends each as soon as everything is there, or when its time is over. */
export class Rounds {
  readonly #byCookie = new Map<string, Question>();
  readonly #agenda = new Agenda<Question>();
  /** Cookies of questions that have ended, the oldest first. */
  readonly #ended = new Set<string>();

  get next(): Instant {
    return this.#agenda.next;
  }

  begin(question: Omit<Question, 'tried' | 'expected' | 'items' | 'dueAt'>): Question {
    const asked: Question = { ...question, tried: 0, expected: undefined, items: new Map(), dueAt: undefined };
    this.#byCookie.set(asked.cookie, asked);
    this.#agenda.put(asked, asked.askedAt);
    return asked;
  }

  /** A question that must be sent now, or undefined when none is due. Those whose time is over end here. */
  toSend(now: Instant): Question | undefined {
    for (let question = this.#agenda.take(now); question; question = this.#agenda.take(now)) {
      const over = question.tried >= question.tries || now >= later(question.askedAt, question.within);
      if (over) {
        this.#end(question, question.items.size > 0 ? 'partial' : 'silent');
        continue;
      }
      question.tried += 1;
      this.#agenda.put(question, this.#nextLook(question, now));
      return question;
    }
    return undefined;
  }

  /** The question that this cookie belongs to (spec/vacquery.md §5). */
  asked(cookie: unknown): Question | undefined {
    return typeof cookie === 'string' ? this.#byCookie.get(cookie) : undefined;
  }

  /** A repeat of a reply that is no longer needed: ordinary, and no reason to suspect its sender. */
  isLate(cookie: unknown): boolean {
    return typeof cookie === 'string' && this.#ended.has(cookie);
  }

  /** A reply to that question. False: the factory has sent more items than anyone can have. */
  accept(question: Question, status: Status): boolean {
    question.expected = Math.max(1, status.of);
    if (!question.items.has(status.item) && question.items.size >= question.expected) return false;
    question.items.set(status.item, status);
    question.onItem?.(status);
    if (question.items.size >= question.expected) this.#end(question, 'complete');
    return true;
  }

  cancel(question: Question): void {
    this.#byCookie.delete(question.cookie);
    this.#agenda.cancel(question);
  }

  shift(milliseconds: number): void {
    this.#agenda.shift(milliseconds);
    for (const question of this.#byCookie.values()) (question as { askedAt: Instant }).askedAt = instant(question.askedAt + milliseconds);
  }

  #end(question: Question, answered: Answered): void {
    this.cancel(question);
    this.#ended.add(question.cookie);
    if (this.#ended.size <= mostEnded) return question.onEnd(answered);
    const [oldest] = this.#ended;
    if (oldest !== undefined) this.#ended.delete(oldest);
    question.onEnd(answered);
  }

  /** The next try, but never at once after a late one; after the last, the end of its time. */
  #nextLook(question: Question, now: Instant): Instant {
    const part = question.tried < question.tries ? tryAt[question.tried] : undefined;
    const end = later(question.askedAt, question.within);
    if (part === undefined) return end;
    const gap = part - (tryAt[question.tried - 1] ?? 0);
    return instant(Math.min(end, Math.max(later(question.askedAt, part * question.within), later(now, gap * question.within))));
  }
}
