import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { instant } from '../../core/units.ts';
import { classify, lackOf, type Service } from './classify.ts';

const now = instant(Date.parse('2026-11-20T14:21:31Z'));
const say = (service: Service, status: number, body: object | string, headers: Record<string, string> = {}) =>
  classify({ service, what: 'POST /x' }, { status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) }, now);

/** Every row of the table of faults in test/openstack/README.md that is an error answer, with its owner. */
const rows: readonly (readonly [string, Service, number, object, string])[] = [
  [
    'wrong password',
    'identity',
    401,
    { error: { code: 401, message: 'The request you have made requires authentication.', title: 'Unauthorized' } },
    'CREDENTIALS_REFUSED host whole',
  ],
  [
    'malformed sign-in',
    'identity',
    400,
    { error: { code: 400, message: 'Expecting to find password in identity. ...', title: 'Bad Request' } },
    'LOGIN_REFUSED host whole',
  ],
  [
    'revoked token at keystone',
    'identity',
    404,
    { error: { code: 404, message: 'Failed to validate token', title: 'Not Found' } },
    'CREDENTIALS_REFUSED host whole',
  ],
  [
    'bad token at nova',
    'compute',
    401,
    { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
    'TOKEN_REFUSED provider whole',
  ],
  [
    'bad token at glance',
    'image',
    401,
    { message: 'This server could not verify ...<br /><br />\n\n\n', code: '401 Unauthorized', title: 'Unauthorized' },
    'TOKEN_REFUSED provider whole',
  ],
  [
    'quota',
    'compute',
    403,
    { forbidden: { code: 403, message: 'Quota exceeded for cores, instances: Requested 1, 1, but already used 1, 1 of 1, 1 cores, instances' } },
    'QUOTA_EXCEEDED provider whole quota',
  ],
  [
    'quota of processors alone',
    'compute',
    403,
    { forbidden: { code: 403, message: 'Quota exceeded for cores: Requested 8, but already used 60 of 64 cores' } },
    'QUOTA_EXCEEDED provider quota',
  ],
  ['quota of key pairs', 'compute', 403, { forbidden: { code: 403, message: 'Quota exceeded, too many key pairs.' } }, 'KEY_PAIR_QUOTA host quota'],
  ['image missing', 'compute', 400, { badRequest: { code: 400, message: 'Can not find requested image' } }, 'IMAGE_MISSING tenant'],
  ['image not uploaded yet', 'compute', 400, { badRequest: { code: 400, message: 'Image c36f is not active.' } }, 'IMAGE_NOT_ACTIVE provider'],
  ['flavor missing', 'compute', 400, { badRequest: { code: 400, message: 'Flavor no-such could not be found.' } }, 'FLAVOR_MISSING host'],
  ['flavor too small', 'compute', 400, { badRequest: { code: 400, message: "Flavor's memory is too small for requested image." } }, 'FLAVOR_TOO_SMALL tenant'],
  ['network missing', 'compute', 400, { badRequest: { code: 400, message: 'Network 8500 could not be found.' } }, 'NETWORK_MISSING host whole'],
  [
    'no networks',
    'compute',
    400,
    { badRequest: { code: 400, message: "Invalid input for field/attribute server. Value: {'name': 's3cret'}. 'networks' is a required property" } },
    'REQUEST_REFUSED host',
  ],
  [
    'several networks',
    'compute',
    409,
    { conflictingRequest: { code: 409, message: 'Multiple possible networks found, use a Network ID to be more specific.' } },
    'NETWORK_AMBIGUOUS host whole',
  ],
  ['key pair missing', 'compute', 400, { badRequest: { code: 400, message: 'Invalid key_name provided.' } }, 'KEY_PAIR_MISSING host'],
  [
    'security group missing',
    'compute',
    400,
    { badRequest: { code: 400, message: "Unable to find security_group with name or id 'nosg'" } },
    'SECURITY_GROUP_MISSING host whole',
  ],
  ['zone missing', 'compute', 400, { badRequest: { code: 400, message: 'The requested availability zone is not available' } }, 'ZONE_MISSING host whole'],
  [
    'unknown property',
    'compute',
    400,
    { badRequest: { code: 400, message: 'Invalid input for field/attribute name. Value: . is too short' } },
    'REQUEST_REFUSED host',
  ],
  [
    'microversion',
    'compute',
    406,
    { computeFault: { code: 406, message: 'Version 2.999 is not supported by the API.' } },
    'MICROVERSION_REFUSED provider whole',
  ],
  ['server missing', 'compute', 404, { itemNotFound: { code: 404, message: 'Instance 0ce7 could not be found.' } }, 'NOT_FOUND provider'],
  [
    'conflict',
    'compute',
    409,
    { conflictingRequest: { code: 409, message: "Cannot 'start' instance 0ce7 while it is in vm_state active" } },
    'CONFLICT provider',
  ],
  [
    'not allowed',
    'compute',
    403,
    { forbidden: { code: 403, message: "Policy doesn't allow os_compute_api:os-flavor-manage:create to be performed." } },
    'NOT_ALLOWED host',
  ],
  [
    'glance: missing',
    'image',
    404,
    { message: 'No image found with ID c36f<br /><br />\n\n\n', code: '404 Not Found', title: 'Not Found' },
    'NOT_FOUND provider',
  ],
  [
    'glance: a second upload',
    'image',
    409,
    { message: 'The image data has already been uploaded<br /><br />\n\n\n', code: '409 Conflict', title: 'Conflict' },
    'CONFLICT provider',
  ],
  [
    'neutron: missing',
    'network',
    404,
    { NeutronError: { type: 'NetworkNotFound', message: 'Network 8500 could not be found.', detail: '' } },
    'NOT_FOUND provider',
  ],
  [
    'neutron: quota',
    'network',
    409,
    { NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['floatingip'].", detail: '' } },
    'QUOTA_EXCEEDED provider whole quota',
  ],
  ['broken', 'compute', 500, { computeFault: { code: 500, message: 'Unexpected API Error.' } }, 'SERVER_ERROR provider whole'],
  [
    'too many requests, old form',
    'compute',
    413,
    { overLimit: { code: 413, message: 'This request was rate-limited.', retryAfter: '21' } },
    'ASKED_TO_WAIT provider whole 21 s',
  ],
];

describe('error answers', () => {
  for (const [name, service, status, body, expected] of rows) {
    it(`${name}: ${expected}`, () => {
      const e = say(service, status, body);
      const got = [e.code, e.fault, e.whole ? 'whole' : '', e.lack ?? '', e.retryAfter === undefined ? '' : `${e.retryAfter} s`]
        .filter((t) => t !== '')
        .join(' ');
      assert.equal(got, expected);
      assert.match(e.message, /^[\p{L}\p{N}\p{P}\p{S} ]+$/u);
    });
  }

  it('user data that a cloud repeats does not reach the message: it holds secrets', () => {
    const e = say('compute', 400, {
      badRequest: { code: 400, message: `Invalid input for field/attribute user_data. Value: c2VjcmV0${'A'.repeat(70_000)}. is too long` },
    });
    assert.equal(e.code, 'USER_DATA_REFUSED');
    assert.equal(e.fault, 'tenant');
    assert.ok(!e.message.includes('c2VjcmV0') && e.message.length < 200, e.message);
  });

  it('a page for people is one printable line', () => {
    const html = '<!DOCTYPE html><html><head><title>502 Bad Gateway</title><style>b{}</style></head><body><h1>502\u001b[31m\nBad</h1></body></html>';
    for (const status of [200, 403, 404, 502]) {
      const e = say('compute', status, html, { 'content-type': 'text/html' });
      assert.deepEqual([e.code, e.fault, e.whole], ['NOT_OPENSTACK', 'provider', true]);
      assert.match(e.message, /502 Bad Gateway 502 ?\[31m Bad$/);
    }
  });

  it('Retry-After is understood as seconds and as a date, which is held against the Date of the answer', () => {
    const at = (headers: Record<string, string>) => say('compute', 429, {}, headers).retryAfter;
    assert.equal(at({ 'retry-after': '17' }), 17);
    assert.equal(at({ 'retry-after': 'Fri, 20 Nov 2026 14:22:31 GMT' }), 60);
    assert.equal(at({ 'retry-after': 'Fri, 20 Nov 2026 15:22:31 GMT', date: 'Fri, 20 Nov 2026 15:22:01 GMT' }), 30);
    assert.equal(at({ 'retry-after': 'soon' }), undefined);
    assert.equal(at({}), undefined);
  });

  it('a refusal of credentials says what else than a wrong secret it may be', () => {
    const body = { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } };
    const { message } = classify({ service: 'identity', what: 'POST /auth/tokens' }, { status: 401, headers: {}, text: JSON.stringify(body) }, instant(0));
    assert.match(message, /401 The request .*; a wrong secret, a disabled user and expired credentials/);
  });

  it('the request id is told, so that the cloud can be asked about it', () => {
    assert.match(say('compute', 500, {}, { 'x-openstack-request-id': 'req-1b7cb277' }).message, /\[req-1b7cb277\]$/);
  });

  it('what ran out is read from the reason of a server in ERROR', () => {
    assert.equal(lackOf('No valid host was found. '), 'capacity');
    assert.equal(lackOf('Exceeded maximum number of retries. Exhausted all hosts available'), 'capacity');
    assert.equal(lackOf('Quota exceeded for cores, instances: Requested 1, 1'), 'quota');
    assert.equal(lackOf('Build of instance aborted: Unable to mount'), undefined);
  });
});
