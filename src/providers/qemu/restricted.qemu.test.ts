import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { never, World } from './test-kit.ts';

describe('restricted network', () => {
  let world: World | undefined;
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.end('loopback of the host\n');
  });
  after(async () => {
    await world?.close();
    await new Promise((done) => server.close(done));
  });

  it('a guest reaches its guest service on both addresses, several at once, and nothing else', async () => {
    world = await World.make({ network: 'restricted' });
    const provider = await world.provider();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { order, hands } = await world.machine(provider, { outbound: true });
    const said = await hands.run(
      [
        'for n in 1 2 3 4; do curl -s -m 20 http://169.254.169.254/n$n >/dev/null & done; curl -s -m 20 http://169.254.169.253/n5 >/dev/null; wait',
        `for h in 169.254.169.252 169.254.169.251 10.0.2.2; do echo | nc -w 2 $h ${port} 2>/dev/null; done`,
        'ip route | grep -c default',
      ].join('\n'),
    );
    assert.equal(said, '0\nexit=1\n');
    assert.equal(connections, 0);
    assert.deepEqual(hands.requests.filter((r) => /^GET .n[0-9]$/.test(r)).sort(), ['GET /n1', 'GET /n2', 'GET /n3', 'GET /n4', 'GET /n5']);
    hands.tell('poweroff -f');
    await provider.destroy(order.id, never());
    assert.deepEqual(world.leftovers(), []);
  });
});
