import type { Context } from 'hono';
import type { z } from 'zod';
import type { Instant } from '../../core/units.ts';
import type { SiteView } from '../site-view.ts';
import type { ControlLog, EventStream } from './event-stream.ts';

/** What the handlers may use. */
export interface Deps {
  readonly site: SiteView;
  readonly now: () => Instant;
  readonly log: ControlLog;
  /** Event streams that are open; the server ends them when it closes. */
  readonly streams: Set<EventStream>;
}

/** One route. The document at `/openapi.json` and the server are made from the same table, so that they cannot differ. */
export interface Route {
  readonly method: 'get' | 'post';
  /** In the form of OpenAPI: `/v1/machines/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly status: 200 | 202;
  /** JSON body of a good answer, or its media type. */
  readonly answer: z.ZodType | 'application/octet-stream' | 'application/x-ndjson' | 'application/json';
  readonly body?: z.ZodType;
  readonly query?: readonly { readonly name: string; readonly description: string }[];
  /** Codes that `error.code` may have, besides `internal`. */
  readonly errors: readonly ErrorCode[];
  readonly handle: (c: Context, deps: Deps) => Response | Promise<Response>;
}

export const statusOf = {
  bad_request: 400,
  not_found: 404,
  unknown_space: 404,
  unknown_machine: 404,
  unknown_output: 404,
  unknown_machinetype: 404,
  no_console: 404,
  machine_finished: 409,
  no_turn: 503,
  no_factory: 503,
  no_configuration: 503,
  too_many_streams: 503,
  internal: 500,
} as const;
export type ErrorCode = keyof typeof statusOf;

/** Ends a request with a documented error. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ErrorCode;
  readonly status: (typeof statusOf)[ErrorCode];
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
    this.status = statusOf[code];
  }
}
