import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { chmod } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serviceSocket } from '../contract.ts';
import type { QemuProvider } from './provider.ts';
import { type Hands, never, output, until, World } from './test-kit.ts';

/** Says who it is to whoever connects, and counts. */
class Greeter {
  connections = 0;
  readonly #server: Server;
  constructor(text: string) {
    this.#server = createServer((socket) => {
      this.connections++;
      socket
        .on('error', () => undefined)
        .resume()
        .end(`${text}\n`);
    });
  }
  listen(where: { readonly host: string } | { readonly path: string }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen('path' in where ? where : { port: 0, ...where }, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }
  close(): Promise<void> {
    return new Promise((done) => this.#server.close(() => done()));
  }
}

const root = process.getuid?.() === 0;

/** A host outside: a network namespace joined to this one by a cable. Root only. */
async function outside(): Promise<{ readonly address: string; readonly ours: string; readonly close: () => Promise<void> }> {
  const [ours, address] = ['198.51.100.1', '198.51.100.2'];
  const name = `vq${process.pid}`;
  const child: ChildProcess = spawn('unshare', ['-n', 'socat', 'TCP4-LISTEN:8080,fork,reuseaddr', 'EXEC:/bin/echo the-world'], { stdio: 'ignore' });
  const pid = String(child.pid);
  const ends = new Promise((done) => child.on('exit', done));
  await until('the namespace exists', async () => (await output('readlink', [`/proc/${pid}/ns/net`])) !== (await output('readlink', ['/proc/self/ns/net'])));
  await output('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', 'out', 'netns', pid]);
  await output('ip', ['address', 'add', `${ours}/30`, 'dev', name]);
  await output('ip', ['link', 'set', name, 'up']);
  await output('nsenter', ['-n', '-t', pid, 'ip', 'address', 'add', `${address}/30`, 'dev', 'out']);
  await output('nsenter', ['-n', '-t', pid, 'ip', 'link', 'set', 'out', 'up']);
  return {
    address,
    ours,
    close: async () => {
      await output('ip', ['link', 'del', name]); // with the namespace it would go some time later
      child.kill('SIGKILL');
      await ends;
    },
  };
}

/** Tries to talk to an address; `LABEL yes TEXT` or `LABEL no`. Whoever shall be reached gets a minute, however busy this host is. */
const talk = (label: string, address: string, port: number, patience = 3): string =>
  `(a=$(echo | nc -w ${patience} ${address} ${port} 2>/dev/null | head -1); [ -n "$a" ] && echo "${label} yes $a" || echo "${label} no") &`;
const reach = (label: string, address: string, port: number): string => talk(label, address, port, 60);
const lines = async (hands: Hands, script: readonly string[]): Promise<string[]> =>
  (await hands.run([...script, 'wait'].join('\n')))
    .split('\n')
    .filter((l) => l !== '' && !l.startsWith('exit='))
    .sort();

for (const prepared of [false, true])
  describe(`isolation of two real guests${prepared ? ' in prepared namespaces' : ''}`, { concurrency: false }, () => {
    let world: World;
    let provider: QemuProvider;
    let a: Hands;
    let b: Hands;
    let far: Awaited<ReturnType<typeof outside>> | undefined;
    const loopback = new Greeter('loopback of the host');
    const own = new Greeter('own address of the host');
    const cable = new Greeter('this end of the cable');
    const service = new Greeter('service of the site');
    const ports = { loopback: 0, own: 0, cable: 0 };
    const address = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .find((i) => i.family === 'IPv4' && !i.internal)?.address;

    before(async () => {
      if (root) far = await outside();
      ports.loopback = await loopback.listen({ host: '127.0.0.1' });
      if (address !== undefined) ports.own = await own.listen({ host: address });
      if (far !== undefined) ports.cable = await cable.listen({ host: far.ours });
      world = await World.make();
      provider = await world.provider();
      const alike = { outbound: true, hostServices: [{ port: 3128, host: '127.0.0.1', targetPort: 1 }] };
      if (prepared) await world.prepared(provider, [0, 1], alike);
      const orders = await Promise.all([0, 1].map((slot) => world.order({ slot, ...alike })));
      const [first, second] = orders;
      assert.ok(first !== undefined && second !== undefined);
      process.chdir(first.directory); // for an address of at most 108 bytes
      await service.listen({ path: serviceSocket(3128) });
      process.chdir('/');
      await chmod(join(first.directory, serviceSocket(3128)), 0o666);
      await Promise.all(orders.map((o) => provider.create(o, never())));
      assert.deepEqual(provider.preparedSlots(), [], 'what was prepared is in use');
      [a, b] = [world.handsOf(first.id), world.handsOf(second.id)];
      await Promise.all([a.up, b.up]);
    });
    after(async () => {
      await world?.close();
      await Promise.all([loopback, own, cable, service].map((g) => g.close()));
      await far?.close();
    });

    it('a guest reaches its host services and the world outside, but no service of the host', async () => {
      const said = await lines(a, [
        reach('service', '169.254.169.253', 3128),
        ...(far === undefined ? [] : [reach('world', far.address, 8080), talk('cable', far.ours, ports.cable)]),
        ...(address === undefined ? [] : [talk('own', address, ports.own)]),
        talk('loopback', '198.19.255.2', ports.loopback),
        talk('loopback-dns', '198.19.255.3', ports.loopback),
        talk('gateway', '169.254.169.253', ports.loopback),
      ]);
      const expected = ['service yes service of the site', 'loopback no', 'loopback-dns no', 'gateway no'];
      if (far !== undefined) expected.push('world yes the-world', 'cable no');
      if (address !== undefined) expected.push('own no');
      assert.deepEqual(said, expected.sort());
      assert.deepEqual([loopback.connections, own.connections, cable.connections], [0, 0, 0], 'nothing of the host was even touched');
      assert.equal(service.connections, 1);
    });

    it('a guest talks to its own guest service only, whatever it claims', async () => {
      const asked = (hands: Hands, path: string): boolean => hands.requests.includes(`GET ${path}`);
      const get = (path: string, host = '169.254.169.254', more = ''): string => `curl -s -m 30 ${more} http://${host}${path} >/dev/null`;
      await a.run(
        [get('/from-a'), get('/from-a-header', '169.254.169.253', "-H 'X-Forwarded-For: 169.254.169.2' -H 'Forwarded: for=169.254.169.2'")].join('\n'),
      );
      await b.run(get('/from-b'));
      assert.deepEqual([asked(a, '/from-a'), asked(a, '/from-a-header'), asked(b, '/from-b')], [true, true, true]);

      // Each claim is put on, tried, and taken off again in the background, so that the guest can then report.
      const link = (mac: string): string =>
        `ip link set eth0 down; ip link set eth0 address ${mac}; ip link set eth0 up; ip address replace 169.254.169.1/16 dev eth0`;
      await a.run(
        [
          'ip address add 169.254.169.2/16 dev eth0',
          `printf 'GET /spoofed-ip HTTP/1.0\\r\\n\\r\\n' | nc -w 3 -s 169.254.169.2 169.254.169.254 80`,
          'ip address del 169.254.169.2/16 dev eth0',
          link('56:4d:a9:fe:a9:02'),
          `curl -s -m 3 http://169.254.169.254/spoofed-mac >/dev/null`,
          link('56:4d:a9:fe:a9:01'),
          get('/honest-again'),
        ].join('\n'),
      );
      assert.deepEqual([asked(a, '/spoofed-ip'), asked(a, '/spoofed-mac'), asked(a, '/honest-again')], [false, false, true]);
      assert.deepEqual(
        b.requests.filter((r) => /spoofed|from-a|honest/.test(r)),
        [],
        'the other saw nothing of it',
      );
    });

    it('one guest cannot reach the other, nor take over its addresses by ARP', async () => {
      const listening = 'ip address add 169.254.169.2/16 dev eth0; (while :; do echo hello-from-b | nc -l -p 7777; done) >/dev/null 2>&1 &';
      await b.run(listening);
      const itself = 'until [ "$(echo | nc -w 5 169.254.169.2 7777 2>/dev/null)" = hello-from-b ]; do :; done; echo it listens';
      assert.equal(await b.run(itself), 'it listens\nexit=0\n');
      const said = await lines(a, [talk('b', '169.254.169.2', 7777)]);
      assert.deepEqual(said, ['b no']);
      const claimed = ['169.254.169.254', '169.254.169.253', '169.254.169.2'];
      const claim = (address: string): string[] => ['-U', '-A'].map((how) => `arping -c 2 ${how} -I eth0 -s ${address} ${address} &`);
      const put = (how: string): string[] => claimed.map((address) => `ip address ${how} ${address}/32 dev eth0`);
      const sent = await a.run([...put('add'), ...claimed.flatMap(claim), 'wait', ...put('del')].join('\n'));
      assert.equal(sent.match(/^Sent 2 probe/gm)?.length, 6, 'all claims were sent');
      const request = 'curl -s -m 60 http://169.254.169.254/after-arp >/dev/null';
      await Promise.all([a.run(request), b.run(request)]);
      for (const hands of [a, b]) assert.equal(hands.requests.filter((r) => r === 'GET /after-arp').length, 1);
    });
  });
