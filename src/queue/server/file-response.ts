import type { Context } from 'hono';
import type { OpenFile } from '../sandbox/sandbox.ts';

/** A stored file as it is. Browsers are told to make nothing of it, since users and machines have written it. */
export async function fileResponse(c: Context, { size, stream }: OpenFile, name: string): Promise<Response> {
  const isHead = c.req.method === 'HEAD';
  // Nobody will read the body of such an answer, and so nobody would close the file.
  if (isHead) await stream.cancel();
  return new Response(isHead ? null : stream, {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(size),
      'content-disposition': `attachment; filename="${name.replaceAll(/[^A-Za-z0-9._+-]/g, '_')}"`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    },
  });
}
