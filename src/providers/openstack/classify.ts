import { type Instant, seconds } from '../../core/units.ts';
import { type Fault, type FaultAbout, ProviderError } from '../contract.ts';
import { retryAfterSeconds } from './gate.ts';
import type { Answer } from './http.ts';
import { oneLine } from '../cloud/one-line.ts';

export type Service = 'identity' | 'compute' | 'image' | 'network';

/** Where an answer came from, for people: service, method and path. */
export interface Asked {
  readonly service: Service;
  readonly what: string;
}

type Known = Readonly<{ code: Uppercase<string>; fault: Fault } & Partial<Pick<FaultAbout, 'lack' | 'whole'>>>;

/** Refusals that are told apart by their words alone; the first that fits. The words are those of Nova, Neutron and Glance. */
const byWords: readonly (readonly [RegExp, Known])[] = [
  [
    /no valid host|not enough hosts|exceeded maximum number of retries|no more ip addresses|failed to allocate the network/i,
    { code: 'NO_CAPACITY', fault: 'provider', lack: 'capacity' },
  ],
  [/key ?pair.*quota|quota exceeded, too many key pairs|maximum number of key pairs/i, { code: 'KEY_PAIR_QUOTA', fault: 'host', lack: 'quota' }],
  [
    /quota exceeded for .*instances|quota exceeded for resources|maximum number of ports/i,
    { code: 'QUOTA_EXCEEDED', fault: 'provider', lack: 'quota', whole: true },
  ],
  [/quota/i, { code: 'QUOTA_EXCEEDED', fault: 'provider', lack: 'quota' }],
  [/can not find requested image|no image found/i, { code: 'IMAGE_MISSING', fault: 'tenant' }],
  [/image .* is not active/i, { code: 'IMAGE_NOT_ACTIVE', fault: 'provider' }],
  [
    /flavor'?s? (disk|memory) is (smaller|too small)|is too small for (requested|the) image|(min_?disk|min_?ram)/i,
    { code: 'FLAVOR_TOO_SMALL', fault: 'tenant' },
  ],
  [/flavor .* could not be found/i, { code: 'FLAVOR_MISSING', fault: 'host' }],
  [/multiple possible networks|more than one network/i, { code: 'NETWORK_AMBIGUOUS', fault: 'host', whole: true }],
  [/network .* could not be found|'networks' is a required property/i, { code: 'NETWORK_MISSING', fault: 'host', whole: true }],
  [/invalid key_name/i, { code: 'KEY_PAIR_MISSING', fault: 'host' }],
  [/unable to find security_group|security group .* (not found|does not exist)/i, { code: 'SECURITY_GROUP_MISSING', fault: 'host', whole: true }],
  [/availability zone is not available/i, { code: 'ZONE_MISSING', fault: 'host', whole: true }],
  [/user_?data/i, { code: 'USER_DATA_REFUSED', fault: 'tenant' }],
];

const byStatus: Readonly<Record<number, Known>> = {
  300: { code: 'UNEXPECTED_ANSWER', fault: 'provider', whole: true },
  400: { code: 'REQUEST_REFUSED', fault: 'host' },
  403: { code: 'NOT_ALLOWED', fault: 'host' },
  404: { code: 'NOT_FOUND', fault: 'provider' },
  406: { code: 'MICROVERSION_REFUSED', fault: 'provider', whole: true },
  409: { code: 'CONFLICT', fault: 'provider' },
  413: { code: 'TOO_LARGE', fault: 'host' },
  429: { code: 'ASKED_TO_WAIT', fault: 'provider', whole: true },
  503: { code: 'UNAVAILABLE', fault: 'provider', whole: true },
};

/** Looks like a page for people: some proxy or portal has answered, and not OpenStack. */
export const isHtml = (answer: Answer): boolean =>
  /\bhtml\b/i.test(answer.headers['content-type'] ?? '') || /^\s*<(!doctype|html|head|body)\b/i.test(answer.text);

/**
 * An error answer as a typed fault with its owner (README of the test bed, *Faults*). Every row of it is a case of `classify.test.ts`.
 * `now` is needed for a `Retry-After` that is a date.
 */
export function classify(asked: Asked, answer: Answer, now: Instant): ProviderError {
  const { text, retryAfter: bodyRetry } = isHtml(answer) ? { text: oneLine(answer.text, 200) } : messageOf(answer.text);
  const known = kindOf(asked, answer, text, bodyRetry !== undefined);
  const retryAfter =
    answer.status === 429 || answer.status === 503 || answer.status === 413 ? (retryAfterSeconds(answer.headers, now) ?? bodyRetry) : undefined;
  const request = answer.headers['x-openstack-request-id'] ?? answer.headers['x-compute-request-id'];
  const about: FaultAbout = {
    fault: known.fault,
    whole: known.whole ?? false,
    ...(known.lack !== undefined && { lack: known.lack }),
    ...(retryAfter !== undefined && { retryAfter: seconds(retryAfter) }),
  };
  const id = request === undefined ? '' : ` [${oneLine(request, 60)}]`;
  const cause = known.code === 'CREDENTIALS_REFUSED' ? '; a wrong secret, a disabled user and expired credentials are all answered so' : '';
  return new ProviderError(known.code, `${asked.service}: ${asked.what}: ${answer.status} ${text === '' ? 'without a reason' : text}${id}${cause}`, about);
}

function kindOf(asked: Asked, answer: Answer, text: string, overLimit: boolean): Known {
  const { status } = answer;
  // 404 is what a token that is no longer valid gets.
  if (asked.service === 'identity' && (status === 401 || (status === 404 && /token/i.test(text))))
    return { code: 'CREDENTIALS_REFUSED', fault: 'host', whole: true };
  if (asked.service === 'identity' && !isHtml(answer) && [301, 302, 307, 308, 400, 403, 404].includes(status))
    return { code: 'LOGIN_REFUSED', fault: 'host', whole: true };
  if (status === 401) return { code: 'TOKEN_REFUSED', fault: 'provider', whole: true };
  if (isHtml(answer)) return { code: status === 503 ? 'UNAVAILABLE' : 'NOT_OPENSTACK', fault: 'provider', whole: true };
  if (overLimit && !/quota/i.test(text)) return { code: 'ASKED_TO_WAIT', fault: 'provider', whole: true };
  if ([400, 403, 404, 409, 413].includes(status)) {
    const known = byWords.find(([words]) => words.test(text))?.[1];
    if (known !== undefined && (status !== 404 || asked.service === 'compute')) return known;
  }
  if (status >= 300 && status < 400) return byStatus[300] as Known;
  return byStatus[status] ?? (status >= 500 ? { code: 'SERVER_ERROR', fault: 'provider', whole: true } : { code: 'REQUEST_REFUSED', fault: 'host' });
}

/** What ran out, from the words in which a server in ERROR explains itself. */
export function lackOf(failure: string): 'quota' | 'capacity' | undefined {
  return byWords.find(([words]) => words.test(failure))?.[1].lack;
}

/** The message in any of the shapes of the services. Values that a service repeats are left out: user data holds secrets. */
function messageOf(body: string): { readonly text: string; readonly retryAfter?: number } {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { text: oneLine(body, 200) };
  }
  if (!isObject(json)) return { text: '' };
  const inner = Object.values(json).find((v) => isObject(v) && 'message' in v);
  const about = isObject(inner) ? inner : json;
  const message = typeof about['message'] === 'string' ? about['message'] : '';
  const field = /^Invalid input for field\/attribute (\S{1,60})\. Value: /.exec(message)?.[1];
  const retry = Number(about['retryAfter'] ?? Number.NaN);
  return {
    text: field === undefined ? oneLine(message) : `Invalid input for field/attribute ${oneLine(field)}`,
    ...('retryAfter' in about && Number.isFinite(retry) && { retryAfter: retry }),
  };
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
