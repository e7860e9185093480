import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RemoteGuestSettings } from '../../../core/cloud/settings.ts';
import { exampleSettings } from '../../../core/guest/fixture.ts';
import type { Machine } from '../../../core/machine.ts';
import type { Machinetype } from '../../../core/machinetype.ts';
import { instant, type MachineId, seconds } from '../../../core/units.ts';
import { testCa } from '../../http/test-ca.ts';
import { layout } from '../../layout.ts';
import { connectionLimits } from '../connections.ts';
import { another, example, HandClock } from '../fixture.ts';
import { outputFiles } from '../output-store.ts';
import { RemoteGuestServer } from './server.ts';
import { RemoteGuestService } from './service.ts';

const space = 'cloud.example.com';
const ca = testCa('/DC=org/CN=Test CA');

interface Reply {
  readonly status: number;
  readonly body: string;
}
interface Ask {
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** A manager with one space in a directory of its own, on a free port of the loopback address. */
class Bench implements AsyncDisposable {
  readonly clock = new HandClock();
  readonly reports: MachineId[] = [];
  readonly faults: string[] = [];
  readonly machinetypes = new Map<string, Machinetype>();
  readonly files = { ...outputFiles };
  readonly #root: string;
  readonly #tls: boolean;
  server!: RemoteGuestServer;
  service!: RemoteGuestService;

  private constructor(root: string, tls: boolean) {
    this.#root = root;
    this.#tls = tls;
  }

  static async make({ tls = true } = {}): Promise<Bench> {
    const bench = new Bench(await mkdtemp(join(tmpdir(), 'vacua-remote-')), tls);
    await mkdir(bench.places.machines, { recursive: true });
    const own = ca.issue('/CN=manager.example.com', { ip: '127.0.0.1' });
    await bench.certify(own);
    await writeFile(join(bench.#root, 'ca.pem'), ca.certificate);
    await bench.restart();
    return bench;
  }
  get places() {
    return layout(this.#root);
  }
  async certify({ certificate, key }: { readonly certificate: string; readonly key: string }): Promise<void> {
    await writeFile(join(this.#root, 'cert.pem'), certificate);
    await writeFile(join(this.#root, 'key.pem'), key);
  }
  /** As a new process would begin; `port`: where, 0 for any. */
  async restart(port = 0): Promise<void> {
    await this.server?.close();
    await this.service?.close();
    const file = (name: string): string => join(this.#root, name);
    const settings: RemoteGuestSettings = {
      url: 'https://manager.example.com',
      listen: { host: '127.0.0.1', port },
      ...(this.#tls && { certificate: { certFile: file('cert.pem'), keyFile: file('key.pem') }, clientCaFile: file('ca.pem') }),
    };
    this.server = new RemoteGuestServer({
      settings,
      caDir: '/nonexistent',
      clock: this.clock,
      limits: { ...connectionLimits, headSeconds: 5 },
      onFault: (text) => this.faults.push(text),
    });
    this.service = new RemoteGuestService({
      server: this.server,
      space,
      url: () => settings.url,
      machinetypes: () => this.machinetypes,
      addressOf: () => '10.0.0.9',
      layout: this.places,
      settings: () => ({ ...exampleSettings, joboutputsMaxBytes: 10_000, joboutputsMaxFiles: 3, hostServices: [] }),
      clock: this.clock,
      files: this.files,
      onReport: (id) => this.reports.push(id),
    });
    await this.server.open();
  }
  /** Path below the URL that this machine has been told. */
  own(machine: Machine, rest: string): string {
    return `${new URL(this.service.placesFor(machine).machinefeatures).pathname.replace(/machinefeatures$/, '')}${rest}`;
  }
  ask(path: string, about: Ask = {}): Promise<Reply> {
    const options = {
      host: '127.0.0.1',
      port: this.server.port,
      path,
      method: about.method ?? 'GET',
      agent: false as const,
      headers: { ...(about.body !== undefined && { 'content-length': String(Buffer.byteLength(about.body)) }), ...about.headers },
    };
    return new Promise((resolve, reject) => {
      const trust = { ca: ca.certificate, ...(about.client && { cert: about.client.certificate, key: about.client.key }) };
      const req = this.#tls ? httpsRequest({ ...options, ...trust }) : httpRequest(options);
      req.on('error', reject);
      req.on('response', (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      req.end(about.body);
    });
  }
  put(path: string, body: string | Buffer, about: Ask = {}): Promise<Reply> {
    return this.ask(path, { method: 'PUT', body, ...about });
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await this.service.close();
    await rm(this.#root, { recursive: true });
  }
}

describe('guest service for machines far away', () => {
  it('a machine reads its features, writes its outputs and reads them again by the URLs that it alone knows', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    assert.equal((await b.ask(b.own(example, 'machinefeatures/total_cpu'))).body, String(example.processors));
    assert.match((await b.ask(b.own(example, 'jobfeatures/'))).body, /^wall_limit_secs$/m);
    assert.equal((await b.ask(b.own(example, 'jobfeatures/nosuch'))).status, 404);
    assert.deepEqual(b.reports, [example.id], 'contact');
    assert.equal((await b.put(b.own(example, 'joboutputs/result'), 'first')).status, 201);
    assert.equal((await b.put(b.own(example, 'joboutputs/result'), 'second')).status, 201);
    assert.equal((await b.ask(b.own(example, 'joboutputs/result'))).body, 'second');
    assert.equal((await b.put(b.own(example, 'joboutputs/shutdown_message'), '300 nothing to do\n')).status, 201);
    assert.equal(b.service.report(example.id).message?.text, '300 nothing to do');
    assert.equal((await stat(b.places.guestKey)).mode & 0o777, 0o600);
  });

  it('a token in the header serves as well; a wrong one, another machine and an unknown one are answered alike', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    await b.service.attach(another);
    const token = b.own(example, '').split('/').at(-2) ?? '';
    const bare = `/machines/${space}/${example.name}/machinefeatures/total_cpu`;
    const bearer = (text: string): Ask => ({ headers: { authorization: `Bearer ${text}` } });
    assert.equal((await b.ask(bare, bearer(token))).status, 200);
    const stranger = `/machines/${space}/${another.name}/${token}/machinefeatures/total_cpu`;
    const refused = [
      await b.ask(bare),
      await b.ask(bare, bearer(token.slice(1))),
      await b.ask(bare, bearer(`${token}x`)),
      await b.ask(stranger),
      await b.ask(`/machines/${space}/nobody/${token}/machinefeatures/total_cpu`),
      await b.ask(`/machines/other.example.com/${example.name}/${token}/machinefeatures/total_cpu`),
      await b.put(`/machines/${space}/${another.name}/${token}/joboutputs/x`, 'x'),
      await b.ask('/'),
    ];
    assert.deepEqual(
      refused,
      refused.map(() => ({ status: 404, body: '' })),
    );
    assert.deepEqual(b.service.report(another.id), {}, 'nobody has spoken for it');
  });

  it('a machine that was taken over under the name of another does not cut that one off', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    await b.service.attach({ ...another, name: example.name });
    assert.equal((await b.ask(b.own(example, 'jobfeatures/job_id'))).body, example.id);
    assert.equal((await b.ask(b.own({ ...another, name: example.name }, 'jobfeatures/job_id'))).status, 404);
  });

  it('names that lead elsewhere, too much, and no length are refused, and nothing is stored', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    for (const name of ['..', '.ssh', '%2e%2e%2fx', 'a/b', '', 'x'.repeat(129)]) {
      const { status } = await b.put(b.own(example, `joboutputs/${name}`), 'x');
      assert.ok(status === 403 || status === 404, `${name}: ${status}`);
    }
    assert.equal((await b.put(b.own(example, 'joboutputs/big'), Buffer.alloc(10_001))).status, 507);
    for (const name of ['a', 'b', 'c']) assert.equal((await b.put(b.own(example, `joboutputs/${name}`), name)).status, 201);
    assert.equal((await b.put(b.own(example, 'joboutputs/d'), 'd')).status, 507, 'files are counted');
    assert.equal(
      (await b.ask(b.own(example, 'joboutputs/e'), { method: 'PUT', headers: { 'transfer-encoding': 'chunked' }, body: undefined as never })).status,
      411,
    );
    assert.equal((await b.ask(b.own(example, 'joboutputs/a'), { method: 'DELETE' })).status, 501);
  });

  it('tokens are the same after a restart, what was written counts, and they die with their machine after a time of grace', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    const path = b.own(example, 'joboutputs/shutdown_message');
    await b.put(path, '200 all done');
    await b.restart();
    assert.equal((await b.ask(path)).status, 404, 'not attached yet');
    await b.service.attach(example);
    assert.equal(b.service.report(example.id).message?.text, '200 all done');
    assert.equal((await b.put(path, '200 still all done')).status, 201);
    await b.service.detach(example.id);
    assert.deepEqual(b.service.report(example.id), {});
    assert.equal((await b.put(b.own(example, 'joboutputs/late'), 'late')).status, 201);
    b.clock.pass(601);
    assert.equal((await b.put(b.own(example, 'joboutputs/later'), 'later')).status, 404);
    assert.equal(await readFile(join(b.places.joboutputs(example.id), 'late'), 'utf8'), 'late');
  });

  it('silence of our own is never a machine’s: closed, restarted, or with a full disk', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    const first = b.service.since;
    assert.equal(first, b.clock.wall());
    b.clock.pass(100);
    await b.restart();
    assert.equal(b.service.since, b.clock.wall(), 'only since the restart');
    await b.service.attach(example);
    const { open } = b.files;
    b.files.open = () => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    await b.restart();
    await b.service.attach(example);
    assert.equal((await b.put(b.own(example, 'joboutputs/a'), 'a')).status, 507);
    assert.equal(b.service.since, undefined);
    b.files.open = open;
    b.clock.pass(50);
    await b.service.probe();
    assert.equal(b.service.since, b.clock.wall());
    await b.server.close();
    assert.equal(b.service.since, undefined);
  });

  it('the certificate that a machinetype names may write outputs, and nothing else may by a certificate', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    const path = `/machines/${space}/${example.name}/joboutputs/x`;
    const pilot = ca.issue('/DC=org/DC=example/CN=pilot');
    const put = (client: Ask['client']): Promise<number> => b.put(path, 'x', client && { client }).then((r) => r.status);
    assert.equal(await put(pilot), 404, 'none is named');
    b.machinetypes.set(example.machinetype, {
      name: example.machinetype,
      cloud: { flavorNames: [], httpsX509dn: '/DC=org/DC=example/CN=pilot' },
    } as unknown as Machinetype);
    assert.equal(await put(pilot), 201);
    assert.equal(await put(undefined), 404, 'no certificate');
    assert.equal(await put(ca.issue('/DC=org/DC=example/CN=pilot2')), 404, 'a name that merely begins like it');
    assert.equal(await put(testCa('/CN=Nobody').issue('/DC=org/DC=example/CN=pilot')), 404, 'a CA that is not trusted');
    assert.equal((await b.ask(`/machines/${space}/${example.name}/machinefeatures/total_cpu`, { client: pilot })).status, 404);
  });

  it('a renewed certificate is taken up, a broken one is told and changes nothing', async () => {
    await using b = await Bench.make();
    await b.service.attach(example);
    await b.certify({ certificate: 'rubbish', key: 'rubbish' });
    b.server.reload();
    assert.match(b.faults.join(), /certificate of the guest service: .*the last good one stays in use/);
    assert.equal((await b.ask(b.own(example, 'jobfeatures/job_id'))).body, example.id);
    const other = testCa('/CN=Other CA');
    await b.certify(other.issue('/CN=manager.example.com', { ip: '127.0.0.1' }));
    b.server.reload();
    await assert.rejects(b.ask(b.own(example, 'jobfeatures/job_id')), /certificate|issuer/, 'the new one is served, from a CA that the client does not trust');
  });

  it('without a certificate, and where the configuration is unusable, it says so', async () => {
    await using plain = await Bench.make({ tls: false });
    await plain.service.attach(example);
    assert.equal((await plain.ask(plain.own(example, 'jobfeatures/job_id'))).body, example.id);
    const busy = new RemoteGuestServer({
      settings: { url: 'http://h', listen: { host: '127.0.0.1', port: plain.server.port ?? 0 } },
      caDir: '/nonexistent',
      clock: plain.clock,
      onFault: (text) => plain.faults.push(text),
    });
    await busy.keepOpen();
    assert.equal(busy.since, undefined);
    assert.match(plain.faults.join(), /EADDRINUSE.*tried again every 10 s/);
    await busy.close();
  });

  it('a client that says nothing is cut off', async () => {
    await using b = await Bench.make({ tls: false });
    const socket = connect(b.server.port ?? 0, '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined).resume();
    await new Promise<void>((resolve) => socket.once('connect', () => socket.write('GET / HT', () => resolve())));
    assert.equal((await b.ask('/')).status, 404, 'by now its first bytes have been read');
    b.clock.pass(6);
    b.server.sweep();
    await closed;
    await assert.doesNotReject(b.ask('/'));
  });

  it('heartbeat lists name the live machines of a type, newest first', async () => {
    await using b = await Bench.make();
    b.machinetypes.set('squid', { name: 'squid', heartbeat: seconds(300) } as unknown as Machinetype);
    const running = (machine: Machine, about: object): Machine =>
      ({
        ...machine,
        machinetype: 'squid',
        heartbeatFile: 'beat',
        state: 'running',
        startedAt: instant(0),
        heartbeatAt: instant(0),
        cpuSeconds: seconds(0),
        ...about,
      }) as Machine;
    await b.service.attach(running(example, { id: example.id }));
    await b.service.attach(running(another, {}));
    await b.put(b.own(example, 'joboutputs/beat'), '');
    b.clock.pass(10);
    await b.put(b.own(another, 'joboutputs/beat'), '');
    const now = Math.floor(b.clock.wall() / 1000);
    const list = await b.ask(`/heartbeatlists/${space}/squid`);
    assert.equal(list.body, `${now} ${another.name} 10.0.0.9\n${now - 10} ${example.name} 10.0.0.9\n`);
    b.clock.pass(295);
    assert.equal((await b.ask(`/heartbeatlists/${space}/squid`)).body, `${now} ${another.name} 10.0.0.9\n`);
    assert.equal((await b.ask(`/heartbeatlists/${space}/nosuch`)).status, 404);
  });

  it('a key of the wrong size is refused with its name', async () => {
    await using b = await Bench.make();
    await chmod(b.places.guestKey, 0o600);
    await writeFile(b.places.guestKey, 'short');
    await assert.rejects(b.restart(), /guest-key is not a key of 32 bytes/);
    await rm(b.places.guestKey);
    await b.restart();
  });
});
