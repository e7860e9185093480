import type { AgentFacts, Job } from '../../core/jobs/job.ts';
import type { HeadedLine } from '../../core/jobs/match.ts';
import { given } from '../../core/jobs/record.ts';
import type { Instant } from '../../core/units.ts';
import { type NotTaken, StoreError } from '../store.ts';
import type { Book } from './book.ts';
import { Ledger } from './ledger.ts';
import type { Transaction } from './tables.ts';

export interface TakeOrder {
  readonly kind: 'take';
  readonly agent: AgentFacts;
  readonly now: Instant;
  readonly until: Instant;
  readonly lease: string;
}

/**
 * Gives each agent in turn the best job, as if they came one after the other. Agents whose best jobs head different lines share a write; the first
 * whose best line has lost its head to one before it waits for the next write, after which the new head is known.
 */
export async function giveAway<O extends TakeOrder>(
  t: Transaction,
  book: Book,
  orders: readonly O[],
  answer: (order: O, value: Job | NotTaken) => void,
): Promise<void> {
  let rest = orders;
  while (rest.length > 0) {
    const chosen: { readonly order: O; readonly line: HeadedLine }[] = [];
    const headless = new Set<HeadedLine>();
    let looked = 0;
    for (const order of rest) {
      const line = book.best(order.agent, order.now);
      if (line !== undefined && headless.has(line)) break;
      looked++;
      if (line === undefined) {
        answer(order, book.none(order.agent, order.now));
        continue;
      }
      headless.add(line);
      chosen.push({ order, line });
      book.reserve(line, order.now);
    }
    rest = rest.slice(looked);
    if (chosen.length === 0) continue;
    for (const { line, order } of chosen) book.release(line, order.now);
    const records = new Map((await t.records({ leases: [], ids: chosen.map(({ line }) => line.head.id) })).map((r) => [r.job.id, r]));
    const ledger = new Ledger(book.usage);
    for (const { order, line } of chosen) {
      const record = records.get(line.head.id);
      if (record === undefined) throw new StoreError('DAMAGED', `the store has a place in a line for job ${line.head.id}, which does not exist`);
      const step = given(record, order.agent, order);
      ledger.step(record, step, order.now);
      answer(order, step.record?.job ?? record.job);
    }
    book.wrote(await t.write(ledger.changes()));
  }
}
