import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OpenStackApi } from '../../core/cloud/settings.ts';

/**
 * For tests of what a real cloud does only when it is ill: an HTTP server that answers with bodies as they were received from OpenStack Zed
 * (test/openstack/README.md). It keeps servers, images and key pairs as far as the provider asks for them; it boots nothing and checks no
 * quota. What a healthy cloud does is tested against a real one (`*.cloud.test.ts`).
 */

export interface Asked {
  readonly method: string;
  /** Path with query, without host. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  /** An object is sent as JSON. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection ends after so many bytes of the body. */
  readonly cutAt?: number;
}

export type Answerer = (asked: Asked) => Reply | undefined;

/** A server as GET /servers/detail shows it at microversion 2.79. */
export interface StoredServer {
  id: string;
  name: string;
  status: string;
  metadata: Record<string, string>;
  tags?: string[];
  [key: string]: unknown;
}

export const projectId = '375e94c3ed14476a8eb9d2fc1ded9883';
const network = '85001bd1-1558-4630-b1b6-d92ce985f748';
export const tinyImage = 'c36f4eae-c084-4a74-89b2-2276bb3b94a4';

export class StandIn {
  readonly asked: Asked[] = [];
  readonly servers: StoredServer[] = [];
  readonly images: Record<string, unknown>[] = [];
  readonly keys = new Map<string, string>();
  readonly floating: Record<string, unknown>[] = [];
  /** Tokens that are taken; each sign-in adds one. */
  readonly tokens = new Set<string>();
  pageSize = 1000;
  issuedAt = '2026-11-20T14:21:31.000000Z';
  expiresAt = '2026-11-20T18:21:31.000000Z';
  maxVersion = '2.93';
  #overrides: Answerer[] = [];
  #made = 0;
  readonly #http: HttpServer;

  private constructor(http: HttpServer) {
    this.#http = http;
    http.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#handle(request, response));
  }

  static async open(): Promise<StandIn> {
    const http = createServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    return new StandIn(http);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  api(about: Partial<OpenStackApi> = {}): OpenStackApi {
    return {
      kind: 'openstack',
      authUrl: `${this.url}/v3`,
      login: {
        method: 'password',
        username: 'demo',
        userDomain: 'Default',
        password: { from: 'text', text: 'right' },
        project: 'demo',
        projectDomain: 'Default',
      },
      interface: 'public',
      zones: [],
      securityGroups: [],
      networks: [],
      configDrive: false,
      ...about,
    };
  }

  /** Answers before everything else, once or for as long as it is there. undefined: the usual answer. */
  answer(answerer: Answerer): void {
    this.#overrides.push(answerer);
  }

  /** The next request that fits is answered so; later ones as usual. */
  next(method: string, path: RegExp, reply: Reply): void {
    let done = false;
    this.answer((asked) => {
      if (done || asked.method !== method || !path.test(asked.path)) return undefined;
      done = true;
      return reply;
    });
  }

  always(method: string, path: RegExp, reply: Reply): void {
    this.answer((asked) => (asked.method === method && path.test(asked.path) ? reply : undefined));
  }

  /** The cloud is well again. */
  heal(): void {
    this.#overrides = [];
  }

  /** How often it was asked so. */
  count(method: string, path: RegExp): number {
    return this.asked.filter((a) => a.method === method && path.test(a.path)).length;
  }

  /** Puts a server into the project, as somebody else would. */
  add(about: Partial<StoredServer> = {}): StoredServer {
    const id = `00000000-0000-4000-8000-${String(++this.#made).padStart(12, '0')}`;
    const server: StoredServer = {
      id,
      name: `server-${this.#made}`,
      status: 'ACTIVE',
      metadata: {},
      tags: [],
      flavor: { vcpus: 1, ram: 96, disk: 1, original_name: 't1.nano' },
      image: { id: tinyImage },
      addresses: { testnet: [{ version: 4, addr: '10.77.0.84', 'OS-EXT-IPS:type': 'fixed' }] },
      created: `2026-11-20T14:22:${String(this.#made % 60).padStart(2, '0')}Z`,
      updated: '2026-11-20T14:22:30Z',
      'OS-SRV-USG:launched_at': '2026-11-20T14:22:30.000000',
      'OS-EXT-STS:task_state': null,
      'OS-EXT-STS:power_state': 1,
      'OS-EXT-STS:vm_state': 'active',
      'OS-EXT-AZ:availability_zone': 'nova',
      ...about,
    };
    this.servers.push(server);
    return server;
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const asked: Asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString() };
    this.asked.push(asked);
    let reply: Reply | undefined;
    for (const answerer of this.#overrides) reply ??= answerer(asked);
    send(response, reply ?? this.#usual(asked));
  }

  #usual(asked: Asked): Reply {
    const url = new URL(asked.path, this.url);
    const route = `${asked.method} ${url.pathname}`;
    if (route === 'POST /v3/auth/tokens') return this.#signIn(asked);
    if (!this.tokens.has(String(asked.headers['x-auth-token'])))
      return { status: 401, body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } } };
    if (url.pathname.startsWith('/v2.1')) return this.#compute(asked, url, route, decodeURIComponent(/^\/v2\.1\/[^/]+\/([^/]+)/.exec(url.pathname)?.[1] ?? ''));
    if (url.pathname.startsWith('/v2/')) return this.#image(asked, url, decodeURIComponent(/^\/v2\/images\/([^/]+)/.exec(url.pathname)?.[1] ?? ''));
    return this.#network(asked, url, decodeURIComponent(/^\/v2\.0\/[^/]+\/([^/]+)/.exec(url.pathname)?.[1] ?? ''));
  }

  #signIn(asked: Asked): Reply {
    if (!asked.body.includes('"right"'))
      return { status: 401, body: { error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' } } };
    const token = `gAAAA-${this.tokens.size + 1}`;
    this.tokens.add(token);
    const service = (type: string, path: string): object => ({
      type,
      endpoints: [{ id: '1', interface: 'public', region_id: 'RegionOne', region: 'RegionOne', url: `${this.url}${path}` }],
    });
    const catalog = [service('compute', '/v2.1'), service('image', ''), service('network', '')];
    const project = { id: projectId, name: 'demo', domain: { id: 'default', name: 'Default' } };
    return {
      status: 201,
      headers: { 'x-subject-token': token },
      body: { token: { methods: ['password'], expires_at: this.expiresAt, issued_at: this.issuedAt, project, catalog } },
    };
  }

  #compute(asked: Asked, url: URL, route: string, id: string): Reply {
    if (route === 'GET /v2.1/') return { status: 200, body: { version: { id: 'v2.1', status: 'CURRENT', version: this.maxVersion, min_version: '2.1' } } };
    if (route === 'GET /v2.1/limits') {
      const absolute = {
        maxTotalCores: 64,
        maxTotalInstances: 64,
        maxTotalRAMSize: -1,
        totalCoresUsed: this.servers.length,
        totalInstancesUsed: this.servers.length,
      };
      return { status: 200, body: { limits: { rate: [], absolute } } };
    }
    if (route === 'GET /v2.1/flavors/detail')
      return {
        status: 200,
        body: {
          flavors: [
            { id: 'f-nano', name: 't1.nano', ram: 96, disk: 1, vcpus: 1 },
            { id: 'f-medium', name: 't1.medium', ram: 1024, disk: 4, vcpus: 2 },
          ],
        },
      };
    if (route === 'GET /v2.1/servers/detail') return this.#servers(url);
    if (route === 'POST /v2.1/servers') {
      const { server } = JSON.parse(asked.body) as { server: { name: string; metadata: Record<string, string>; tags?: string[] } };
      const made = this.add({ name: server.name, metadata: server.metadata, tags: server.tags ?? [], status: 'BUILD', 'OS-EXT-STS:power_state': 0 });
      return { status: 202, body: { server: { id: made.id, links: [], 'OS-DCF:diskConfig': 'MANUAL', adminPass: 'x' } } };
    }
    if (url.pathname.startsWith('/v2.1/os-keypairs')) return this.#keyPairs(asked, id);
    const at = this.servers.findIndex((s) => s.id === id);
    const server = this.servers[at];
    if (server === undefined) return { status: 404, body: { itemNotFound: { code: 404, message: `Instance ${id} could not be found.` } } };
    if (asked.method === 'DELETE') this.servers.splice(at, 1);
    if (asked.method === 'DELETE') return { status: 204 };
    if (asked.body.includes('os-getConsoleOutput')) return { status: 200, body: { output: 'testbed-guest: ready\n' } };
    return asked.method === 'POST' ? { status: 202 } : { status: 200, body: { server } };
  }

  #servers(url: URL): Reply {
    const tags = url.searchParams.get('tags-any')?.split(',');
    const all = this.servers.filter((s) => tags === undefined || s.tags?.some((t) => tags.includes(t)) === true);
    const marker = url.searchParams.get('marker');
    const from = marker === null ? 0 : all.findIndex((s) => s.id === marker) + 1;
    const size = Math.min(this.pageSize, Number(url.searchParams.get('limit') ?? this.pageSize));
    const page = all.slice(from, from + size);
    const more = from + size < all.length;
    const href = `http://internal.example:8774/v2.1/servers/detail?limit=${size}&marker=${page.at(-1)?.id}`;
    return { status: 200, body: { servers: page, ...(more && { servers_links: [{ rel: 'next', href }] }) } };
  }

  #keyPairs(asked: Asked, name: string): Reply {
    if (asked.method === 'POST') {
      const { keypair } = JSON.parse(asked.body) as { keypair: { name: string; public_key: string } };
      if (this.keys.has(keypair.name))
        return { status: 409, body: { conflictingRequest: { code: 409, message: `Key pair '${keypair.name}' already exists.` } } };
      this.keys.set(keypair.name, keypair.public_key);
      return { status: 200, body: { keypair } };
    }
    const key = this.keys.get(name);
    return key === undefined
      ? { status: 404, body: { itemNotFound: { code: 404, message: `Keypair ${name} not found for user d1be` } } }
      : { status: 200, body: { keypair: { name, public_key: key } } };
  }

  #image(asked: Asked, url: URL, id: string): Reply {
    if (asked.method === 'POST') {
      const image = {
        ...(JSON.parse(asked.body) as object),
        id: `00000000-0000-4000-9000-${String(++this.#made).padStart(12, '0')}`,
        status: 'queued',
        owner: projectId,
      };
      this.images.push({ created_at: `2026-11-20T14:0${this.#made % 10}:00Z`, ...image });
      return { status: 201, body: this.images.at(-1) as object };
    }
    if (id === '') {
      const wanted = [...url.searchParams].filter(([key]) => key !== 'limit' && key !== 'marker');
      const tiny = {
        id: tinyImage,
        name: 'tiny',
        status: 'active',
        visibility: 'public',
        owner: 'bdf2046538e444038ddea6839a5d03e3',
        created_at: '2026-11-20T14:03:02Z',
      };
      const images = [tiny, ...this.images].filter((i) => wanted.every(([key, value]) => (i as Record<string, unknown>)[key] === value.replace(/^in:/, '')));
      return { status: 200, body: { images, first: '/v2/images' } };
    }
    const at = this.images.findIndex((i) => i['id'] === id);
    const image = this.images[at];
    if (image === undefined)
      return { status: 404, body: { message: `No image found with ID ${id}<br /><br />\n\n\n`, code: '404 Not Found', title: 'Not Found' } };
    if (asked.method === 'PUT') image['status'] = 'active';
    if (asked.method === 'DELETE') this.images.splice(at, 1);
    return asked.method === 'GET' ? { status: 200, body: image } : { status: 204 };
  }

  #network(asked: Asked, url: URL, id: string): Reply {
    if (url.pathname.startsWith('/v2.0/networks')) {
      const networks = [{ id: network, name: 'testnet', shared: true, 'router:external': false, project_id: 'other' }];
      return { status: 200, body: { networks: networks.filter((n) => [...url.searchParams].every(([k, v]) => (n as Record<string, unknown>)[k] === v)) } };
    }
    if (url.pathname === '/v2.0/security-groups') return { status: 200, body: { security_groups: [{ id: 'sg-1', name: 'default' }] } };
    if (url.pathname === '/v2.0/ports') return { status: 200, body: { ports: [{ id: `port-of-${url.searchParams.get('device_id')}` }] } };
    if (asked.method === 'POST') this.floating.push({ ...(JSON.parse(asked.body) as { floatingip: object }).floatingip, id: `fip-${++this.#made}` });
    if (asked.method === 'DELETE') this.floating.splice(0, this.floating.length, ...this.floating.filter((f) => f['id'] !== id));
    return asked.method === 'GET'
      ? { status: 200, body: { floatingips: this.floating.filter((f) => [null, f['description']].includes(url.searchParams.get('description'))) } }
      : { status: asked.method === 'DELETE' ? 204 : 201, body: {} };
  }
}

function send(response: ServerResponse, reply: Reply): void {
  const body = typeof reply.body === 'object' ? JSON.stringify(reply.body) : (reply.body ?? '');
  // Its time stands still; a test sends the Date that it needs.
  response.sendDate = false;
  response.writeHead(reply.status, { ...(typeof reply.body === 'object' && { 'content-type': 'application/json' }), ...reply.headers });
  if (reply.cutAt === undefined) {
    response.end(body);
    return;
  }
  response.write(body.slice(0, reply.cutAt), () => response.destroy());
}
