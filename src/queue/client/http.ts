import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { Readable } from 'node:stream';
import { Problem } from '../server/problem.ts';
import { QueueError } from './error.ts';

export interface Sending {
  readonly type?: string;
  readonly body?: string | { readonly stream: () => Readable; readonly length: number };
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Server {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token?: string;
  /** Longest silence, ms. */
  readonly timeoutMs: number;
}

/** Most of an answer that is read as a whole. */
const mostAnswer = 256 * 1024 ** 2;

/** One request. Resolves with the head of a good answer; rejects with a QueueError alone. A file is sent only when the queue has asked for it. */
export async function send(server: Server, method: string, path: string, { type, body, headers = {} }: Sending = {}): Promise<IncomingMessage> {
  const response = await open(server, method, path, {
    body,
    headers: {
      ...headers,
      ...(type !== undefined && { 'content-type': type }),
      ...(server.token !== undefined && { authorization: `Bearer ${server.token}` }),
    },
  });
  if ((response.statusCode ?? 0) < 300) return response;
  throw problemOf(response, (await bytesOf(response)).toString('utf8'));
}

function open(
  server: Server,
  method: string,
  path: string,
  { body, headers }: { body: Sending['body']; headers: Record<string, string> },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const url = new URL(`${server.url}${path}`);
    const asFile = typeof body === 'object';
    const length = body === undefined ? 0 : asFile ? body.length : Buffer.byteLength(body);
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method,
      agent: false,
      timeout: server.timeoutMs,
      headers: { ...headers, ...(body !== undefined && { 'content-length': String(length) }), ...(asFile && { expect: '100-continue' }) },
    });
    let answered = false;
    request.on('response', (response) => {
      answered = true;
      resolve(response);
    });
    request.on('timeout', () => request.destroy(new QueueError('no_answer', `${server.url} has not answered for ${server.timeoutMs / 1000} s`)));
    request.on('error', (error) => answered || reject(unreachable(server, error)));
    if (!asFile) return void request.end(body);
    request.on('continue', () => {
      pipeline(body.stream(), request).catch((error: unknown) => request.destroy(error instanceof Error ? error : new Error(String(error))));
    });
    request.flushHeaders();
  });
}

/** All bytes of an answer. */
export async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      chunks.push(chunk as Uint8Array);
      size += (chunk as Uint8Array).length;
      if (size > mostAnswer) throw new Error(`it is longer than ${mostAnswer} bytes`);
    }
  } catch (cause) {
    throw new QueueError('no_answer', `the queue broke off in the middle of an answer: ${String(cause)}`, { cause });
  }
  return Buffer.concat(chunks);
}

function unreachable({ url }: Server, error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'].includes(code)) {
    return new QueueError('no_server', `no queue answers at ${url} (${code})`, { cause: error });
  }
  return new QueueError('no_answer', `the connection to ${url} broke: ${message}`, { cause: error });
}

function problemOf(response: IncomingMessage, text: string): QueueError {
  const status = response.statusCode ?? 0;
  const retryAfter = Number(response.headers['retry-after'] ?? Number.NaN);
  const about = { status, ...(Number.isFinite(retryAfter) && { retryAfter }) };
  try {
    const { code, detail, problems = [] } = Problem.parse(JSON.parse(text));
    return new QueueError(code, detail, { ...about, problems });
  } catch (cause) {
    return new QueueError('bad_answer', `the answer with status ${status} is not one of a queue: ${text.slice(0, 200)}`, { ...about, cause });
  }
}
