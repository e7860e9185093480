import type { DescriptionProblem } from '../refusal.ts';

/** Why a queue did not do what was asked. `status` absent: nobody answered. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  /** Of the API, or made here: `no_server`, `no_answer`, `bad_answer`. */
  readonly code: string;
  readonly status?: number;
  readonly retryAfter?: number;
  readonly problems: readonly DescriptionProblem[];
  constructor(
    code: string,
    message: string,
    about: { readonly status?: number; readonly retryAfter?: number; readonly problems?: readonly DescriptionProblem[]; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: about.cause });
    this.code = code;
    this.problems = about.problems ?? [];
    if (about.status !== undefined) this.status = about.status;
    if (about.retryAfter !== undefined) this.retryAfter = about.retryAfter;
  }
}
