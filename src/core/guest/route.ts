import { type FeatureSettings, type Features, jobFeatures, machineFeatures } from './features.ts';
import { isOutputName } from './job-outputs.ts';
import { type MetadataFacts, metadataDocument } from './metadata.ts';

export interface GuestRequest {
  readonly method: string;
  /** As in the request line: hostile. */
  readonly target: string;
  readonly accept: string;
}

export interface GuestFacts extends MetadataFacts {
  readonly settings: FeatureSettings;
}

/** What to do with a request. HEAD is a GET whose body is not sent. */
export type Route =
  | { readonly kind: 'document'; readonly body: string; readonly type: string /** Seconds that readers may keep it. */; readonly maxAge?: number }
  | { readonly kind: 'user-data' }
  | { readonly kind: 'store'; readonly name: string }
  /** One of its own job outputs, read again. Only from far away. */
  | { readonly kind: 'output'; readonly name: string }
  /** IMDSv2 asks for one before anything else. No request needs it: the socket is the identity. */
  | { readonly kind: 'token'; readonly body: string }
  /** 403: may not be written; 404: not there; 501: method unknown. */
  | { readonly kind: 'refused'; readonly status: 403 | 404 | 501 };

const staticAge = 3600;
const changingAge = 60;
const notFound: Route = { kind: 'refused', status: 404 };
const forbidden: Route = { kind: 'refused', status: 403 };

/**
 * Finds what a machine asks for, by method and path alone; the machine itself is known from its socket (spec/factory.md §13, §14.2).
 * Slashes are folded, the query is ignored, nothing is percent-decoded: no name that exists needs it.
 */
export function routeGuestRequest(request: GuestRequest, facts: GuestFacts): Route {
  const path = request.target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  const segments = path.split('/').filter((segment) => segment !== '');
  const directory = path.endsWith('/');
  const writes = request.method === 'PUT';
  if (!writes && request.method !== 'GET' && request.method !== 'HEAD') return { kind: 'refused', status: 501 };
  if (segments.some((segment) => !/^[A-Za-z0-9._-]+$/.test(segment) || segment === '.' || segment === '..')) return writes ? forbidden : notFound;
  if (writes) return routePut(segments, directory, facts);
  const [first] = segments;
  if (first === 'machinefeatures') return features(machineFeatures(facts.machine, facts.settings), segments, directory, request.accept);
  if (first === 'jobfeatures') return features(jobFeatures(facts.machine, facts.settings), segments, directory, request.accept);
  const document = metadataDocument(segments, directory, facts);
  if (document === undefined) return notFound;
  return document === 'user-data' ? { kind: 'user-data' } : { kind: 'document', ...document };
}

function routePut(segments: readonly string[], directory: boolean, facts: GuestFacts): Route {
  const [first, second, third, ...more] = segments;
  if (first === 'joboutputs' && second !== undefined && third === undefined && !directory && isOutputName(second)) return { kind: 'store', name: second };
  if (first === 'latest' && second === 'api' && third === 'token' && more.length === 0) return { kind: 'token', body: facts.machine.id };
  return forbidden;
}

/** Values and the list of keys (spec/machine-job-features.md §2). */
function features(all: Features, segments: readonly string[], directory: boolean, accept: string): Route {
  const [place, key, ...more] = segments;
  if (key === undefined) {
    const body = /\btext\/html\b/i.test(accept) ? htmlIndex(place ?? '', all) : undefined;
    const keys = [...all.keys()];
    if (body !== undefined) return { kind: 'document', body, type: 'text/html; charset=utf-8', maxAge: changingAge };
    return { kind: 'document', body: `${keys.join('\n')}\n`, type: 'text/plain', maxAge: changingAge };
  }
  const feature = more.length === 0 && !directory ? all.get(key) : undefined;
  if (feature === undefined) return notFound;
  return { kind: 'document', body: feature.value, type: 'text/plain', maxAge: feature.changes ? changingAge : staticAge };
}

function htmlIndex(place: string, all: Features): string {
  const items = [...all.keys()].map((key) => `<li><a href="/${place}/${key}">${key}</a></li>\n`);
  return `<!DOCTYPE html>\n<html><head><title>${place}</title></head><body><ul>\n${items.join('')}</ul></body></html>\n`;
}
