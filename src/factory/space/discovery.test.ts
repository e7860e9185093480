import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { clock, factoryAt, freePort, loopback, spaceSettings, until } from './testing.ts';
import { Discovery } from './discovery.ts';

const group = '239.255.99.5';

/** Some hosts and containers have no multicast at all, not even on the loopback interface. */
async function multicastFault(): Promise<string | false> {
  const socket = createSocket('udp4');
  try {
    const listening = once(socket, 'listening');
    socket.bind(0);
    await listening;
    socket.addMembership(group, loopback(31));
    return false;
  } catch (error) {
    return `no multicast on this host: ${String(error)}`;
  } finally {
    socket.close();
  }
}

test('factories that share nothing but a multicast group find each other', { skip: await multicastFault() }, async () => {
  const [port, groupPort] = [await freePort(), await freePort()];
  const names = [loopback(31), loopback(32)];
  const spaces = await Promise.all(names.map((name) => factoryAt(spaceSettings(name, [], port, { discovery: { group, port: groupPort } }), ['lhcb'])));
  try {
    assert.deepEqual(
      spaces.flatMap((s) => s.report().problems),
      [],
    );
    await until(() => spaces.every((s) => s.view(clock.wall()).peers.length === 1));
    assert.deepEqual(
      spaces.map((s) => s.view(clock.wall()).peers[0]?.factory),
      names.toReversed(),
    );
  } finally {
    await Promise.all(spaces.map((s) => s.close()));
  }
});

test('without a way to the group, the reason and the remedy are told and the factory goes on', async () => {
  const discovery = new Discovery({
    group,
    port: await freePort(),
    address: '198.51.100.77',
    announcement: () => new Uint8Array(1),
    heard: () => undefined,
    onChange: () => undefined,
  });
  await discovery.open();
  assert.match(
    discovery.fault ?? '',
    /^there is no multicast route to 239\.255\.99\.5 \(ENODEV\); run: ip route add|^multicast group 239\.255\.99\.5 cannot be used/,
  );
  discovery.close();
});
