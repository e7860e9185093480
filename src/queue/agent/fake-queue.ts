import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A job as the fake queue hands it out; lines not given have harmless values. */
export interface FakeJob {
  readonly script: string;
  readonly lines?: Readonly<Record<string, string | number>>;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly outputs?: readonly string[];
}

/** What the queue heard of one lease. */
export interface Heard {
  readonly calls: string[];
  log: Buffer;
  readonly outputs: Map<string, Buffer>;
  result?: string;
  returned?: string;
}

type Answer = { readonly status: number; readonly body?: string | Buffer; readonly headers?: Record<string, string> };
/** Takes a request over; undefined: the fake answers as the protocol says. `drop`: the connection is closed without an answer. */
export type Meddle = (method: string, path: string, body: Buffer) => Answer | 'drop' | undefined;

/**
 * Queue, Machine/Job Features and job outputs in one server on loopback, as far as an agent sees them (agent-protocol.md). Checks that
 * every request of the agent is one that the protocol has; what is not ends up in `faults`. Also a guest's user data.
 */
export class FakeQueue implements AsyncDisposable {
  readonly jobs: FakeJob[] = [];
  readonly heard: Heard[] = [];
  readonly faults: string[] = [];
  readonly requests: string[] = [];
  /** Milliseconds at which each request came. */
  readonly times: number[] = [];
  readonly offers: string[] = [];
  readonly nonces: string[] = [];
  readonly features = new Map<string, string>();
  /** Files PUT by the machine, every version. */
  readonly outputs = new Map<string, string[]>();
  userData = '';
  meddle: Meddle = () => undefined;
  readonly #given: FakeJob[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  /** On a free port of loopback, or on a unix socket. */
  static async open(socket?: string): Promise<FakeQueue> {
    const queue = new FakeQueue();
    // The mini guest's own client closes its side when it has asked.
    Object.assign(queue.#server, { httpAllowHalfOpen: true });
    await new Promise<void>((done) => (socket === undefined ? queue.#server.listen(0, '127.0.0.1', done) : queue.#server.listen(socket, done)));
    const start = Math.floor(Date.now() / 1000);
    for (const [key, value] of Object.entries({ jobstart_secs: start, wall_limit_secs: 3600, allocated_cpu: 2, max_rss_bytes: 512 * 2 ** 20 })) {
      queue.features.set(`/job/${key}`, String(value));
    }
    return queue;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  last(file: string): string | undefined {
    return this.outputs.get(file)?.at(-1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(parts);
    const [method, path] = [request.method ?? '', request.url ?? ''];
    this.requests.push(`${method} ${path}`);
    this.times.push(performance.now());
    const answer = this.meddle(method, path, body) ?? this.#answer(method, path, body, request);
    if (answer === 'drop') return void request.socket.destroy();
    response.writeHead(answer.status, answer.headers ?? {}).end(answer.body ?? '');
  }

  #answer(method: string, path: string, body: Buffer, { headers }: IncomingMessage): Answer {
    if (method !== 'GET' && headers['content-length'] === undefined) this.faults.push(`${method} ${path} without Content-Length`);
    if (!path.startsWith('/q/')) {
      if (headers.authorization !== undefined) this.faults.push(`${path} was shown a secret`);
      if (path === '/latest/user-data') return { status: 200, body: this.userData };
      if (method === 'PUT' && path.startsWith('/outputs/')) return this.#keep(path.slice('/outputs/'.length), body);
      const value = this.features.get(path);
      return value === undefined ? { status: 404 } : { status: 200, body: value };
    }
    const bearer = headers.authorization?.replace('Bearer ', '');
    if (path === '/q/agent/v1/sessions') return this.#session(bearer, body.toString('latin1'));
    if (bearer !== 'secret-1') return { status: 401, body: 'unknown session\n' };
    const take = /^\/q\/agent\/v1\/jobs\?wait=(\d+)$/.exec(path);
    if (method === 'POST' && take !== null) return this.#take(body.toString('latin1'));
    const [, lease, what = ''] = /^\/q\/agent\/v1\/leases\/lease-(\d+)\/(.*)$/.exec(path) ?? [];
    const [heard, job] = [this.heard[Number(lease)], this.#given[Number(lease)]];
    if (heard === undefined || job === undefined) {
      this.faults.push(`${method} ${path}`);
      return { status: 404 };
    }
    heard.calls.push(what);
    return this.#leased(method, what, body, heard, job);
  }

  #keep(name: string, body: Buffer): Answer {
    this.outputs.set(name, [...(this.outputs.get(name) ?? []), body.toString('latin1')]);
    return { status: 201 };
  }

  #session(bearer: string | undefined, body: string): Answer {
    const nonce = /^nonce=([0-9a-f]{32})\n$/.exec(body)?.[1];
    if (bearer !== 'a.b.c') return { status: 401, body: 'the token has expired\n' };
    if (nonce === undefined) return { status: 400, body: 'no nonce\n' };
    this.nonces.push(nonce);
    return { status: 201, body: 'session=secret-1\n' };
  }

  #take(offer: string): Answer {
    this.offers.push(offer);
    const job = this.jobs.shift();
    if (job === undefined) return { status: 204, headers: { 'vacua-reason': 'no job waits' } };
    const index = this.heard.push({ calls: [], log: Buffer.alloc(0), outputs: new Map() }) - 1;
    this.#given[index] = job;
    const lines: [string, string | number][] = [
      ...Object.entries({
        job: `job-${index}`,
        lease: `lease-${index}`,
        lease_seconds: 30,
        wall: 600,
        kill_after: 2,
        log_bytes: 65_536,
        output_bytes: 1_000_000,
        ...job.lines,
      }),
      ...Object.keys(job.inputs ?? {}).map((name): [string, string] => ['input', name]),
      ...(job.outputs ?? []).map((name): [string, string] => ['output', name]),
    ];
    return { status: 200, body: `${lines.map(([name, value]) => `${name}=${value}\n`).join('')}\n#!/bin/sh\n${job.script}\n` };
  }

  #leased(method: string, what: string, body: Buffer, heard: Heard, job: FakeJob): Answer {
    const offset = /^log\?offset=(\d+)$/.exec(what)?.[1];
    const input = /^inputs\/(.*)$/.exec(what)?.[1];
    const output = /^outputs\/(.*)$/.exec(what)?.[1];
    if (what === 'begin' && method === 'POST') return { status: 200 };
    if (what === 'renew' && method === 'POST') return { status: 200, body: `lease=${job.lines?.['lease_seconds'] ?? 30}\n` };
    if (offset !== undefined && method === 'POST') {
      heard.log = Buffer.concat([heard.log.subarray(0, Number(offset)), body]);
      return { status: 200, body: `offset=${heard.log.length}\n` };
    }
    if (input !== undefined && method === 'GET') {
      const content = job.inputs?.[input];
      return content === undefined ? { status: 404, body: 'no such input\n' } : { status: 200, body: Buffer.from(content, 'latin1') };
    }
    if (output !== undefined && method === 'PUT') {
      heard.outputs.set(output, body);
      return { status: 201 };
    }
    if (what === 'finish' && method === 'POST') heard.result = body.toString('latin1');
    else if (what === 'return' && method === 'POST') heard.returned = body.toString('latin1');
    else this.faults.push(`${method} ${what}`);
    return { status: 200 };
  }
}
