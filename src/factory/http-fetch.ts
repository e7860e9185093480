import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { HttpFetchError } from './http/error.ts';
import { type OpenResponse, type RequestOptions, withResponse } from './http/request.ts';

export { HttpFetchError, maskUrl } from './http/error.ts';
export { namedByPipe, pipeGuard, redirectGuard } from './http/pipe-guard.ts';
export type { Forbidden, RequestOptions } from './http/request.ts';
export { type Download, type DownloadOptions, downloadTo, type Validators } from './http/download.ts';

export interface Fetched {
  readonly status: number;
  readonly headers: Headers;
  /** Decoded. Empty for statuses other than 2xx, whose body nobody wants. */
  readonly body: Uint8Array;
}

const decoders = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate, br: createBrotliDecompress } as const;

/**
 * GETs a small document into memory. `maxBytes` holds for what is sent and for what a compressed answer becomes.
 * The caller judges the status. Rejects with {@link HttpFetchError}; see {@link withResponse} for what is allowed.
 */
export function fetchLimited(url: string, options: RequestOptions): Promise<Fetched> {
  return withResponse(url, options, async (response) => {
    const { status, headers } = response;
    if (status < 200 || status > 299) return { status, headers, body: new Uint8Array() };
    return { status, headers, body: await collect(response, options.maxBytes) };
  });
}

async function collect(response: OpenResponse, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const gather = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const part of source) {
      bytes += part.byteLength;
      if (bytes > maxBytes) throw new HttpFetchError('HTTP_TOO_LARGE', response.url, `unpacks to more than ${maxBytes} bytes, the greatest that is valid`);
      parts.push(part);
    }
  };
  const encoding = (response.headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') await gather(response.body());
  else {
    const decoder = decoders[encoding as keyof typeof decoders];
    if (decoder === undefined || !Object.hasOwn(decoders, encoding)) {
      throw new HttpFetchError('HTTP_ENCODING', response.url, `content encoding "${encoding.slice(0, 40)}"; valid are identity, gzip, deflate and br`);
    }
    try {
      await pipeline(Readable.from(response.body()), decoder(), gather);
    } catch (error) {
      if (error instanceof HttpFetchError) throw error;
      throw new HttpFetchError('HTTP_ENCODING', response.url, `cannot be unpacked as ${encoding}: ${(error as Error).message}`, { cause: error });
    }
  }
  return Buffer.concat(parts, bytes);
}
