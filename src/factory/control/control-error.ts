/** Codes made here: `not_running`, `not_allowed`, `no_answer`, `bad_answer`; all others are those of the API. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: string;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  constructor(code: string, message: string, about: { readonly status?: number; readonly cause?: unknown } = {}) {
    super(message, { cause: about.cause });
    this.code = code;
    if (about.status !== undefined) this.status = about.status;
  }
}
