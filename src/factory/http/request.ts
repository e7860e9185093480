import { lookup } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { version } from '../version.ts';
import { HttpFetchError, maskUrl } from './error.ts';
import { serverTrust } from './trust.ts';

export interface RequestOptions {
  /** For the whole operation: redirects, waiting and the body. */
  readonly timeoutSeconds: number;
  /** Greatest body, as sent. */
  readonly maxBytes: number;
  /** CA certificates trusted besides the system's, when it exists. */
  readonly caDir: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /**
   * Why this IP address must not be connected to; `redirects`: how many have led there. Asked for every address after names have been
   * resolved, and the connection goes to just the addresses that were asked about. Default: nothing is forbidden.
   */
  readonly forbidden?: Forbidden;
  /** Default 5. */
  readonly maxRedirects?: number;
  /** Given up when fewer than `bytesPerSecond` arrive on average during any period of `seconds`. Default 100 in 30 s. */
  readonly lowSpeed?: { readonly bytesPerSecond: number; readonly seconds: number };
}

export type Forbidden = (address: string, redirects: number) => string | undefined;

export interface OpenResponse {
  /** Where it came from after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  /** As announced; absent: not announced. */
  readonly length: number | undefined;
  /** True when a connection lost half-way can be told from the end of the body. */
  readonly framed: boolean;
  /** At most once. Throws {@link HttpFetchError} when it is longer than `maxBytes` or ends too soon. */
  body(): AsyncGenerator<Uint8Array, void, undefined>;
}

const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * GETs a URL and lends the response to `use`; the connection is closed when that returns. http and https only; redirects never lead
 * from https to http; no HTTP proxy is used. All failures are {@link HttpFetchError}s except those that `use` throws itself.
 */
export async function withResponse<T>(url: string, options: RequestOptions, use: (response: OpenResponse) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const abort = (): void => stop.abort(new HttpFetchError('HTTP_ABORTED', url, 'given up, because it is not wanted any more'));
  if (options.signal.aborted) abort();
  options.signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(
    () => stop.abort(new HttpFetchError('HTTP_TIMEOUT', url, `not complete after ${options.timeoutSeconds} s`)),
    Math.min(options.timeoutSeconds * 1000, 2 ** 31 - 1),
  );
  const low = options.lowSpeed ?? { bytesPerSecond: 100, seconds: 30 };
  let recent = 0;
  const speedometer = setInterval(() => {
    const text = `fewer than ${low.bytesPerSecond} bytes/s for ${low.seconds} s`;
    if (recent < low.bytesPerSecond * low.seconds) stop.abort(new HttpFetchError('HTTP_SLOW', url, text));
    recent = 0;
  }, low.seconds * 1000);
  let message: IncomingMessage | undefined;
  try {
    const final = await follow(url, options, stop.signal);
    message = final.message;
    return await use(opened(final.url, message, options.maxBytes, stop.signal, (bytes) => (recent += bytes)));
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    clearInterval(speedometer);
    options.signal.removeEventListener('abort', abort);
    message?.destroy();
  }
}

async function follow(text: string, options: RequestOptions, signal: AbortSignal): Promise<{ readonly url: URL; readonly message: IncomingMessage }> {
  const most = options.maxRedirects ?? 5;
  let url = parse(text, text, 'HTTP_URL');
  let headers = options.headers ?? {};
  for (let hops = 0; ; hops++) {
    const { forbidden } = options;
    const refuse = forbidden && ((address: string) => forbidden(address, hops));
    const message = await send(url, headers, options.caDir, signal, refuse);
    const status = message.statusCode ?? 0;
    if (!redirects.has(status)) return { url, message };
    message.destroy();
    const target = message.headers.location;
    if (target === undefined) throw new HttpFetchError('HTTP_REDIRECT', url, `status ${status} without a Location`, { status });
    if (hops >= most) throw new HttpFetchError('HTTP_REDIRECT', text, `more than ${most} redirects`);
    const next = parse(target, text, 'HTTP_REDIRECT', url);
    if (url.protocol === 'https:' && next.protocol === 'http:')
      throw new HttpFetchError('HTTP_REDIRECT', text, 'redirected from https to http, which is refused');
    if (next.origin !== url.origin) headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$/i.test(name)));
    url = next;
  }
}

function parse(text: string, asked: string, code: 'HTTP_URL' | 'HTTP_REDIRECT', base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    const what = code === 'HTTP_URL' ? 'not a URL that can be fetched' : `redirected to "${maskUrl(text.slice(0, 100))}"`;
    throw new HttpFetchError(code, asked, `${what}; valid are http://… and https://…`);
  }
  return url;
}

type Refuse = (address: string) => string | undefined;

function send(url: URL, extra: Readonly<Record<string, string>>, caDir: string, signal: AbortSignal, refuse: Refuse | undefined): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // An address in the URL is connected to without any look-up.
  const why = isIP(host) === 0 ? undefined : refuse?.(host);
  if (why !== undefined) return Promise.reject(forbiddenError(url, host, why));
  return new Promise((resolve, reject) => {
    const headers = { 'user-agent': `Vacua ${version}`, accept: '*/*', 'accept-encoding': 'identity', ...extra };
    const fail = (error: unknown): void => reject(signal.aborted ? signal.reason : explain(error as NodeJS.ErrnoException, url, caDir));
    // `agent: false` keeps no connection, and leaves aside proxies that the environment may name for the global agent.
    const common = { agent: false as const, headers, signal, ...(refuse && { lookup: guardedLookup(url, refuse) }) };
    try {
      const request = url.protocol === 'https:' ? https.request(url, { ...common, ...trusting(caDir) }) : http.request(url, common);
      request.on('response', resolve).on('error', fail).end();
    } catch (error) {
      fail(error);
    }
  });
}

/** Resolves a name and hands on its addresses only when none of them is refused: another answer a moment later changes nothing. */
const guardedLookup =
  (url: URL, refuse: Refuse): LookupFunction =>
  (name, { all, ...options }, done) =>
    lookup(name, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error) return done(error, '');
      for (const { address } of addresses) {
        const why = refuse(address);
        if (why !== undefined) return done(forbiddenError(url, address, why), '');
      }
      return all === true ? done(null, addresses) : done(null, first?.address ?? '', first?.family);
    });

const forbiddenError = (url: URL, address: string, why: string): HttpFetchError =>
  new HttpFetchError('HTTP_FORBIDDEN', url, `leads to ${address}, ${why}, which a vacuum pipe may not make this host ask; valid: a server elsewhere`);

/** An option of `tls.connect` that `https.request` hands on. */
const trusting = (caDir: string): object => ({ secureContext: serverTrust(caDir) });

function explain(error: NodeJS.ErrnoException, url: URL, caDir: string): HttpFetchError {
  if (error instanceof HttpFetchError) return error;
  const code = error.code ?? '';
  const reason = {
    ENOTFOUND: 'no such host',
    EAI_AGAIN: 'the name service does not answer',
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection closed by the server',
  }[code];
  if (/^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_|EPROTO|INVALID_CA|HOSTNAME_MISMATCH)/.test(code)) {
    const text = `the server's certificate is not accepted (${error.message}); valid is one from a CA of the system or of ${caDir}`;
    return new HttpFetchError('HTTP_TLS', url, text, { cause: error });
  }
  return new HttpFetchError('HTTP_CONNECT', url, reason ?? (error.message || code), { cause: error });
}

function opened(url: URL, message: IncomingMessage, maxBytes: number, signal: AbortSignal, arrived: (bytes: number) => void): OpenResponse {
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers)) if (value !== undefined) headers.set(name, String(value));
  const announced = headers.get('content-length');
  const length = announced !== null && /^\d{1,15}$/.test(announced) ? Number(announced) : undefined;
  return {
    url,
    status: message.statusCode ?? 0,
    headers,
    length,
    framed: length !== undefined || /\bchunked\b/i.test(headers.get('transfer-encoding') ?? ''),
    async *body() {
      const tooLarge = (bytes: number, how: string): HttpFetchError =>
        new HttpFetchError('HTTP_TOO_LARGE', url, `${how} ${bytes} bytes; valid are at most ${maxBytes}`);
      if (length !== undefined && length > maxBytes) throw tooLarge(length, 'announces');
      let bytes = 0;
      try {
        for await (const chunk of message as AsyncIterable<Uint8Array>) {
          bytes += chunk.byteLength;
          arrived(chunk.byteLength);
          if (bytes > maxBytes) throw tooLarge(bytes, 'sends more than');
          yield chunk;
        }
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof HttpFetchError) throw error;
        const of = length === undefined ? '' : ` of ${length}`;
        throw new HttpFetchError('HTTP_TRUNCATED', url, `the connection broke after ${bytes}${of} bytes`, { cause: error });
      }
      if (signal.aborted) throw signal.reason;
      if (length !== undefined && bytes !== length) throw new HttpFetchError('HTTP_TRUNCATED', url, `${bytes} of ${length} announced bytes came`);
    },
  };
}
