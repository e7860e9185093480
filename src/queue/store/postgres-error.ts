import { StoreError, type StoreErrorCode } from '../store.ts';

/** SQLSTATE codes and classes (postgresql.org/docs/15/errcodes-appendix.html) and codes of Node's sockets; the longest that fits counts. */
const codes: readonly (readonly [string, StoreErrorCode, string])[] = [
  ['53100', 'FULL', 'is full; free space on its disk'],
  ['53200', 'BUSY', 'has no memory left'],
  ['53300', 'BUSY', 'has no connection left; raise max_connections or run fewer queue servers'],
  ['53', 'BUSY', 'lacks resources'],
  ['55P03', 'BUSY', 'is held by another queue server'],
  ['57014', 'BUSY', 'took too long'],
  ['40', 'BUSY', 'could not order this transaction among others'],
  ['57P', 'UNREACHABLE', 'is stopping or starting'],
  ['25P03', 'UNREACHABLE', 'ended a transaction that stood still'],
  ['25006', 'UNREACHABLE', 'is a standby, which cannot be written; name the primary'],
  ['08', 'UNREACHABLE', 'cannot be reached'],
  ['28', 'UNREACHABLE', 'does not let this user in'],
  ['3D', 'UNREACHABLE', 'does not exist; create the database'],
  ['42501', 'UNREACHABLE', 'does not permit this user to do that; give it the right to create a schema'],
  ['58', 'UNREACHABLE', 'cannot read or write its files'],
  ['XX', 'DAMAGED', 'is damaged; restore it from a copy'],
];
const network = /^(E[A-Z]+|ENOENT)$/u;
const broken = /connection (terminated|error|ended)|not queryable|timeout|timed out|server closed|was closed/iu;

/** StoreError for whatever the client rejected with; a StoreError as it is. `name`: of the store, without its password. */
export function postgresError(name: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  const known = codes.find(([prefix]) => code.startsWith(prefix) && code.length === 5);
  if (known !== undefined) return new StoreError(known[1], `${name} ${known[2]}: ${message}`, { cause });
  const away = network.test(code) || (code === '' && (broken.test(message) || cause instanceof AggregateError));
  return away
    ? new StoreError('UNREACHABLE', `${name} cannot be reached: ${message || code}`, { cause })
    : new StoreError('DAMAGED', `${name} cannot be used: ${message}`, { cause });
}
