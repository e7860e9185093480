import type { JobId } from '../../core/jobs/job.ts';
import type { JobFilter } from '../store.ts';
import type { Value } from './row.ts';

/**
 * SELECTs of a page of jobs, one for each state that is asked for, so that each follows an index and stops at the limit. Their rows together, in the order of
 * ids, begin with the page. `mark` writes the nth parameter, counted from 1.
 */
export function listingQueries(
  { tenant, owner, states, attribute, since }: JobFilter,
  { after, limit }: { readonly after?: JobId; readonly limit: number },
  about: { readonly table: string; readonly mark: (n: number) => string },
): { readonly sql: string; readonly values: Value[] }[] {
  const of = (state: string | undefined): { readonly sql: string; readonly values: Value[] } => {
    const values: Value[] = [];
    const terms: string[] = [];
    const where = (term: (mark: string) => string, value: Value | undefined): void => {
      if (value === undefined) return;
      values.push(value);
      terms.push(term(about.mark(values.length)));
    };
    where((m) => `tenant = ${m}`, tenant);
    where((m) => `owner = ${m}`, owner);
    where((m) => `state = ${m}`, state);
    where((m) => `' ' || attributes || ' ' LIKE ${m}`, attribute === undefined ? undefined : `% ${attribute} %`);
    where((m) => `changed_at >= ${m}`, since);
    where((m) => `id > ${m}`, after);
    values.push(limit);
    return {
      sql: `SELECT * FROM ${about.table}${terms.length === 0 ? '' : ` WHERE ${terms.join(' AND ')}`} ORDER BY id LIMIT ${about.mark(values.length)}`,
      values,
    };
  };
  return states === undefined ? [of(undefined)] : [...new Set(states)].map(of);
}
