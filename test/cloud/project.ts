import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cloudNamed, RawCloud, type RawServer, until } from '../../src/providers/openstack/test-bed.ts';

interface Created {
  readonly id: string;
}

/** What a project may have at once. */
export interface Allowance {
  readonly instances: number;
  readonly cores: number;
  /** MiB; absent: any. */
  readonly ram?: number;
}

/**
 * A project with one user at the real OpenStack, of its own, so that a test may change its password and count its servers while others use
 * the same cloud. Its own plain client: what a test asserts must not come by the code that it tests.
 */
export class Project {
  readonly name: string;
  readonly authUrl: string;
  #password = randomBytes(12).toString('hex');
  readonly #admin: RawCloud;
  #id = '';
  #user = '';
  #signedIn: RawCloud | undefined;

  private constructor(admin: RawCloud) {
    this.#admin = admin;
    this.name = `vacua-${randomBytes(4).toString('hex')}`;
    this.authUrl = cloudNamed('admin').authUrl;
  }

  static async make(allowance: Allowance): Promise<Project> {
    const project = new Project(await RawCloud.open('admin'));
    await project.#make(allowance);
    return project;
  }

  get #raw(): RawCloud {
    assert.ok(this.#signedIn);
    return this.#signedIn;
  }
  get password(): string {
    return this.#password;
  }

  async #make(allowance: Allowance): Promise<void> {
    const { name } = this;
    const { project } = await this.#identity<{ project: Created }>('POST', '/projects', { project: { name, domain_id: 'default' } });
    const { user } = await this.#identity<{ user: Created }>('POST', '/users', { user: { name, domain_id: 'default', password: this.#password } });
    [this.#id, this.#user] = [project.id, user.id];
    const { roles } = await this.#identity<{ roles: Created[] }>('GET', '/roles?name=member');
    await this.#identity('PUT', `/projects/${project.id}/users/${user.id}/roles/${roles[0]?.id ?? ''}`);
    await this.allow(allowance);
    await this.#signIn();
  }

  async allow({ instances, cores, ram = -1 }: Allowance): Promise<void> {
    const { status } = await this.#admin.ask('compute', 'PUT', `/os-quota-sets/${this.#id}`, { quota_set: { instances, cores, ram } });
    assert.equal(status, 200);
  }

  async #signIn(): Promise<void> {
    const domain = 'Default';
    const login = { method: 'password', username: this.name, userDomain: domain, project: this.name, projectDomain: domain } as const;
    // Keystone revokes to the second: a token of the second in which the password was changed does not count either.
    await until('the user can sign in', async () => {
      this.#signedIn = await RawCloud.open({ ...cloudNamed('admin'), login: { ...login, password: { from: 'text', text: this.#password } } });
      return (await this.#signedIn.ask('compute', 'GET', '/servers')).status === 200;
    });
  }

  async #identity<T>(method: string, path: string, json?: object): Promise<T> {
    const { status, body } = await this.#admin.ask('identity', method, path, json);
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** The user's password is another from now on, and no token of the user counts any more. */
  async changePassword(): Promise<void> {
    this.#password = randomBytes(12).toString('hex');
    await this.#identity('PATCH', `/users/${this.#user}`, { user: { password: this.#password } });
    await this.#signIn();
  }

  /** All servers of the project, whoever made them. Rejects while the cloud cannot say. */
  async servers(): Promise<readonly RawServer[]> {
    const { status, body } = await this.#raw.ask('compute', 'GET', '/servers/detail');
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { servers: RawServer[] }).servers;
  }

  /** Starts a server without any mark of ours, as any other user of the project might. */
  async startForeign(name: string): Promise<void> {
    const image = ((await this.#raw.ask('image', 'GET', '/images?name=tiny')).body as { images: Created[] }).images[0]?.id;
    const server = { name, imageRef: image, flavorRef: 't1.nano', networks: 'none' };
    assert.equal((await this.#raw.ask('compute', 'POST', '/servers', { server })).status, 202);
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#raw.remove(ids);
  }

  /** The project with all that is in it goes. */
  async close(): Promise<void> {
    const admin = await RawCloud.open('admin');
    await this.#signIn();
    await this.remove((await this.servers()).map((s) => s.id));
    for (const { keypair } of ((await this.#raw.ask('compute', 'GET', '/os-keypairs')).body as { keypairs: { keypair: { name: string } }[] }).keypairs)
      await this.#raw.ask('compute', 'DELETE', `/os-keypairs/${keypair.name}`);
    const groups = ((await admin.ask('network', 'GET', `/security-groups?project_id=${this.#id}`)).body as { security_groups: Created[] }).security_groups;
    for (const { id } of groups)
      await until('a security group goes', async () => (await admin.ask('network', 'DELETE', `/security-groups/${id}`)).status < 405);
    await admin.ask('identity', 'DELETE', `/users/${this.#user}`);
    await admin.ask('identity', 'DELETE', `/projects/${this.#id}`);
  }
}
