import { ServerPage } from './schema.ts';
import { parsed, type Session } from './session.ts';
import { ProviderError } from '../contract.ts';

/** As many as Nova gives at once by default. */
const perPage = 1000;
/** 200,000 servers: no project has more, and a marker that runs in circles ends. */
const maxPages = 200;

export interface Pages {
  readonly servers: readonly unknown[];
  /** The pages overlap or run in circles: some may have been left out. */
  readonly doubtful: boolean;
}

/**
 * All pages of GET /servers/detail with a filter (`tags-any=…`, or none). Only the marker of a `next` link is used, never its address.
 * Rejects when any page is missing, is cut, or makes no sense: half a list is no list (spec/cloud.md §2, project rule).
 */
export async function listServers(session: Session, filter: string, signal: AbortSignal): Promise<Pages> {
  await session.microversion(signal);
  const servers: unknown[] = [];
  const seen = new Set<string>();
  let doubtful = false;
  let marker: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const query = [`limit=${perPage}`, ...(filter === '' ? [] : [filter]), ...(marker === undefined ? [] : [`marker=${encodeURIComponent(marker)}`])].join('&');
    const asking = { service: 'compute', method: 'GET', path: `/servers/detail?${query}` } as const;
    const body = parsed(ServerPage, asking, await session.ask(asking, signal));
    for (const server of body.servers) {
      const id = idOf(server);
      if (id !== undefined && seen.has(id)) doubtful = true;
      else servers.push(server);
      if (id !== undefined) seen.add(id);
    }
    const next = body.servers_links?.find((l) => l.rel === 'next')?.href;
    if (next === undefined) return { servers, doubtful };
    const following = markerOf(next);
    if (following === undefined || following === marker || body.servers.length === 0) return { servers, doubtful: true };
    marker = following;
  }
  throw new ProviderError('LIST_ENDLESS', `compute: GET /servers/detail: no end after ${maxPages} pages of ${perPage}`, { fault: 'provider', whole: true });
}

const idOf = (server: unknown): string | undefined =>
  typeof server === 'object' && server !== null && 'id' in server && typeof server.id === 'string' ? server.id : undefined;

const markerOf = (href: string): string | undefined =>
  URL.canParse(href, 'http://relative') ? (new URL(href, 'http://relative').searchParams.get('marker') ?? undefined) : undefined;
