import type { JobId, JobSpec } from '../../core/jobs/job.ts';
import { submitted } from '../../core/jobs/record.ts';
import type { Instant } from '../../core/units.ts';
import type { Book } from './book.ts';
import { Ledger } from './ledger.ts';
import type { Transaction } from './tables.ts';

interface Submission {
  readonly now: Instant;
  readonly ready: boolean;
  readonly keys: readonly string[] | undefined;
  readonly nextId: (now: Instant) => JobId;
}

/** Jobs already submitted with one of these keys, by tenant and key. */
async function submittedBefore(t: Transaction, specs: readonly JobSpec[], keys: readonly string[]): Promise<Map<string, Map<string, JobId>>> {
  const known = new Map<string, Map<string, JobId>>();
  for (const tenant of new Set(specs.map((s) => s.tenant))) {
    const asked = keys.filter((_, i) => specs[i]?.tenant === tenant);
    known.set(tenant, new Map(await t.submissions(tenant, asked)));
  }
  return known;
}

/** The ids of all, in their order. A job whose key is known, also by one before it in the same submission, is not made again. */
export async function submitAll(t: Transaction, book: Book, specs: readonly JobSpec[], { now, ready, keys, nextId }: Submission): Promise<readonly JobId[]> {
  const ledger = new Ledger(book.usage);
  const known = keys === undefined ? undefined : await submittedBefore(t, specs, keys);
  let inserted = 0;
  const ids = specs.map((spec, i) => {
    const key = keys?.[i];
    const before = key === undefined ? undefined : known?.get(spec.tenant)?.get(key);
    if (before !== undefined) return before;
    const of = book.classOf(spec);
    if (of.added !== undefined) ledger.class(of.added);
    const record = submitted(nextId(now), spec, { class: of.id, ready, now });
    ledger.insert(record);
    inserted++;
    if (key !== undefined) {
      ledger.submission(spec.tenant, key, record.job.id);
      known?.get(spec.tenant)?.set(key, record.job.id);
    }
    return record.job.id;
  });
  if (inserted > 0) book.wrote(await t.write(ledger.changes()));
  return ids;
}
