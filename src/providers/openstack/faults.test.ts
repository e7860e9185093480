import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { seconds } from '../../core/units.ts';
import { StandIn } from './stand-in.ts';
import { fails, kit, labels, never, orderOf } from './test-kit.ts';

const page = { status: 200, body: '<html><head><title>Portal</title></head><body>Please sign in</body></html>', headers: { 'content-type': 'text/html' } };

describe('OpenStack provider, bad input', () => {
  let cloud: StandIn;
  before(async () => {
    cloud = await StandIn.open();
  });
  after(() => cloud.close());
  beforeEach(() => {
    cloud.heal();
    cloud.servers.length = 0;
    cloud.asked.length = 0;
    cloud.tokens.clear();
    cloud.issuedAt = '2026-11-20T14:21:31.000000Z';
    cloud.expiresAt = '2026-11-20T18:21:31.000000Z';
  });
  const wrong = (text: string) => {
    const api = cloud.api();
    return { ...api, login: { ...api.login, password: { from: 'text' as const, text } } } as typeof api;
  };

  it('a wrong password (a disabled user and an expired application credential look the same) is ours, and is not tried again and again', async () => {
    const { provider, clock } = kit(wrong('wrong'));
    for (let i = 0; i < 5; i++) await assert.rejects(provider.list(never()), fails('CREDENTIALS_REFUSED', { fault: 'host', whole: true }));
    assert.equal(cloud.count('POST', /tokens/), 1);
    clock.advance(31);
    await assert.rejects(provider.list(never()), fails('CREDENTIALS_REFUSED'));
    assert.equal(cloud.count('POST', /tokens/), 2);
    await provider.close();
  });

  it('a password that was changed is used at once', async () => {
    let password = 'wrong';
    const { provider } = kit(cloud.api(), { readSecret: async () => password });
    await assert.rejects(provider.list(never()), fails('CREDENTIALS_REFUSED'));
    password = 'right';
    assert.equal((await provider.list(never())).complete, true);
    await provider.close();
  });

  it('a token that is refused is renewed once, and the request is made again', async () => {
    const { provider } = kit(cloud.api());
    await provider.list(never());
    cloud.tokens.clear();
    cloud.asked.length = 0;
    assert.equal((await provider.list(never())).complete, true);
    assert.equal(cloud.count('POST', /tokens/), 1);
    cloud.always('GET', /limits/, {
      status: 401,
      body: { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
    });
    await assert.rejects(provider.list(never()), fails('TOKEN_REFUSED', { fault: 'provider', whole: true }));
    await provider.close();
  });

  for (const hours of [-26, 26]) {
    it(`clock skew of ${hours} h against the token's expiry: it lives as long as its own times say`, async () => {
      const shifted = (text: string): string => new Date(Date.parse(text) + hours * 3_600_000).toISOString();
      cloud.issuedAt = shifted(cloud.issuedAt);
      cloud.expiresAt = shifted(cloud.expiresAt);
      const { provider, clock } = kit(cloud.api());
      await provider.list(never());
      clock.advance(3 * 3600);
      await provider.list(never());
      assert.equal(cloud.count('POST', /tokens/), 1);
      clock.advance(56 * 60);
      await provider.list(never());
      assert.equal(cloud.count('POST', /tokens/), 2, 'renewed five minutes before its end');
      await provider.close();
    });
  }

  it('starts of machines are told on our clock, however far the cloud is from it', async () => {
    const { provider, clock } = kit(cloud.api());
    cloud.add({ ...labels(), 'OS-SRV-USG:launched_at': '2026-11-20T15:21:30.000000' });
    const headers = { date: 'Fri, 20 Nov 2026 15:21:31 GMT', 'content-type': 'application/json' };
    cloud.answer((asked) => (asked.path.includes('/limits') ? { status: 200, headers, body: { limits: { absolute: {} } } } : undefined));
    cloud.answer((asked) => (asked.path.includes('/servers/detail') ? { status: 200, headers, body: { servers: cloud.servers } } : undefined));
    const [sighting] = (await provider.list(never())).sightings;
    assert.equal(sighting?.startedAt, clock.wall() - 1000);
    await provider.close();
  });

  it('a catalogue without a compute service, without our region, or with addresses that make no sense', async () => {
    const token = (catalog: unknown): void =>
      cloud.always('POST', /tokens/, {
        status: 201,
        headers: { 'x-subject-token': 'gA' },
        body: { token: { expires_at: cloud.expiresAt, issued_at: cloud.issuedAt, catalog } },
      });
    const at = (url: string): object => [{ type: 'compute', endpoints: [{ interface: 'public', region: 'RegionOne', url }] }];
    for (const [catalog, code, fault, about] of [
      [[], 'NO_COMPUTE_SERVICE', 'host', {}],
      [at(cloud.url), 'NO_COMPUTE_SERVICE', 'host', { region: 'RegionTwo' }],
      [at(cloud.url), 'NO_COMPUTE_SERVICE', 'host', { interface: 'internal' }],
      [at('file:///etc/passwd'), 'BAD_ENDPOINT', 'provider', {}],
      [at('http://user:password@host'), 'BAD_ENDPOINT', 'provider', {}],
      ['x', 'ANSWER_UNREADABLE', 'provider', {}],
    ] as const) {
      cloud.heal();
      token(catalog);
      const { provider } = kit(cloud.api(about));
      await assert.rejects(provider.list(never()), fails(code, { fault, whole: true }));
      await provider.close();
    }
  });

  it('HTML from a proxy, half an answer and other nonsense is no list, at every step and page', async () => {
    cloud.pageSize = 2;
    for (let i = 0; i < 5; i++) cloud.add({ ...labels() });
    for (const path of [/tokens/, /limits/, /flavors/, /servers\/detail\?limit=1000$/, /marker=/]) {
      for (const [reply, code] of [
        [page, 'NOT_OPENSTACK'],
        [{ status: 200, body: { servers: [], limits: {}, token: {} }, cutAt: 12 }, 'ANSWER_CUT'],
        [{ status: 200, body: '{"servers": [{"id": "0' }, 'ANSWER_UNREADABLE'],
        [{ status: 200, body: '[]' }, 'ANSWER_UNREADABLE'],
        [{ status: 500, body: { computeFault: { code: 500, message: 'Unexpected API Error.' } } }, 'SERVER_ERROR'],
        [{ status: 302, headers: { location: 'http://169.254.169.254/' } }, 'UNEXPECTED_ANSWER'],
      ] as const) {
        cloud.heal();
        cloud.answer((asked) => (path.test(asked.path) ? reply : undefined));
        const { provider } = kit(cloud.api());
        const redirected = path.source === 'tokens' && code === 'UNEXPECTED_ANSWER';
        await assert.rejects(provider.list(never()), fails(redirected ? 'LOGIN_REFUSED' : code, { whole: true }), `${path} ${code}`);
        await provider.close();
      }
    }
    cloud.pageSize = 1000;
  });

  it('a list that may lack machines is not complete', async () => {
    const { provider } = kit(cloud.api());
    const { ours, ...about } = labels();
    const server = cloud.add(about);
    const other = cloud.add();
    const listing = (servers: unknown[], link?: string) => {
      cloud.heal();
      const links = link === undefined ? {} : { servers_links: [{ rel: 'next', href: link }] };
      cloud.answer((asked) => (asked.path.includes('/servers/detail') ? { status: 200, body: { servers, ...links } } : undefined));
      return provider.list(never());
    };
    assert.equal((await listing([server, other])).complete, true);
    assert.equal((await listing([server])).complete, false, 'fewer than the cloud itself counts');
    assert.equal((await listing([])).complete, false, 'none');
    assert.equal((await listing([server, other, server])).complete, false, 'twice');
    assert.equal((await listing([server, other], 'http://x/?marker=1')).complete, false, 'pages in a circle');
    assert.equal((await listing([server, other], 'http://x/')).complete, false, 'a next page that has no name');
    assert.equal(
      (await listing([server, { status: 'UNKNOWN', created: '2026-11-20T14:22:01Z', id: other.id }])).complete,
      false,
      'a server of a cell that is down',
    );
    assert.equal((await listing([server, 'x'])).complete, false, 'something that is no server');
    const odd = await listing([{ id: server.id, metadata: server.metadata, status: 7 }, other]);
    assert.deepEqual([odd.complete, odd.sightings.map((s) => [s.id, s.power])], [true, [[ours, 'unknown']]], 'an odd machine is unknown');
    await provider.close();
  });

  it('429 and 503 with Retry-After: it is told, nothing is sent before, and then all goes on', async () => {
    for (const [status, code] of [
      [429, 'ASKED_TO_WAIT'],
      [503, 'UNAVAILABLE'],
    ] as const) {
      cloud.heal();
      const { provider, clock } = kit(cloud.api());
      await provider.open(never());
      cloud.next('GET', /limits/, { status, headers: { 'retry-after': '40' } });
      await assert.rejects(provider.list(never()), fails(code, { fault: 'provider', whole: true, retryAfter: seconds(40) }));
      cloud.asked.length = 0;
      clock.advance(10);
      await assert.rejects(provider.create(orderOf(), never()), fails('ASKED_TO_WAIT', { retryAfter: seconds(30) }));
      assert.equal(cloud.count('GET', /v2\.1/), 0);
      clock.advance(31);
      assert.equal((await provider.list(never())).complete, true);
      await provider.close();
    }
  });

  it('429 and 503 without Retry-After: a pause of our own, which is waited while it is short', async () => {
    const { provider, pauses } = kit(cloud.api());
    await provider.open(never());
    cloud.next('GET', /limits/, { ...page, status: 503 });
    cloud.next('GET', /limits/, { status: 503, body: {} });
    await assert.rejects(provider.list(never()), fails('UNAVAILABLE', { whole: true, retryAfter: seconds(1) }));
    await assert.rejects(provider.list(never()), fails('UNAVAILABLE', { retryAfter: seconds(2) }));
    assert.equal((await provider.list(never())).complete, true);
    assert.deepEqual(pauses, [1000, 2000]);
    await provider.close();
  });

  it('refusals of a creation are typed, and what was remembered is looked up again', async () => {
    const { provider } = kit(cloud.api());
    for (const [status, message, code, about] of [
      [
        403,
        'Quota exceeded for cores, instances: Requested 1, 1, but already used 1, 1 of 1, 1 cores, instances',
        'QUOTA_EXCEEDED',
        { lack: 'quota', whole: true },
      ],
      [400, 'Can not find requested image', 'IMAGE_MISSING', { fault: 'tenant', whole: false }],
      [400, 'Network 8500 could not be found.', 'NETWORK_MISSING', { fault: 'host', whole: true }],
    ] as const) {
      cloud.next('POST', /v2\.1\/servers/, { status, body: { badRequest: { code: status, message } } });
      await assert.rejects(provider.create(orderOf(), never()), fails(code, about));
    }
    cloud.asked.length = 0;
    await provider.create(orderOf(), never());
    assert.deepEqual([cloud.count('GET', /images/), cloud.count('GET', /networks/)], [1, 1]);
    await provider.close();
  });

  it('orders that cannot be carried out are refused before anything is made', async () => {
    const { provider } = kit(cloud.api());
    await assert.rejects(provider.create(orderOf({ image: { kind: 'named', name: 'no-such' } }), never()), fails('IMAGE_MISSING', { fault: 'tenant' }));
    await assert.rejects(provider.create(orderOf({ flavor: 'no-such' }), never()), fails('FLAVOR_MISSING', { fault: 'host' }));
    await assert.rejects(provider.create(orderOf({ userData: Buffer.alloc(49_150) }), never()), fails('USER_DATA_TOO_LARGE', { fault: 'tenant' }));
    await assert.rejects(provider.create(orderOf({}, { name: 'a\nb' }), never()), fails('NAME_INVALID', { fault: 'tenant' }));
    await assert.rejects(provider.create(orderOf({ rootPublicKey: '-----BEGIN' }), never()), fails('KEY_INVALID', { fault: 'host' }));
    assert.equal(cloud.count('POST', /servers/), 0);
    await provider.create(orderOf({ userData: Buffer.alloc(49_149) }), never());
    await provider.close();
  });

  it('a cloud that is not there, and a CA file that is not there', async () => {
    const gone = kit({ ...cloud.api(), authUrl: 'http://127.0.0.1:1/v3' });
    await assert.rejects(gone.provider.list(never()), fails('UNREACHABLE', { fault: 'provider', whole: true }));
    const ca = kit(cloud.api({ caFile: '/nonexistent/ca.pem' }));
    await assert.rejects(ca.provider.list(never()), fails('CA_FILE_UNREADABLE', { fault: 'host', whole: true }));
    await Promise.all([gone.provider.close(), ca.provider.close()]);
  });

  it('a check finds what is wrong, each by itself, and changes nothing', async () => {
    const { provider } = kit(cloud.api({ securityGroups: ['default', 'nosg'], networks: ['no-such'] }));
    const type = (name: string, rootImage: string, flavorNames: readonly string[], minProcessors = 1) =>
      ({ name, rootImage, minProcessors, maxProcessors: 8, cloud: { flavorNames } }) as unknown as Parameters<typeof provider.verify>[0][number];
    const found: string[] = [];
    for await (const f of provider.verify(
      [type('a', 'image:tiny', ['t1.nano']), type('b', 'image:none', ['no-such']), type('c', 'image:tiny', [], 3)],
      never(),
    ))
      found.push(`${f.what}: ${f.state}`);
    assert.deepEqual(found, [
      'credentials: ok',
      'compute service: ok',
      'image service: ok',
      'quota: ok',
      'network: wrong',
      'security groups: wrong',
      'flavor of a: ok',
      'image tiny: ok',
      'flavor of b: wrong',
      'image none: wrong',
      'flavor of c: wrong',
    ]);
    assert.deepEqual([...new Set(cloud.asked.filter((a) => a.method !== 'GET').map((a) => a.path))], ['/v3/auth/tokens']);
    await provider.close();
    const refused = kit(wrong('wrong'));
    const only: string[] = [];
    for await (const f of refused.provider.verify([], never())) only.push(`${f.what}: ${f.state}`);
    assert.deepEqual(only, ['credentials: wrong']);
    await refused.provider.close();
  });
});
