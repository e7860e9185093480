import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer as createWebServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type Said } from '../../src/demo/queue/program.ts';
import { QemuProvider } from '../../src/providers/qemu/index.ts';
import { guestImages } from '../../src/providers/qemu/guest-images.ts';
import { until } from '../../src/providers/openstack/test-bed.ts';
import { firstLocalToken } from '../../src/queue/auth/local-tokens.ts';
import { type JobDocument, QueueClient } from '../../src/queue/client/client.ts';
import { queuePlaces } from '../../src/queue/config/places.ts';
import { DaemonProcess } from '../daemon/process.ts';
import { hostAddress } from './bed.ts';
import type { Project } from './project.ts';
import { freePort, spaceText } from './space-text.ts';

export const tenants = ['red', 'blue'] as const;
export type Tenant = (typeof tenants)[number];
/** As jobs ask for them. */
export const places = { host: 'HOST-SITE', cloud: 'CLOUD-SITE' } as const;
export type PlaceName = keyof typeof places;

/** Greatest number of machines at the cloud. */
export const cloudMachines = 3;
const hostMachines = 2;
const root = join(import.meta.dirname, '..', '..');
const vacua = join(root, 'bin', 'vacua');
const agentScript = join(root, 'src', 'queue', 'agent', 'agent.sh');
/** This cloud's image lives in its initial RAM disk, and its init does not take the signal of a plain poweroff. */
const cloudGuest = `#!/bin/sh
mount -t tmpfs tmpfs /tmp
poweroff() { command poweroff -f; }
`;
/** Seconds. Long enough for a cloud whose services are away for a while, short enough that a lost machine is noticed. */
const lease = 60;
const startingLimit = 150;

/** A site as its administrators would write it, in one file: the tenants' queue, a host with machines, and a space at the cloud. */
export interface SiteOptions {
  readonly project: Project;
}

/** The queue server and the daemon as processes of their own, with the tenants' web server between them. */
export class MixedSite {
  readonly project: Project;
  readonly space: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'vacua-mixed-'));
  readonly #servers: Server[] = [];
  #queue: DaemonProcess | undefined;
  #daemon: DaemonProcess | undefined;
  #client: QueueClient | undefined;

  private constructor({ project }: SiteOptions) {
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

  static async open(options: SiteOptions): Promise<MixedSite> {
    const site = new MixedSite(options);
    await site.#open();
    return site;
  }

  async #open(): Promise<void> {
    const [queuePort, guestPort] = [await freePort(), await freePort()];
    const queuePlace = queuePlaces(join(this.directory, 'queue'));
    writeFileSync(this.passwordFile, `${this.project.password}\n`, { mode: 0o600 });
    const web = await this.#publish(queuePort);
    writeFileSync(this.config, this.#configuration(queuePort, guestPort, web), { mode: 0o600 });
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
    const agent = readFileSync(agentScript, 'utf8');
    const files: Readonly<Record<PlaceName, string>> = { host: agent, cloud: cloudGuest + agent };
    const server = createWebServer((request, response) => {
      const place: PlaceName = request.url?.startsWith('/cloud') === true ? 'cloud' : 'host';
      response.end(request.url?.endsWith('.json') === true ? this.#pipe(place, queuePort, `${web()}/${place}.sh`) : files[place]);
    });
    const web = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.push(server);
    return web();
  }

  #pipe(place: PlaceName, queuePort: number, userData: string): string {
    const machinetype = {
      suffix: 'job',
      target_share: 1,
      user_data: userData,
      user_data_option_queue: place === 'host' ? `http://169.254.169.253:${queuePort}` : `http://${hostAddress}:${queuePort}`,
      user_data_option_queue_wait: 3,
      heartbeat_file: 'heartbeat',
      heartbeat_seconds: 300,
      max_wallclock_seconds: 1800,
      min_wallclock_seconds: 300,
      backoff_seconds: 20,
      fizzle_seconds: 60,
      ...(place === 'host' ? { machine_model: 'kernel' } : { machine_model: 'vm-raw', root_image: 'image:tiny' }),
    };
    return JSON.stringify({ cache_seconds: 600, machinetypes: [machinetype] });
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

  #configuration(queuePort: number, guestPort: number, web: string): string {
    const { project, space } = this;
    const { kernel, initrd } = guestImages();
    const queueDir = join(this.directory, 'queue');
    const more = [`gocdb_sitename = ${places.cloud}`, `starting_limit_seconds = ${startingLimit}`];
    const forTenant = (tenant: Tenant): string => `target_share = 1
tenant = ${tenant}
queue_token_key = ${queuePlaces(queueDir).privateKey(tenant)}
policy = demand
demand_url = http://127.0.0.1:${queuePort}/demand
`;
    return `[queue]
listen = 127.0.0.1:${queuePort}
queue_dir = ${queueDir}
lease_seconds = ${lease}
kill_after_seconds = 2
default_wall_seconds = 120
default_memory_mb = 32

[settings]
vac_space = host.${space}
factory_name = manager.${space}
gocdb_sitename = ${places.host}
provider = qemu
accelerator = tcg
state_dir = ${this.stateDir}
total_processors = ${hostMachines}
mb_per_processor = 96
overload_per_processor = 1000000
min_free_disk_gb = 0
start_rate_per_minute = 120
cycle_seconds = 5
outbound = no
host_services = ${queuePort}=127.0.0.1:${queuePort}

${tenants
  .map(
    (tenant) => `[vacuum_pipe ${tenant}]
vacuum_pipe_url = ${web}/host.json
root_image = ${kernel}
initrd = ${initrd}
${forTenant(tenant)}
[vacuum_pipe ${space} ${tenant}]
vacuum_pipe_url = ${web}/cloud.json
allow_http = yes
flavor_names = t1.nano
mb_per_processor = 96
${forTenant(tenant)}
`,
  )
  .join('')}
${spaceText({ project, space, passwordFile: this.passwordFile, guestPort, machinesLimit: cloudMachines, more })}`;
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
