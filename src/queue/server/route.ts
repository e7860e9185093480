import type { Context } from 'hono';
import type { z } from 'zod';
import type { AgentTrust } from '../auth/agents.ts';
import type { User, UserTrust } from '../auth/users.ts';
import type { QueueConfiguration } from '../config/settings.ts';
import { Refusal, type RefusalCode } from '../refusal.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { JobStore } from '../store.ts';
import type { Advertiser } from './advertiser.ts';
import type { QueueClock } from './clock.ts';
import type { Waiters } from './waiters.ts';

/** What the handlers may use. */
export interface Deps {
  readonly configuration: QueueConfiguration;
  readonly store: JobStore;
  readonly sandbox: Sandbox;
  readonly users: UserTrust;
  readonly agents: AgentTrust;
  readonly waiters: Waiters;
  readonly advertiser: Advertiser;
  readonly clock: QueueClock;
  readonly log: QueueLog;
  readonly version: string;
}

/** Messages are fixed strings, values are fields. No field is ever a token, a lease or the content of a job. */
export interface QueueLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export type MediaType = `${string}/${string}`;

/** One route. The document at `/openapi.json` and the server are made from the same table, so that they cannot differ. */
export interface Route {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** In the form of OpenAPI: `/jobs/{id}`. */
  readonly path: string;
  readonly summary: string;
  /** Whose token is asked for. */
  readonly token: 'none' | 'user' | 'machine' | 'session' | 'demand';
  readonly status: 200 | 201 | 204;
  /** JSON body of a good answer, or its media type. */
  readonly answer?: z.ZodType | MediaType;
  readonly body?: readonly { readonly type: MediaType; readonly schema?: z.ZodType }[];
  readonly query?: readonly { readonly name: string; readonly description: string }[];
  /** Codes that an error may have, besides `internal` and `unavailable`. */
  readonly errors: readonly RefusalCode[];
  readonly handle: (c: Context, deps: Deps) => Response | Promise<Response>;
}

/** The token of a request; undefined: there is none. */
export function bearer(c: Context): string | undefined {
  const [, token] = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '') ?? [];
  return token;
}

export const userOf = (c: Context, { users }: Deps): Promise<User> => users.user(bearer(c));

/** A number in the query; `otherwise` when it is absent. */
export function numberQuery(c: Context, name: string, least: number, most: number, otherwise: number): number {
  const text = c.req.query(name);
  if (text === undefined) return otherwise;
  if (/^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
  throw new Refusal('bad_request', `${name}=${text.slice(0, 40)}; valid: a whole number from ${least} to ${most}`);
}
