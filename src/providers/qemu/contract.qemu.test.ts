import { join } from 'node:path';
import { type Harness, providerContract } from '../provider-contract.ts';
import { machineFiles } from './handle.ts';
import { readLauncher } from './proc.ts';
import { until, within, World } from './test-kit.ts';

providerContract('qemu', async (): Promise<Harness> => {
  const world = await World.make();
  const directory = (id: string): string => join(world.stateDir, 'machines', id);
  return {
    provider: () => world.provider(),
    order: (about) => world.order(about),
    brokenOrder: () => world.order({ rootImage: join(world.stateDir, 'no-such-image') }),
    booted: (id) => within(120_000, 'the guest is up', world.handsOf(id).up),
    powerOff: async (id) => world.handsOf(id).tell('poweroff -f'),
    reset: async (id) => world.handsOf(id).tell('reboot -f'),
    hang: async (id) => {
      await world.handsOf(id).run('killall acpid');
    },
    vanish: async (id) => {
      const launcher = readLauncher(machineFiles(directory(id)).launcher);
      if (launcher !== undefined) process.kill(launcher.pid, 'SIGKILL');
    },
    until,
    leftovers: () => Promise.resolve(world.leftovers()),
    canary: join(world.stateDir, 'canary'),
    close: () => world.close(),
  };
});
