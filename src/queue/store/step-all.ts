import type { JobId } from '../../core/jobs/job.ts';
import type { JobRecord, Step } from '../../core/jobs/record.ts';
import type { Instant } from '../../core/units.ts';
import { StoreError } from '../store.ts';
import type { Book } from './book.ts';
import { Ledger } from './ledger.ts';
import type { Transaction } from './tables.ts';

/** Changes a record that is named by its lease or its id. May throw StoreError; then nothing changes. */
export interface RecordOrder {
  readonly kind: 'record';
  readonly lease?: string;
  readonly id?: JobId;
  readonly now: Instant;
  step(record: JobRecord | undefined): { readonly step?: Step | undefined; readonly answer: unknown };
}
export type Outcome = { readonly answer: unknown } | { readonly error: StoreError };

/**
 * Does each order on its record in turn. Those that name different records share a read and a write; a second one on the same record sees what the first has made of it.
 * `settle` is called once for each, with its answer or the StoreError of a refusal.
 */
export async function stepAll<O extends RecordOrder>(
  t: Transaction,
  book: Book,
  orders: readonly O[],
  settle: (order: O, outcome: Outcome) => void,
): Promise<void> {
  let rest = orders;
  while (rest.length > 0) {
    const records = await t.records({ leases: rest.flatMap((o) => o.lease ?? []), ids: rest.flatMap((o) => o.id ?? []) });
    const byLease = new Map(records.flatMap((r) => (r.lease === undefined ? [] : [[r.lease, r]])));
    const byId = new Map(records.map((r) => [r.job.id, r]));
    const touched = new Set<JobId>();
    const again: O[] = [];
    const ledger = new Ledger(book.usage);
    for (const order of rest) {
      const record = order.lease === undefined ? order.id && byId.get(order.id) : byLease.get(order.lease);
      if (record !== undefined && touched.has(record.job.id)) {
        again.push(order);
        continue;
      }
      try {
        const { step, answer } = order.step(record);
        if (record !== undefined && step !== undefined) {
          ledger.step(record, step, order.now);
          touched.add(record.job.id);
        }
        settle(order, { answer });
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        settle(order, { error });
      }
    }
    if (touched.size > 0) book.wrote(await t.write(ledger.changes()));
    rest = again;
  }
}
