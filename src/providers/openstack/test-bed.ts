import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import type { OpenStackApi } from '../../core/cloud/settings.ts';

/** The real OpenStack of test/openstack, for tests and benches. Its own plain client: what a test asserts must not come by the code that it tests. */

export const cloudsFile = process.env['VACUA_TEST_CLOUDS'];
/** For `skip` of a test: why it cannot run, or false. */
export const withoutCloud: string | false =
  cloudsFile === undefined && 'no OpenStack to test against: VACUA_TEST_CLOUDS is not set to the path of a clouds.yaml (test/openstack/README.md)';

const Cloud = z.object({
  region_name: z.string().optional(),
  auth: z.object({
    auth_url: z.string(),
    username: z.string().default(''),
    password: z.string().default(''),
    project_name: z.string().default(''),
    user_domain_name: z.string().default('Default'),
    project_domain_name: z.string().default('Default'),
    application_credential_id: z.string().optional(),
    application_credential_secret: z.string().default(''),
  }),
});

/** Settings of one of its clouds, `demo`, `tiny` or `demo-appcred`, with the networks and groups that a test says. */
export function cloudNamed(name: string, about: Partial<OpenStackApi> = {}): OpenStackApi {
  const file = z.object({ clouds: z.record(z.string(), Cloud) }).parse(parse(readFileSync(cloudsFile ?? '', 'utf8')));
  const cloud = file.clouds[name];
  if (cloud === undefined) throw new Error(`${cloudsFile}: no cloud ${name}`);
  const { auth } = cloud;
  return {
    kind: 'openstack',
    authUrl: auth.auth_url,
    login:
      auth.application_credential_id !== undefined
        ? { method: 'application-credential', id: auth.application_credential_id, secret: { from: 'text', text: auth.application_credential_secret } }
        : {
            method: 'password',
            username: auth.username,
            userDomain: auth.user_domain_name,
            password: { from: 'text', text: auth.password },
            project: auth.project_name,
            projectDomain: auth.project_domain_name,
          },
    ...(cloud.region_name !== undefined && { region: cloud.region_name }),
    interface: 'public',
    zones: [],
    securityGroups: [],
    networks: ['testnet'],
    configDrive: true,
    ...about,
  };
}

export interface RawServer {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string }[]>>;
}

/** What `curl` would do. */
export class RawCloud {
  readonly #token: string;
  readonly endpoints: Readonly<Record<string, string>>;

  private constructor(token: string, endpoints: Readonly<Record<string, string>>) {
    this.#token = token;
    this.endpoints = endpoints;
  }

  /** By the name of one of its clouds, or as the settings say. */
  static async open(cloud: string | OpenStackApi): Promise<RawCloud> {
    const { authUrl, login } = typeof cloud === 'string' ? cloudNamed(cloud) : cloud;
    if (login.method !== 'password' || login.password.from !== 'text') throw new Error('these credentials have no password');
    const user = { name: login.username, domain: { name: login.userDomain }, password: login.password.text };
    const scope = { project: { name: login.project, domain: { name: login.projectDomain } } };
    const auth = { identity: { methods: ['password'], password: { user } }, scope };
    const answer = await fetch(`${authUrl}/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth }) });
    const body = (await answer.json()) as { token: { catalog: { type: string; endpoints: { interface: string; url: string }[] }[] } };
    const endpoints = body.token.catalog.map((s): [string, string] => [s.type, s.endpoints.find((e) => e.interface === 'public')?.url ?? '']);
    return new RawCloud(answer.headers.get('x-subject-token') ?? '', Object.fromEntries(endpoints));
  }

  get token(): string {
    return this.#token;
  }

  async ask(service: 'compute' | 'image' | 'network' | 'identity', method: string, path: string, json?: object): Promise<{ status: number; body: unknown }> {
    const headers = { 'x-auth-token': this.#token, 'openstack-api-version': 'compute 2.79', ...(json !== undefined && { 'content-type': 'application/json' }) };
    const url = `${this.endpoints[service]}${{ image: '/v2', network: '/v2.0', compute: '', identity: '' }[service]}${path}`;
    const answer = await fetch(url, { method, headers, body: json === undefined ? null : JSON.stringify(json) });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  }

  async servers(): Promise<readonly RawServer[]> {
    return ((await this.ask('compute', 'GET', '/servers/detail')).body as { servers: RawServer[] }).servers;
  }

  /** Servers of one of our spaces, by their metadata. */
  async serversOf(space: string): Promise<readonly RawServer[]> {
    return (await this.servers()).filter((s) => s.metadata['vacua_space'] === space);
  }

  /** Removes them and waits until they are gone. */
  async remove(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.ask('compute', 'DELETE', `/servers/${id}`)));
    for (const id of ids) await until(`server ${id} is gone`, async () => (await this.ask('compute', 'GET', `/servers/${id}`)).status === 404);
  }

  /** A security group that lets everything in, so that a test reaches its guests. */
  async openGroup(name: string): Promise<string> {
    const { body } = await this.ask('network', 'POST', '/security-groups', { security_group: { name } });
    const { id } = (body as { security_group: { id: string } }).security_group;
    await this.ask('network', 'POST', '/security-group-rules', { security_group_rule: { security_group_id: id, direction: 'ingress', ethertype: 'IPv4' } });
    return id;
  }
}

/** Looks until it holds; two minutes at most, because guests are emulated. */
export async function until(what: string, holds: () => Promise<boolean>, withinSeconds = 120): Promise<void> {
  for (const end = Date.now() + withinSeconds * 1000; !(await holds()); await pause(500))
    if (Date.now() > end) throw new Error(`not within ${withinSeconds} s: ${what}`);
}
