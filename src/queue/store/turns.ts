import { setImmediate as nextTurn } from 'node:timers/promises';
import { StoreError } from '../store.ts';
import type { Book } from './book.ts';
import { giveAway, type TakeOrder } from './give-away.ts';
import { type Outcome, type RecordOrder, stepAll } from './step-all.ts';
import type { Tables, Transaction } from './tables.ts';

/** Anything else that is done in a transaction. */
interface AloneOrder {
  readonly kind: 'alone';
  run(t: Transaction): Promise<unknown>;
}
type OrderBody = RecordOrder | AloneOrder | TakeOrder;
type Order = OrderBody & { resolve(value: unknown): void; reject(error: unknown): void };

const mostPerTransaction = 64;

/**
 * Orders that come while a transaction is under way share the next one: it costs one wait for the disk and one for the lock, however many they are.
 * A transaction that fails as a whole is done again order by order, so that a submission which finds the store full takes nobody's result with it.
 */
export class Turns {
  readonly #tables: Tables;
  readonly #book: Book;
  #waiting: Order[] = [];
  #busy: Promise<void> | undefined;
  #closed = false;

  constructor(tables: Tables, book: Book) {
    this.#tables = tables;
    this.#book = book;
  }

  /** Refuses further orders and waits for those that were accepted. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#busy !== undefined) await this.#busy;
  }

  /** Resolves when what the order did is committed. Rejects with StoreError; then nothing was done. */
  do<T>(body: OrderBody): Promise<T> {
    if (this.#closed) return Promise.reject(new StoreError('UNREACHABLE', 'the store is closed'));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ ...body, resolve: (value) => resolve(value as T), reject });
      this.#busy ??= this.#work();
    });
  }

  async #work(): Promise<void> {
    // After the callbacks of this turn of the event loop, so that requests which came together share a transaction.
    await nextTurn();
    while (this.#waiting.length > 0) {
      const orders = this.#waiting.splice(0, mostPerTransaction);
      const failed = await this.#try(orders);
      if (failed === undefined) continue;
      const again = orders.length > 1 && !(failed instanceof StoreError && (failed.code === 'BUSY' || failed.code === 'UNREACHABLE'));
      for (const order of orders) {
        const error = again ? await this.#try([order]) : failed;
        if (error !== undefined) order.reject(error);
      }
    }
    this.#busy = undefined;
  }

  /** All in one transaction; undefined when it was committed, and then every order is settled. */
  async #try(orders: readonly Order[]): Promise<unknown> {
    const settle: (() => void)[] = [];
    try {
      await this.#tables.transaction(async (t) => {
        settle.length = 0;
        await this.#book.refresh(t);
        const done = (order: Order, outcome: Outcome): void =>
          void settle.push(() => ('error' in outcome ? order.reject(outcome.error) : order.resolve(outcome.answer)));
        const records: (Order & RecordOrder)[] = [];
        const takes: (Order & TakeOrder)[] = [];
        for (const order of orders) {
          if (order.kind === 'record') records.push(order);
          else if (order.kind === 'take') takes.push(order);
          else done(order, { answer: await order.run(t) });
        }
        await stepAll(t, this.#book, records, done);
        // Last, so that they see what has just come or come back.
        await giveAway(t, this.#book, takes, (order, answer) => done(order, { answer }));
      });
    } catch (error) {
      this.#book.forget();
      return error;
    }
    for (const answer of settle) answer();
    return undefined;
  }
}
