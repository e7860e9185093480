import { never, World } from './test-kit.ts';

/** Run by ordinary-user.qemu.test.ts as an account without rights: one machine, from the first note to the last leftover. */
const world = await World.make({ network: 'auto' });
const provider = await world.provider();
const { notes } = await provider.open(never());
const { order, hands } = await world.machine(provider);
const said = await hands.run('ip -4 -o address show dev eth0 | awk "{print \\$4}"; ip route | grep -c default');
await provider.destroy(order.id, never());
const left = world.leftovers();
await world.close();
process.stdout.write(JSON.stringify({ uid: process.getuid?.(), notes, said, left, requests: hands.requests.slice(0, 2) }));
