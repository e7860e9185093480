import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { instant, type MachineId, machineId } from '../../core/units.ts';
import type { MachineOrder } from '../contract.ts';
import { type Harness, providerContract } from '../provider-contract.ts';
import { plainOrder } from '../test-order.ts';
import { CommandProvider } from './provider.ts';

/** Guests that obey a file: `off` ends them, `deaf` makes them ignore requests. */
const guest = (control: string): string =>
  `echo up; while [ ! -e '${control}/off' ]; do [ ! -e '${control}/deaf' ] || { trap '' TERM; : >'${control}/is-deaf'; }; sleep 0.05; done`;

/** The example of the documentation, with real processes as machines. */
async function processesHarness(): Promise<Harness> {
  const root = mkdtempSync(join(tmpdir(), 'vacua-command-'));
  const cloud = join(root, 'cloud');
  const control = (id: MachineId): string => join(root, id);
  const pid = (id: MachineId): number => Number(readFileSync(join(cloud, id, 'pid'), 'utf8'));
  const touch = (path: string): void => void mkdirSync(path);
  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    for (let tries = 0; tries < 400; tries++) {
      if (await condition()) return;
      await pause(50);
    }
    throw new Error(`not within 20 s: ${what}`);
  };
  const order = async (about: Partial<MachineOrder> = {}): Promise<MachineOrder> => {
    const made = plainOrder(root, about);
    return {
      ...made,
      remote: {
        userData: Buffer.from(guest(made.directory)),
        metadata: new Map([['name', made.name]]),
        flavor: 'p1',
        image: { kind: 'named', name: 'none' },
        shutdownTime: instant(Date.now() + 3_600_000),
        createdAt: instant(Date.now()),
      },
      ...about,
    };
  };
  const command = [process.execPath, join(import.meta.dirname, '../../../examples/providers/processes.cjs')] as const;
  return {
    canary: join(root, 'canary'),
    order,
    until,
    provider: async () => {
      const provider = new CommandProvider({
        api: { kind: 'command', command: [...command], passEnvironment: ['PROCESS_CLOUD'] },
        space: 'cloud.example.com',
        manager: 'manager.example.com',
        environment: { PATH: '/usr/bin:/bin', PROCESS_CLOUD: cloud },
      });
      await provider.open(AbortSignal.timeout(20_000));
      return provider;
    },
    brokenOrder: async () => {
      const good = await order();
      return { ...good, ...(good.remote && { remote: { ...good.remote, flavor: 'p1000' } }) };
    },
    booted: (id) => until('the guest is up', async () => readFileSync(join(cloud, id, 'console'), 'utf8').includes('up')),
    powerOff: async (id) => touch(join(control(id), 'off')),
    hang: async (id) => {
      touch(join(control(id), 'deaf'));
      await until('the guest is deaf', async () => existsSync(join(control(id), 'is-deaf')));
    },
    vanish: async (id) => void process.kill(-pid(id), 'SIGKILL'),
    leftovers: async () => (existsSync(cloud) ? readdirSync(cloud) : []),
    close: async () => {
      for (const id of existsSync(cloud) ? readdirSync(cloud) : []) process.kill(-pid(machineId(id)), 'SIGKILL');
      rmSync(root, { recursive: true });
    },
  };
}

providerContract('command (examples/providers/processes.cjs)', processesHarness);
