import { type FileHandle, open, readFile, rm, statfs, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HttpFetchError } from './error.ts';
import { type OpenResponse, type RequestOptions, withResponse } from './request.ts';

/** What a server calls a version of a document; sent back to ask whether it has changed. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

export interface DownloadOptions extends RequestOptions {
  /** Of the copy at hand: when the server still has that one, nothing is downloaded. */
  readonly known?: Validators;
  /** Whether an answer is refused that would not show that it was cut short (neither Content-Length nor chunks). Default true. */
  readonly framedOnly?: boolean;
  /** Bytes that must stay free on the file system. Default 0. */
  readonly minFreeBytes?: number;
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
}

export type Download = { readonly modified: false } | { readonly modified: true; readonly bytes: number; readonly validators: Validators };

/** Name of the note beside an incomplete file that says which version it is a part of. */
export const resumeNote = (file: string): string => `${file}.resume`;

/**
 * GETs a large document into a file (0600), complete and on disk when this resolves. Stored as sent, never decoded.
 * A part that an earlier call left in `file` is continued when the server confirms the same version (If-Range), else replaced.
 * When it rejects ({@link HttpFetchError}) the part stays for the next call, unless the disk is full.
 */
export async function downloadTo(url: string, file: string, options: DownloadOptions): Promise<Download> {
  const part = await readPart(file, url);
  if (part === undefined) return attempt(url, file, options, 0, undefined);
  const resumed = await attempt(url, file, options, part.bytes, part.validator);
  return resumed ?? attempt(url, file, options, 0, undefined);
}

/** `undefined`, possible only with a validator: the server cannot continue that part. */
async function attempt(url: string, file: string, options: DownloadOptions, from: number, validator: undefined): Promise<Download>;
async function attempt(url: string, file: string, options: DownloadOptions, from: number, validator: string | undefined): Promise<Download | undefined>;
async function attempt(url: string, file: string, options: DownloadOptions, from: number, validator: string | undefined): Promise<Download | undefined> {
  const headers = { ...options.headers, ...conditions(options.known), ...(validator === undefined ? {} : { range: `bytes=${from}-`, 'if-range': validator }) };
  return withResponse(url, { ...options, headers }, async (response) => {
    if (response.status === 304 && options.known !== undefined) return { modified: false };
    if (validator !== undefined && (response.status === 416 || (response.status === 206 && !continues(response, from)))) return undefined;
    if (response.status !== 200 && !(response.status === 206 && validator !== undefined)) {
      throw new HttpFetchError('HTTP_STATUS', response.url, `status ${response.status}; valid are 200${options.known === undefined ? '' : ' and 304'}`, {
        status: response.status,
      });
    }
    if (!response.framed && (options.framedOnly ?? true)) {
      throw new HttpFetchError(
        'HTTP_TRUNCATED',
        response.url,
        'announces no length, so that a lost end could not be noticed; valid is an answer with Content-Length',
      );
    }
    const validators = validatorsOf(response.headers);
    const start = response.status === 206 ? from : 0;
    try {
      if (start === 0) await onDisk(response.url, file, () => begin(file, url, response));
      const bytes = await store(response, file, start, options);
      await rm(resumeNote(file), { force: true });
      return { modified: true, bytes, validators };
    } catch (error) {
      if (error instanceof HttpFetchError && error.code !== 'HTTP_DISK' && error.code !== 'HTTP_TOO_LARGE') throw error;
      await discard(file).catch(() => undefined); // the failure that led here says more
      throw error;
    }
  });
}

async function store(response: OpenResponse, file: string, start: number, options: DownloadOptions): Promise<number> {
  const total = response.length === undefined ? undefined : start + response.length;
  if (total !== undefined && total > options.maxBytes) {
    throw new HttpFetchError('HTTP_TOO_LARGE', response.url, `announces ${total} bytes; valid are at most ${options.maxBytes}`);
  }
  await onDisk(response.url, file, () => room(file, response, options));
  const handle = await onDisk(response.url, file, () => open(file, start === 0 ? 'w' : 'a', 0o600));
  let bytes = start;
  try {
    options.onProgress?.(bytes, total);
    for await (const chunk of response.body()) {
      bytes += chunk.byteLength;
      if (bytes > options.maxBytes)
        throw new HttpFetchError('HTTP_TOO_LARGE', response.url, `sends more than ${options.maxBytes} bytes, the greatest that is valid`);
      await onDisk(response.url, file, () => writeAll(handle, chunk));
      options.onProgress?.(bytes, total);
    }
    await onDisk(response.url, file, () => handle.datasync());
    return bytes;
  } finally {
    await handle.close();
  }
}

async function room(file: string, response: OpenResponse, options: DownloadOptions): Promise<void> {
  if (response.length === undefined) return;
  const { bavail, bsize } = await statfs(dirname(file));
  const free = bavail * bsize;
  const needed = response.length + (options.minFreeBytes ?? 0);
  if (free < needed)
    throw new HttpFetchError('HTTP_DISK', response.url, `needs ${needed} bytes on the file system of ${dirname(file)}, of which ${free} are free`);
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) at += (await handle.write(chunk, at)).bytesWritten;
}

async function onDisk<T>(url: URL, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HttpFetchError) throw error;
    throw new HttpFetchError('HTTP_DISK', url, `cannot be written to ${file}: ${(error as Error).message}`, { cause: error });
  }
}

async function begin(file: string, url: string, response: OpenResponse): Promise<void> {
  await discard(file);
  const validator = rangeValidator(response.headers);
  if (validator === undefined) return;
  await writeFile(resumeNote(file), JSON.stringify({ url, validator }), { mode: 0o600 });
}

async function readPart(file: string, url: string): Promise<{ readonly bytes: number; readonly validator: string } | undefined> {
  try {
    const note = JSON.parse(await readFile(resumeNote(file), 'utf8')) as { readonly url?: unknown; readonly validator?: unknown };
    const bytes = (await stat(file)).size;
    return note.url === url && typeof note.validator === 'string' && bytes > 0 ? { bytes, validator: note.validator } : undefined;
  } catch {
    return undefined;
  }
}

/** Removes an incomplete file and its note. */
export async function discard(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(resumeNote(file), { force: true });
}

function conditions(known: Validators | undefined): Record<string, string> {
  return {
    ...(known?.etag === undefined ? {} : { 'if-none-match': known.etag }),
    ...(known?.lastModified === undefined ? {} : { 'if-modified-since': known.lastModified }),
  };
}

function validatorsOf(headers: Headers): Validators {
  const etag = headers.get('etag');
  const lastModified = headers.get('last-modified');
  return { ...(etag === null ? {} : { etag }), ...(lastModified === null ? {} : { lastModified }) };
}

/** Only a strong validator may join two parts: a strong ETag, or a date which is a minute older than the answer (RFC 9110 §8.8.2.2). */
function rangeValidator(headers: Headers): string | undefined {
  const { etag, lastModified } = validatorsOf(headers);
  if (etag !== undefined) return etag.startsWith('"') ? etag : undefined;
  if (lastModified === undefined) return undefined;
  return Date.parse(headers.get('date') ?? '') - Date.parse(lastModified) >= 60_000 ? lastModified : undefined;
}

function continues(response: OpenResponse, from: number): boolean {
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  return range !== null && Number(range[1]) === from && Number(range[2]) + 1 === Number(range[3]);
}
