import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { ProviderError } from '../contract.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call {
  readonly method: Method;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  /** Absent: {@link callSeconds}. */
  readonly withinSeconds?: number;
}

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A page of 1,000 servers is about 3 MB. */
const maxBodyBytes = 64 * 1024 ** 2;
const connectMilliseconds = 10_000;
export const callSeconds = 90;

/** Connections of one space. Its own, so that a cloud that does not answer holds up nothing else. Redirects are answers like any other. */
export class Http {
  #agent: Agent | undefined;
  readonly #caFile: string | undefined;

  /** `caFile`: the only authorities that are believed, PEM; absent: the system's. */
  constructor(caFile?: string) {
    this.#caFile = caFile;
  }

  /** Any whole answer, whatever its status. Rejects with a {@link ProviderError} where there is none. */
  async send(call: Call, signal: AbortSignal): Promise<Answer> {
    const within = (call.withinSeconds ?? callSeconds) * 1000;
    const deadline = AbortSignal.timeout(within);
    try {
      signal.throwIfAborted();
      const { statusCode, headers, body } = await request(call.url, {
        dispatcher: this.#open(),
        method: call.method,
        headers: call.headers,
        body: call.body ?? null,
        headersTimeout: within,
        signal: AbortSignal.any([signal, deadline]),
      });
      const text = await body.text();
      const flat = Object.entries(headers).map(([name, value]): [string, string] => [
        name.toLowerCase(),
        Array.isArray(value) ? (value[0] ?? '') : (value ?? ''),
      ]);
      return { status: statusCode, headers: Object.fromEntries(flat), text };
    } catch (error) {
      throw noAnswer(call, error, { ours: signal.aborted, late: deadline.aborted });
    }
  }

  async close(): Promise<void> {
    await this.#agent?.destroy();
  }

  #open(): Agent {
    this.#agent ??= new Agent({
      connections: 64,
      pipelining: 1,
      bodyTimeout: 30_000,
      maxResponseSize: maxBodyBytes,
      connect: { timeout: connectMilliseconds, ...(this.#caFile !== undefined && { ca: readCa(this.#caFile) }) },
    });
    return this.#agent;
  }
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ProviderError('CA_FILE_UNREADABLE', `${path}: cannot be read; valid is a file of CA certificates in PEM form`, {
      fault: 'host',
      whole: true,
      cause,
    });
  }
}

const certificateCodes = /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|HOSTNAME_MISMATCH|INVALID_CA)/;

function noAnswer(call: Call, cause: unknown, why: { readonly ours: boolean; readonly late: boolean }): ProviderError {
  if (cause instanceof ProviderError) return cause;
  const at = `${call.method} ${call.url.replace(/\?.*/s, '')}`;
  const code = codeOf(cause);
  if (why.ours) return new ProviderError('ABORTED', `${at}: given up before its answer`, { fault: 'provider', cause });
  if (certificateCodes.test(code)) {
    const text = `${at}: its certificate is not accepted (${code}); valid is one of an authority in the CA file, for this host`;
    return new ProviderError('CERTIFICATE_REFUSED', text, { fault: 'host', whole: true, cause });
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
    return new ProviderError('ANSWER_TOO_LARGE', `${at}: its answer has more than ${maxBodyBytes} bytes`, { fault: 'provider', whole: true, cause });
  if (why.late || code.endsWith('TIMEOUT')) return new ProviderError('NO_ANSWER', `${at}: no answer in time`, { fault: 'provider', whole: true, cause });
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/.test(code))
    return new ProviderError('UNREACHABLE', `${at}: cannot be reached (${code})`, { fault: 'provider', whole: true, cause });
  return new ProviderError('ANSWER_CUT', `${at}: the connection ended before its answer did${code === '' ? '' : ` (${code})`}`, {
    fault: 'provider',
    whole: true,
    cause,
  });
}

/** The innermost code: undici and AggregateError wrap what the socket said. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  const deeper = codeOf(inner);
  if (deeper !== '') return deeper;
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
