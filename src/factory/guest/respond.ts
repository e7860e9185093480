import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

/** A body that nobody wants is read so far, that its sender may see the answer; then the connection is closed. */
const unwantedBytes = 1024 * 1024;

/** An answer without body. What is left of the request's own body is not waited for long. */
export async function answerEmpty(req: IncomingMessage, res: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  const awaitsContinue = req.headers.expect !== undefined && !req.readableDidRead;
  if (!hasBody || req.readableEnded) {
    res.writeHead(status, { 'content-length': '0', ...headers }).end();
    return;
  }
  res.writeHead(status, { 'content-length': '0', connection: 'close', ...headers }).flushHeaders();
  if (!awaitsContinue) await discard(req);
  res.end();
}

async function discard(req: IncomingMessage): Promise<void> {
  let seen = 0;
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      seen += (chunk as Uint8Array).byteLength;
      if (seen > unwantedBytes) return;
    }
  } catch {
    // The sender has gone: nothing is left to read.
  }
}

export interface Text {
  readonly body: string;
  readonly type: string;
  /** Seconds; absent: not to be kept at all. */
  readonly maxAge?: number;
}

/** A short document with `ETag`; 304 when the reader has it already. Node leaves the body out for HEAD. */
export function answerText(req: IncomingMessage, res: ServerResponse, text: Text): void {
  const etag = `"${createHash('sha256').update(text.body).digest('base64url').slice(0, 22)}"`;
  const headers = { etag, 'cache-control': text.maxAge === undefined ? 'no-store' : `max-age=${text.maxAge}` };
  const known = req.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known?.includes(etag)) {
    res.writeHead(304, headers).end();
    return;
  }
  res.writeHead(200, { ...headers, 'content-type': text.type, 'content-length': Buffer.byteLength(text.body) }).end(text.body);
}

/** A file, without holding it in memory. False: it is not there, and nothing has been answered. */
export async function answerFile(req: IncomingMessage, res: ServerResponse, path: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    // Anything else, such as too many open files, must not look as if there were none.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path} is not a regular file`);
    const { size } = stat;
    res.writeHead(200, { 'content-type': 'text/plain', 'content-length': size, 'cache-control': 'no-store' });
    if (req.method === 'HEAD' || size === 0) res.end();
    else await pipeline(file.createReadStream({ end: size - 1, autoClose: false }), res);
  } finally {
    await file.close();
  }
  return true;
}
