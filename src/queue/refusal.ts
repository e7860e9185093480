/** Codes of the documented errors of the queue's HTTP API, with their status. */
export const statusOf = {
  bad_request: 400,
  bad_description: 400,
  bad_name: 400,
  no_environment: 422,
  unauthorised: 401,
  token_expired: 401,
  forbidden: 403,
  banned: 403,
  not_found: 404,
  conflict: 409,
  lost: 409,
  token_used: 409,
  cancelled: 410,
  too_large: 413,
  over_quota: 413,
  unsupported_type: 415,
  disk_full: 507,
  unavailable: 503,
  internal: 500,
} as const;
export type RefusalCode = keyof typeof statusOf;

/** One thing wrong in a job description that somebody has sent. */
export interface DescriptionProblem {
  /** Index in a request of several jobs; absent: the only one. */
  readonly job?: number;
  readonly attribute?: string;
  readonly line?: number;
  readonly column?: number;
  readonly text: string;
}

/** Ends a request with a documented error. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  /** Seconds after which it may be tried again. */
  readonly retryAfter?: number;
  readonly problems?: readonly DescriptionProblem[];
  constructor(
    code: RefusalCode,
    message: string,
    about: { readonly retryAfter?: number; readonly problems?: readonly DescriptionProblem[]; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: about.cause });
    this.code = code;
    if (about.retryAfter !== undefined) this.retryAfter = about.retryAfter;
    if (about.problems !== undefined) this.problems = about.problems;
  }
  get status(): (typeof statusOf)[RefusalCode] {
    return statusOf[this.code];
  }
}
