import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'node:test';
import { instant, later, type MachineId } from '../../core/units.ts';
import type { MachineOrder, RemoteOrder } from '../contract.ts';
import { type Harness, providerContract } from '../provider-contract.ts';
import { plainOrder } from '../test-order.ts';
import { OpenStackProvider } from './index.ts';
import { cloudNamed, RawCloud, until, withoutCloud } from './test-bed.ts';

/** Hands inside the guest: a web server whose programs do what they are called. */
const hands = `#!/bin/sh
mkdir -p /hands/cgi-bin
hand() { printf '#!/bin/sh\\nprintf "Content-type: text/plain\\\\r\\\\n\\\\r\\\\ndone\\\\n"\\n%s\\n' "$2" >/hands/cgi-bin/$1; chmod 755 /hands/cgi-bin/$1; }
hand off '(sleep 1; poweroff -f) >/dev/null 2>&1 &'
hand up :
hand hang 'killall acpid'
httpd -p 8080 -h /hands
`;

async function openStackHarness(): Promise<Harness> {
  const raw = await RawCloud.open('demo');
  const space = `contract-${randomBytes(4).toString('hex')}.example.com`;
  const root = mkdtempSync(join(tmpdir(), 'vacua-openstack-'));
  const group = await raw.openGroup(space);
  const api = cloudNamed('demo', { securityGroups: [space] });
  const open: OpenStackProvider[] = [];

  const serverOf = async (id: MachineId) => (await raw.serversOf(space)).find((s) => s.metadata['vacua_id'] === id);
  const call = async (id: MachineId, hand: string): Promise<boolean> => {
    const address = Object.values((await serverOf(id))?.addresses ?? {})[0]?.[0]?.addr;
    if (address === undefined) return false;
    const answer = await fetch(`http://${address}:8080/cgi-bin/${hand}`, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    return answer?.ok === true;
  };
  const use = (id: MachineId, hand: string): Promise<void> => until(`the guest of ${id} does ${hand}`, () => call(id, hand));

  const order = async (about: Partial<MachineOrder> = {}): Promise<MachineOrder> => {
    const now = instant(Date.now());
    const remote: RemoteOrder = {
      userData: Buffer.from(hands),
      metadata: new Map([['name', 'vacua-contract']]),
      flavor: 't1.nano',
      image: { kind: 'named', name: 'tiny' },
      createdAt: now,
      shutdownTime: later(now, 3600),
    };
    return plainOrder(root, { machinetype: 'contract', memoryMb: 96, remote, ...about });
  };

  return {
    canary: join(root, 'canary'),
    order,
    provider: async () => {
      const provider = new OpenStackProvider({
        api,
        space,
        manager: 'contract',
        readSecret: async (secret) => (secret.from === 'text' ? secret.text : ''),
        now: () => instant(Date.now()),
        consoleMaxBytes: 65_536,
        directoryOf: (id) => join(root, id),
      });
      await provider.open(AbortSignal.timeout(60_000));
      open.push(provider);
      return provider;
    },
    brokenOrder: async () => {
      const { remote, ...rest } = await order();
      return { ...rest, remote: { ...(remote as RemoteOrder), image: { kind: 'named', name: 'no-such-image' } } };
    },
    booted: (id) => use(id, 'up'),
    powerOff: (id) => use(id, 'off'),
    hang: (id) => use(id, 'hang'),
    vanish: async (id) => raw.remove([(await serverOf(id))?.id ?? '']),
    until,
    leftovers: async () => {
      const ports = (await raw.ask('network', 'GET', '/ports')).body as { ports: { id: string; security_groups: string[] }[] };
      return [
        ...(await raw.serversOf(space)).map((s) => `server ${s.name} ${s.status}`),
        ...ports.ports.filter((p) => p.security_groups.includes(group)).map((p) => `port ${p.id}`),
      ];
    },
    close: async () => {
      for (const provider of open) await provider.close();
      await raw.remove((await raw.serversOf(space)).map((s) => s.id));
      await raw.ask('network', 'DELETE', `/security-groups/${group}`);
      rmSync(root, { recursive: true });
    },
  };
}

describe('the contract at a real cloud', { skip: withoutCloud }, () => {
  if (withoutCloud === false) providerContract('openstack', openStackHarness);
});
