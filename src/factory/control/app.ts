import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { Failure } from './answers.ts';
import { openApiDocument } from './openapi.ts';
import { version } from '../version.ts';
import { type Deps, type ErrorCode, Refusal, statusOf } from './route.ts';
import { routes } from './routes.ts';

/** The longest body that any command needs, with room to spare. */
const maxBody = 1024;

const failure = (code: ErrorCode, message: string): Response => Response.json(Failure.parse({ error: { code, message } }), { status: statusOf[code] });

/** The control API as a function from `Request` to `Response`, without a socket. */
export function controlApp(deps: Deps): Hono {
  const app = new Hono();
  app.use(bodyLimit({ maxSize: maxBody, onError: () => failure('bad_request', `the body is longer than ${maxBody} bytes`) }));
  app.get('/openapi.json', (c) => c.json(openApiDocument(routes, version)));
  for (const route of routes) {
    app.on(route.method.toUpperCase(), route.path.replaceAll(/\{([a-z]+)\}/g, ':$1'), (c) => route.handle(c, deps));
  }
  app.notFound((c) => failure('not_found', `there is no ${c.req.method} ${c.req.path.slice(0, 80)}; GET /openapi.json describes what there is`));
  app.onError((error) => {
    if (error instanceof Refusal) return failure(error.code, error.message);
    deps.log.warn({ error: error.stack ?? String(error) }, 'control request failed');
    return failure('internal', error.message);
  });
  return app;
}
