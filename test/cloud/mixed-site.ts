import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createWebServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type Said } from '../../src/demo/queue/program.ts';
import { QemuProvider } from '../../src/providers/qemu/index.ts';
import { until } from '../../src/providers/openstack/test-bed.ts';
import { firstLocalToken } from '../../src/queue/auth/local-tokens.ts';
import { type JobDocument, QueueClient } from '../../src/queue/client/client.ts';
import { queuePlaces } from '../../src/queue/config/places.ts';
import { DaemonProcess } from '../daemon/process.ts';
import { hostAddress } from './bed.ts';
import { type PlaceName, pipeText, places, siteText, type Tenant, tenants, userData } from './mixed-text.ts';
import type { Project } from './project.ts';
import { freePort } from './space-text.ts';

const vacua = join(import.meta.dirname, '..', '..', 'bin', 'vacua');

/** The queue server and the daemon as processes of their own, with the tenants' web server between them. */
export class MixedSite {
  readonly project: Project;
  readonly space: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'vacua-mixed-'));
  readonly #servers: Server[] = [];
  #queue: DaemonProcess | undefined;
  #daemon: DaemonProcess | undefined;
  #client: QueueClient | undefined;

  private constructor(project: Project) {
    this.project = project;
    this.space = `${project.name}.example.com`;
    chmodSync(this.directory, 0o711);
  }

  get config(): string {
    return join(this.directory, 'site.conf');
  }
  get passwordFile(): string {
    return join(this.directory, 'password');
  }
  get stateDir(): string {
    return join(this.directory, 'state');
  }
  get daemon(): DaemonProcess {
    if (this.#daemon === undefined) throw new TypeError('no daemon has been started');
    return this.#daemon;
  }
  get client(): QueueClient {
    if (this.#client === undefined) throw new TypeError('the queue has not been started');
    return this.#client;
  }

  static async open(project: Project): Promise<MixedSite> {
    const site = new MixedSite(project);
    await site.#open();
    return site;
  }

  async #open(): Promise<void> {
    const [queuePort, guestPort] = [await freePort(), await freePort()];
    const queuePlace = queuePlaces(join(this.directory, 'queue'));
    writeFileSync(this.passwordFile, `${this.project.password}\n`, { mode: 0o600 });
    const web = await this.#publish(queuePort);
    const { project, space, passwordFile, directory, stateDir } = this;
    writeFileSync(this.config, siteText({ project, space, passwordFile, directory, stateDir, queuePort, guestPort, web }), { mode: 0o600 });
    await this.#forward(queuePort);
    for (const tenant of tenants) {
      const { code, stderr } = await this.vacua('queue', 'key', tenant);
      if (code !== 0) throw new Error(`vacua queue key ${tenant}: ${stderr}`);
    }
    this.#queue = new DaemonProcess('--config', this.config, 'queue', 'serve');
    await until('the queue answers', async () => {
      const token = firstLocalToken(queuePlace.tokens);
      if (token === undefined) return false;
      this.#client = new QueueClient({ url: `http://127.0.0.1:${queuePort}`, timeoutMs: 10_000, token });
      return this.#client.list({ limit: 1 }).then(
        () => true,
        () => false,
      );
    });
    this.start();
  }

  /** What tenants publish: the pipes, and the agent as user data. */
  async #publish(queuePort: number): Promise<string> {
    const server = createWebServer((request, response) => {
      const place: PlaceName = request.url?.startsWith('/cloud') === true ? 'cloud' : 'host';
      response.end(request.url?.endsWith('.json') === true ? pipeText(place, queuePort, `${web()}/${place}.sh`) : userData());
    });
    const web = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    return web();
  }

  /** Guests of the cloud reach the queue through the host's address in their network; the queue itself stays on the loopback interface. */
  async #forward(port: number): Promise<void> {
    const server = createServer((guest) => {
      const queue = connect(port, '127.0.0.1');
      for (const socket of [guest, queue]) socket.on('error', () => [guest, queue].forEach((s) => s.destroy()));
      guest.pipe(queue).pipe(guest);
    }).listen(port, hostAddress);
    await once(server, 'listening');
    this.#servers.push(server);
  }

  start(): void {
    this.#daemon = new DaemonProcess('--config', this.config, 'factory');
  }

  /** `vacua` on this site, to its end. */
  vacua(...args: readonly string[]): Promise<Said> {
    return run(vacua, ['--config', this.config, ...args]);
  }

  /** One job of a tenant that can run in one place alone; resolves with its id. */
  async submit(tenant: Tenant, place: PlaceName, seconds: number): Promise<string> {
    const jdl = `[
  JobName = "${tenant} at ${place}";
  Executable = "/bin/sh";
  Arguments = "-c 'sleep ${seconds}; echo run $VACUA_JOB_RUN'";
  StdOutput = "out.txt";
  OutputSandbox = { "out.txt" };
  OutputSandboxBaseDestURI = "gsiftp://localhost";
  Requirements = other.Site == "${places[place]}";
]`;
    return (await this.client.submit(jdl, { tenant })).id;
  }

  /** One job for every tenant in each of these places. */
  async submitEach(where: readonly PlaceName[], seconds: number): Promise<readonly string[]> {
    return Promise.all(where.flatMap((place) => tenants.map((tenant) => this.submit(tenant, place, seconds))));
  }

  jobs(ids: readonly string[]): Promise<readonly JobDocument[]> {
    return Promise.all(ids.map((id) => this.client.job(id)));
  }

  /** Waits until all of these jobs have ended, and asserts that each was done in its place by the first machine that had it. */
  async done(ids: readonly string[], withinSeconds: number): Promise<void> {
    await until('all jobs have ended', async () => (await this.jobs(ids)).every((job) => job.state === 'TERMINAL'), withinSeconds);
    for (const { id, run, spec } of await this.jobs(ids)) {
      const place = spec.name?.endsWith('cloud') === true ? places.cloud : places.host;
      assert.deepEqual([spec.name, await this.output(id), run?.site], [spec.name, 'run 1\n', place]);
    }
  }

  async output(id: string): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await this.client.output(id, 'out.txt')) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  /** Ends daemon, queue, machines of the host and of the cloud. */
  async close(): Promise<void> {
    await this.#daemon?.end('SIGTERM');
    await this.#queue?.end('SIGTERM');
    for (const server of this.#servers) server.close();
    const signal = AbortSignal.timeout(60_000);
    const provider = new QemuProvider({ stateDir: this.stateDir, accelerator: 'tcg', network: 'auto' });
    for (const { id } of (await provider.list(signal)).sightings) await provider.destroy(id, signal);
    await provider.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
