import { never, until, World } from './test-kit.ts';

/** Run by prepared.qemu.test.ts to be killed: a daemon with namespaces that wait, and a machine that was started after them. */
const world = await World.make();
const provider = await world.provider();
const orders = await Promise.all([0, 1, 2, 3].map((slot) => world.order({ slot, outbound: slot < 2 })));
const [machine, ...gone] = orders;
await Promise.all(gone.map((o) => provider.create(o, never())));
for (const o of gone) await provider.destroy(o.id, never());
await until('two are prepared', () => provider.preparedSlots().length === 2);
if (machine !== undefined) await provider.create(machine, never());
process.stdout.write(`${world.stateDir}\n`);
setInterval(() => undefined, 60_000);
