import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MachineId } from '../../core/units.ts';
import { type Harness, providerContract } from '../provider-contract.ts';
import type { Ec2Provider } from './provider.ts';
import type { StandInstance } from './stand-in/cloud.ts';
import { StandIn } from './stand-in/server.ts';
import { apiOf, orderIn, providerOf } from './testing.ts';

async function ec2Harness(): Promise<Harness> {
  const root = mkdtempSync(join(tmpdir(), 'vacua-ec2-'));
  const standIn = new StandIn();
  const endpoint = await standIn.open();
  // Lists of a few machines come in pages too.
  standIn.cloud.pageSize = 1;
  const open: Ec2Provider[] = [];
  const of = (id: MachineId): StandInstance | undefined =>
    [...standIn.cloud.instances.values()].find((i) => i.tags.get('vacua_id') === id && i.state !== 'terminated');
  const order = async (about = {}) => orderIn(root, about);
  return {
    canary: join(root, 'canary'),
    order,
    provider: async () => {
      const provider = providerOf(apiOf(endpoint, standIn));
      await provider.open(AbortSignal.timeout(10_000));
      open.push(provider);
      return provider;
    },
    brokenOrder: async () => orderIn(root, {}, { image: { kind: 'named', name: 'ami-00000000000000bad' } }),
    booted: async () => standIn.cloud.settle(),
    powerOff: async (id) => standIn.cloud.powerOff(of(id)?.id ?? ''),
    hang: async (id) => void Object.assign(of(id) ?? {}, { deaf: true }),
    vanish: async (id) => void standIn.cloud.instances.delete(of(id)?.id ?? ''),
    until: async (what, condition) => {
      for (let tries = 0; tries < 20; tries++) if (await condition()) return;
      throw new Error(`not within 20 lists: ${what}`);
    },
    leftovers: async () => [...standIn.cloud.instances.values()].filter((i) => i.state !== 'terminated').map((i) => i.id),
    close: async () => {
      for (const provider of open) await provider.close();
      await standIn.close();
      rmSync(root, { recursive: true });
    },
  };
}

providerContract('ec2 (stand-in)', ec2Harness);
