import { z } from 'zod';
import { Refusal, type RefusalCode, statusOf } from '../refusal.ts';
import { storageRefusal } from '../sandbox/receive.ts';
import { StoreError, type StoreErrorCode } from '../store.ts';

const codes = Object.keys(statusOf) as [RefusalCode, ...RefusalCode[]];

/** RFC 9457. */
export const Problem = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(codes),
    problems: z
      .array(
        z.object({
          job: z.int().exactOptional().describe('index in a request of several jobs'),
          attribute: z.string().exactOptional(),
          line: z.int().exactOptional(),
          column: z.int().exactOptional(),
          text: z.string(),
        }),
      )
      .exactOptional()
      .describe('everything that is wrong in a job description'),
  })
  .meta({ id: 'Problem', description: 'Why a request was refused (RFC 9457). `code` is what programs look at.' });

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
};

interface Told {
  readonly code: RefusalCode;
  /** In place of the store's own words, which name hosts and paths and are for its operator's log. */
  readonly text?: string;
  readonly retryAfter?: number;
}
const ofStore: Readonly<Record<StoreErrorCode, Told>> = {
  FULL: { code: 'unavailable', text: 'the store of the queue is full', retryAfter: 60 },
  BUSY: { code: 'unavailable', text: 'the store of the queue is busy', retryAfter: 1 },
  UNREACHABLE: { code: 'unavailable', text: 'the store of the queue cannot be reached', retryAfter: 5 },
  REFUSED: { code: 'conflict' },
  NOT_FOUND: { code: 'not_found' },
  VERSION: { code: 'internal', text: 'the store of the queue cannot be used' },
  DAMAGED: { code: 'internal', text: 'the store of the queue cannot be used' },
};

/** What an error means to whoever has asked; undefined: a bug, of which nothing is told. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof StoreError) {
    const { code, text, retryAfter } = ofStore[error.code];
    return new Refusal(code, text ?? error.message, { ...(retryAfter !== undefined && { retryAfter }), cause: error });
  }
  const refusal = storageRefusal(error);
  return refusal instanceof Refusal ? refusal : undefined;
}

/** For people and their programs. */
export function problemResponse(refusal: Refusal): Response {
  const { status, message, code, problems } = refusal;
  const body: z.infer<typeof Problem> = {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    detail: message,
    code,
    ...(problems !== undefined && { problems: [...problems] }),
  };
  return new Response(`${JSON.stringify(body)}\n`, { status, headers: { 'content-type': 'application/problem+json', ...headersOf(refusal) } });
}

/** For agents: one line of text. */
export const textResponse = (refusal: Refusal): Response =>
  new Response(`${refusal.message.replaceAll(/[^\x20-\x7e]/g, '?')}\n`, {
    status: refusal.status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headersOf(refusal) },
  });

const headersOf = ({ status, retryAfter }: Refusal): Record<string, string> => ({
  ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  ...(status === 401 && { 'www-authenticate': 'Bearer' }),
  // What is left of a body that is too large is not worth reading.
  ...((status === 413 || status === 507) && { connection: 'close' }),
});
