import { StoreError, type StoreErrorCode } from '../store.ts';

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const codes: ReadonlyMap<number, readonly [StoreErrorCode, string]> = new Map([
  [5, ['BUSY', 'is held by another process']],
  [6, ['BUSY', 'is held by another process']],
  [8, ['UNREACHABLE', 'cannot be written; give the file and its directory to the user of the queue']],
  [10, ['UNREACHABLE', 'cannot be read or written: the disk reports an error']],
  [11, ['DAMAGED', 'is damaged; restore it from a copy']],
  [13, ['FULL', 'is full; free space on its disk']],
  [14, ['UNREACHABLE', 'cannot be opened; its directory must exist and belong to the user of the queue']],
  [26, ['DAMAGED', 'is not a store: the file is something else']],
]);

/** StoreError for whatever SQLite or the file system threw; a StoreError as it is. */
export function sqliteError(path: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && 'syscall' in cause && 'code' in cause)
    return new StoreError(cause.code === 'ENOSPC' ? 'FULL' : 'UNREACHABLE', `${path} cannot be opened: ${message}`, { cause });
  const number = cause instanceof Error && 'errcode' in cause && typeof cause.errcode === 'number' ? cause.errcode & 0xff : 0;
  const [code, text] = codes.get(number) ?? ['DAMAGED', `cannot be used: ${message}`];
  return new StoreError(code, `${path} ${text}`, { cause });
}
