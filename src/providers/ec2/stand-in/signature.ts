import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Account {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
  readonly region: string;
  /** Service in signatures. */
  readonly service: string;
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
/** Between the time of a request and ours. */
const skewSeconds = 300;

/** Code of the EC2 error for a request whose Signature Version 4 is not right; undefined: it is. Written from the description of the scheme. */
export function signatureFault(method: string, path: string, headers: IncomingHttpHeaders, body: string, account: Account, now: number): string | undefined {
  const parsed = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    headers.authorization ?? '',
  );
  if (!parsed) return 'MissingAuthenticationToken';
  const [, key, date = '', region, service, signed = '', signature = ''] = parsed;
  if (key !== account.accessKey) return 'AuthFailure';
  if (headers['x-amz-security-token'] !== account.sessionToken) return 'AuthFailure';
  const stamp = String(headers['x-amz-date'] ?? '');
  const at = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (Number.isNaN(at) || !stamp.startsWith(date)) return 'SignatureDoesNotMatch';
  if (Math.abs(at - now) > skewSeconds * 1000) return 'RequestExpired';
  const names = signed.split(';');
  if (!names.includes('host') || region !== account.region || service !== account.service) return 'SignatureDoesNotMatch';
  const canonical = [
    method,
    path,
    '',
    ...names.map(
      (name) =>
        `${name}:${String(headers[name] ?? '')
          .trim()
          .replaceAll(/\s+/g, ' ')}`,
    ),
    '',
    signed,
    sha256(body),
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const signing = ['aws4_request'].reduce(hmac, hmac(hmac(hmac(`AWS4${account.secretKey}`, date), account.region), account.service));
  const expected = hmac(signing, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n'));
  return timingSafeEqual(expected, Buffer.from(signature, 'hex')) ? undefined : 'AuthFailure';
}
