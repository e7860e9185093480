import type { ServerResponse } from 'node:http';
import type { Context } from 'hono';
import { Refusal } from '../refusal.ts';
import type { Incoming } from '../sandbox/receive.ts';

/** The announced length of a body; undefined: it comes in pieces, of which nobody knows how many. */
export function announced(c: Context): number | undefined {
  const text = c.req.header('content-length');
  if (text === undefined) return c.req.raw.body === null ? 0 : undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Refusal('bad_request', `content-length: ${text.slice(0, 40)} is no length`);
}

/**
 * The body as a stream. A client that has sent `Expect: 100-continue` is asked to go on at the first read, so that a body that is
 * refused for its length is never sent.
 */
export function bodyOf(c: Context): Incoming {
  const length = announced(c);
  return { bytes: read(c), ...(length !== undefined && { length }) };
}

async function* read(c: Context): AsyncIterable<Uint8Array> {
  const { outgoing } = (c.env ?? {}) as { outgoing?: ServerResponse };
  if (/100-continue/i.test(c.req.header('expect') ?? '')) outgoing?.writeContinue();
  const { body } = c.req.raw;
  if (body === null) return;
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (cause) {
    throw new Refusal('bad_request', 'the body broke off', { cause });
  }
}

/** The whole body, at most `most` bytes. */
export async function bytesOf(c: Context, most: number): Promise<Buffer> {
  const { bytes, length } = bodyOf(c);
  const tooLarge = (): Refusal => new Refusal('too_large', `the body is longer than ${most} bytes`);
  if (length !== undefined && length > most) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > most) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The whole body as UTF-8 text. */
export async function textOf(c: Context, most: number): Promise<string> {
  const bytes = await bytesOf(c, most);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Refusal('bad_request', 'the body is not UTF-8', { cause });
  }
}
