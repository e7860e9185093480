import { at, type JsonObject, memberText } from './json.ts';
import { protocolVersion, queryBytes } from './limits.ts';
import { asciiJson, isName, openObject } from './text.ts';

/** What can be asked. `status` is the question of the original protocol (spec/vacquery.md §14), which we answer and never ask. */
export type QueryKind = 'machines' | 'machinetypes' | 'factories' | 'status';
export type AskedKind = Exclude<QueryKind, 'status'>;

const messageTypes: { readonly [K in AskedKind]: string } = {
  machines: 'machines_query',
  machinetypes: 'machinetypes_query',
  factories: 'factory_query',
};

export interface Query {
  readonly kind: QueryKind;
  /** JSON text of the cookie, to be echoed. */
  readonly cookie: string;
  readonly space: string;
  /** Who asks; only in signed queries. */
  readonly factory?: string;
}

/** A query of both generations, without its closing brace (spec/vacquery.md §4). `version`: product, version, component. */
export const openQuery = (kind: AskedKind, space: string, cookie: string, version: string): string =>
  openObject({ message_type: messageTypes[kind], method: kind, space, vac_version: version, vacquery_version: protocolVersion, cookie });

/** Either key may name the question; tested in the order of the reference (spec/vacquery.md §3). Undefined: not a query. */
export function queryKind(object: JsonObject): QueryKind | undefined {
  const method = at(object, 'method');
  const type = at(object, 'message_type');
  for (const kind of ['machines', 'machinetypes', 'factories'] as const) if (method === kind || type === messageTypes[kind]) return kind;
  return method === 'status' ? 'status' : undefined;
}

/** The query in a datagram whose `queryKind` is known; undefined when it lacks what a query needs. */
export function readQuery(kind: QueryKind, object: JsonObject, payload: Uint8Array): Query | undefined {
  const space = at(object, 'space');
  const cookie = at(object, 'cookie');
  if (payload.length > queryBytes || typeof space !== 'string' || cookie === undefined) return undefined;
  const text = typeof cookie === 'string' ? asciiJson(cookie) : memberText(payload, 'cookie');
  if (text === undefined) return undefined;
  const factory = at(object, 'vacua_factory');
  return { kind, space, cookie: text, ...(typeof factory === 'string' && isName(factory) ? { factory } : {}) };
}
