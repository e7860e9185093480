import type { OpenFile } from '../sandbox/sandbox.ts';

/** A stored file as it is. Browsers are told to make nothing of it, since users and machines have written it. */
export const fileResponse = ({ size, stream }: OpenFile, name: string): Response =>
  new Response(stream, {
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(size),
      'content-disposition': `attachment; filename="${name.replaceAll(/[^A-Za-z0-9._+-]/g, '_')}"`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    },
  });
