import { Hono } from 'hono';
import { Refusal } from '../refusal.ts';
import { agentRoutes } from './agent-routes.ts';
import { openApiDocument } from './openapi.ts';
import { problemResponse, refusalOf, textResponse } from './problem.ts';
import type { Deps, Route } from './route.ts';
import { fileRoutes } from './file-routes.ts';
import { jobRoutes } from './job-routes.ts';
import { siteRoutes } from './site-routes.ts';

/** Every route of the queue, but `/openapi.json` itself. */
export const routes: readonly Route[] = [...jobRoutes, ...fileRoutes, ...siteRoutes, ...agentRoutes];

/** The queue's HTTP API as a function from `Request` to `Response`, without a socket. */
export function queueApp(deps: Deps): Hono {
  const app = new Hono();
  const document = JSON.stringify(openApiDocument(routes, deps.version));
  app.get('/openapi.json', () => new Response(document, { headers: { 'content-type': 'application/json' } }));
  for (const route of routes) {
    const path = route.path.replaceAll(/\{([a-z]+)\}/g, ':$1');
    // A shell with busybox cannot PUT (agent-protocol.md).
    const methods = route.method === 'put' ? ['PUT', 'POST'] : [route.method.toUpperCase()];
    app.on(methods, path, (c) => route.handle(c, deps));
  }
  const forAgents = (path: string): boolean => path.startsWith('/agent/');
  const answer = (path: string, refusal: Refusal): Response => (forAgents(path) ? textResponse(refusal) : problemResponse(refusal));
  app.notFound((c) =>
    answer(c.req.path, new Refusal('not_found', `there is no ${c.req.method} ${c.req.path.slice(0, 80)}; GET /openapi.json describes what there is`)),
  );
  app.onError((error, c) => {
    const refusal = refusalOf(error);
    if (refusal !== undefined) {
      if (refusal.status >= 500)
        deps.log.warn({ path: route(c.req.routePath), error: refusal.cause instanceof Error ? refusal.cause.message : refusal.message }, 'request refused');
      return answer(c.req.path, refusal);
    }
    deps.log.warn({ path: route(c.req.routePath), error: error.stack ?? String(error) }, 'request failed');
    return answer(c.req.path, new Refusal('internal', 'the queue failed; its log says why'));
  });
  return app;
}

/** The pattern of a path and not the path, which may hold a lease. */
const route = (pattern: string): string => pattern.slice(0, 200);
