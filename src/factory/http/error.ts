export type HttpFetchCode =
  | 'HTTP_URL'
  | 'HTTP_CONNECT'
  | 'HTTP_FORBIDDEN'
  | 'HTTP_TLS'
  | 'HTTP_REDIRECT'
  | 'HTTP_STATUS'
  | 'HTTP_TOO_LARGE'
  | 'HTTP_TRUNCATED'
  | 'HTTP_ENCODING'
  | 'HTTP_TIMEOUT'
  | 'HTTP_SLOW'
  | 'HTTP_ABORTED'
  | 'HTTP_DISK';

/** A document could not be had. The text names the URL (credentials masked), what came, and what would be valid. */
export class HttpFetchError extends Error {
  override readonly name = 'HttpFetchError';
  readonly code: HttpFetchCode;
  /** Present with `HTTP_STATUS`. */
  readonly status: number | undefined;
  constructor(code: HttpFetchCode, url: string | URL, text: string, about: { readonly cause?: unknown; readonly status?: number } = {}) {
    super(`${maskUrl(url)}: ${text}`, { cause: about.cause });
    this.code = code;
    this.status = about.status;
  }
}

/** The URL for people and logs: user name and password replaced, query and fragment too, nothing unprintable, at most 300 characters. */
export function maskUrl(url: string | URL): string {
  const text = String(url)
    .replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/i, '$1//***@')
    .replace(/[?#].*$/s, '?***');
  // eslint-disable-next-line no-control-regex
  const printable = text.replace(/[\u0000-\u0020\u007f-\u009f\u2028\u2029]/g, '?');
  return printable.length <= 300 ? printable : `${printable.slice(0, 299)}…`;
}
