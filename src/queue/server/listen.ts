import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { urlHost } from '../config/listen.ts';
import type { QueueSettings } from '../config/settings.ts';

/** A large file over a slow line may take this long. */
const longestRequest = 3600_000;
/** An idle agent that has waited keeps its connection for its next question. */
const keepAlive = 75_000;
/** ms without a byte in either direction: longer than any answer takes, shorter than whoever holds connections for nothing would like. */
const longestSilence = 120_000;

export interface Listening {
  /** As clients on this host see it. */
  readonly url: string;
  /** Takes no new connection, lets requests end for `patience` ms, then ends all. */
  close(patience: number): Promise<void>;
}

/** Serves the app. Rejects when the address cannot be had or the certificate cannot be used. A connection that is silent for `silence` ms is ended. */
export async function listen(app: Hono, { listen: at, tls }: Pick<QueueSettings, 'listen' | 'tls'>, silence = longestSilence): Promise<Listening> {
  const limits = { requestTimeout: longestRequest, keepAliveTimeout: keepAlive };
  const server = (
    tls === undefined
      ? createAdaptorServer({ fetch: app.fetch, createServer: createHttpServer, serverOptions: limits })
      : createAdaptorServer({
          fetch: app.fetch,
          createServer: createHttpsServer,
          serverOptions: { ...limits, cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile), minVersion: 'TLSv1.2' },
        })
  ) as Server;
  server.setTimeout(silence);
  // A body is asked for when somebody reads it (body.ts), so that one which is refused is never sent.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => void server.emit('request', request, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${urlHost(at.host)}:${port}`,
    async close(patience) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A connection is idle only some time after the answer to its last request.
      const idle = setInterval(() => server.closeIdleConnections(), 20);
      const late = setTimeout(() => server.closeAllConnections(), patience);
      await closed;
      clearInterval(idle);
      clearTimeout(late);
    },
  };
}
