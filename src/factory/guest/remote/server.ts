import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions, type Server as TlsServer, TLSSocket } from 'node:tls';
import type { RemoteGuestSettings } from '../../../core/cloud/settings.ts';
import { readRemoteTarget } from '../../../core/guest/remote-route.ts';
import { earliest, type Instant } from '../../../core/units.ts';
import type { Clock } from '../../clock.ts';
import { type ConnectionLimits, ConnectionWatch, connectionLimits } from '../connections.ts';
import { answerEmpty, answerText } from '../respond.ts';
import { type Exchange, SerialHttp } from '../serial-http.ts';
import { certificatesIn } from '../../http/trust.ts';

/** How a request proves whose it is. */
export interface Credentials {
  readonly token?: string;
  /** Of a certificate that a trusted CA has issued, in the order of its name. */
  readonly subject?: readonly string[];
}

/** The machines of one space, as the server sees them. */
export interface RemoteMachines {
  /** Answers for the machine of that name; false: there is none, or the credentials are not its. */
  answer(name: string, target: string, credentials: Credentials, exchange: Exchange): Promise<boolean>;
  /** `heartbeatTime name ip` per line, newest first (spec/cloud.md §6.1); undefined: no such machinetype. */
  heartbeats(machinetype: string): string | undefined;
}

export interface RemoteServerParts {
  readonly settings: RemoteGuestSettings;
  /** Directory of CAs for client certificates, where the settings name no bundle. */
  readonly caDir: string;
  readonly clock: Pick<Clock, 'wall' | 'uptime'>;
  readonly limits?: ConnectionLimits;
  /** A certificate that cannot be read again, a port that is lost. */
  readonly onFault?: (text: string) => void;
}

const handshakeMilliseconds = 10_000;
const reloadMilliseconds = 60_000;
/** From one address: a site's machines may all come through one translator of addresses. */
const perAddress = 512;
const maxConnections = 4096;
const retryMilliseconds = 10_000;

/**
 * Where machines far away find their Machine/Job Features and put their outputs: one server for all spaces of a daemon (spec/cloud.md §6.1).
 * A wrong token, another machine's and an unknown machine are answered alike.
 */
export class RemoteGuestServer {
  readonly #parts: RemoteServerParts;
  readonly #spaces = new Map<string, RemoteMachines>();
  readonly #watch: ConnectionWatch;
  readonly #http: SerialHttp<Socket>;
  readonly #perAddress = new Map<string, number>();
  #server: Server | undefined;
  #since: Instant | undefined;
  #reloading: NodeJS.Timeout | undefined;
  #retrying: NodeJS.Timeout | undefined;
  #files = '';
  #closed = false;

  constructor(parts: RemoteServerParts) {
    this.#parts = parts;
    this.#watch = new ConnectionWatch(parts.limits ?? connectionLimits, () => parts.clock.uptime());
    this.#http = new SerialHttp(this.#watch, (socket, exchange) => this.#answer(socket, exchange));
  }

  /** Since when it has listened without a break; undefined: it does not now, so that no machine can be blamed for silence. */
  get since(): Instant | undefined {
    return this.#since;
  }

  /** The clock has stepped back: it has not been listening since the future. */
  shifted(): void {
    if (this.#since !== undefined) this.#since = earliest(this.#since, this.#parts.clock.wall());
  }

  get port(): number | undefined {
    const address = this.#server?.address();
    return typeof address === 'object' ? address?.port : undefined;
  }

  register(space: string, machines: RemoteMachines): void {
    this.#spaces.set(space, machines);
  }

  unregister(space: string, machines: RemoteMachines): void {
    if (this.#spaces.get(space) === machines) this.#spaces.delete(space);
  }

  /** Rejects when the address cannot be listened on or the certificate cannot be used; may be called again. */
  async open(): Promise<void> {
    const { settings, clock } = this.#parts;
    const server = settings.certificate === undefined ? createTcpServer({ allowHalfOpen: true }) : this.#tlsServer();
    server.maxConnections = maxConnections;
    server.on('connection', (socket: Socket) => this.#limit(socket));
    server.on(settings.certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => this.#http.accept(socket, socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(settings.listen.port, settings.listen.host, resolve);
    });
    server.on('error', (error) => this.#lost(error));
    this.#server = server;
    this.#since = clock.wall();
    if (settings.certificate) this.#reloading = setInterval(() => this.reload(), reloadMilliseconds).unref();
  }

  /** Opens it now, or as soon as that can be done. */
  async keepOpen(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      this.#lost(error as Error);
    }
  }

  #lost(error: Error): void {
    this.#since = undefined;
    this.#server?.close();
    this.#server = undefined;
    clearInterval(this.#reloading);
    if (this.#closed) return;
    const { host, port } = this.#parts.settings.listen;
    this.#parts.onFault?.(`guest service at ${host}:${port}: ${error.message}; tried again every ${retryMilliseconds / 1000} s`);
    this.#retrying = setTimeout(() => void this.keepOpen(), retryMilliseconds).unref();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#since = undefined;
    clearInterval(this.#reloading);
    clearTimeout(this.#retrying);
    const server = this.#server;
    this.#server = undefined;
    this.#watch.close();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #tlsServer(): TlsServer {
    const context = this.#context();
    this.#files = JSON.stringify(context);
    return createTlsServer({ ...context, requestCert: true, rejectUnauthorized: false, handshakeTimeout: handshakeMilliseconds, minVersion: 'TLSv1.2' }).on(
      'tlsClientError',
      (_, socket) => socket.destroy(),
    );
  }

  #context(): SecureContextOptions {
    const { settings, caDir } = this.#parts;
    if (settings.certificate === undefined) return {};
    const { certFile, keyFile } = settings.certificate;
    const ca = settings.clientCaFile === undefined ? [...certificatesIn(caDir)] : [readFileSync(settings.clientCaFile, 'utf8')];
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), ca };
  }

  /** Takes up a renewed certificate. One that cannot be used changes nothing but the log. */
  reload(): void {
    if (!this.#server) return;
    try {
      const context = this.#context();
      const files = JSON.stringify(context);
      if (files === this.#files) return;
      (this.#server as TlsServer).setSecureContext(context);
      this.#files = files;
    } catch (error) {
      this.#parts.onFault?.(`certificate of the guest service: ${(error as Error).message}; the last good one stays in use`);
    }
  }

  /** Cuts connections that are overdue; otherwise done every second while there are any. */
  sweep(): void {
    this.#watch.sweep();
  }

  #limit(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const address = socket.remoteAddress ?? '';
    const open = (this.#perAddress.get(address) ?? 0) + 1;
    this.#perAddress.set(address, open);
    socket.once('close', () => {
      const left = (this.#perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(address, left);
      else this.#perAddress.delete(address);
    });
    if (open > perAddress) socket.destroy();
  }

  async #answer(socket: Socket, exchange: Exchange): Promise<void> {
    const { req, res } = exchange;
    const found = readRemoteTarget(req.url ?? '');
    const space = found && this.#spaces.get(found.space);
    if (found?.about === 'heartbeats') {
      const list = ['GET', 'HEAD'].includes(req.method ?? '') ? space?.heartbeats(found.machinetype) : undefined;
      return list === undefined ? answerEmpty(req, res, 404) : answerText(req, res, { body: list, type: 'text/plain' });
    }
    if (found && space) {
      const token = found.token ?? /^Bearer ([A-Za-z0-9_-]{1,128})$/i.exec(req.headers.authorization ?? '')?.[1];
      const subject = subjectOf(socket);
      const credentials = { ...(token !== undefined && { token }), ...(subject && { subject }) };
      if (await space.answer(found.name, found.target, credentials, exchange)) return;
    }
    return answerEmpty(req, res, 404);
  }
}

/** Name in a client certificate that one of the CAs has issued. */
function subjectOf(socket: Socket): readonly string[] | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate instanceof X509Certificate ? certificate.subject.split('\n').map((part) => part.replaceAll(/\\([^0-9A-Fa-f])/g, '$1')) : undefined;
}
