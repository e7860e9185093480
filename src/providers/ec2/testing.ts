import type { Ec2Api } from '../../core/cloud/settings.ts';
import { instant } from '../../core/units.ts';
import type { MachineOrder, RemoteOrder } from '../contract.ts';
import { plainOrder } from '../test-order.ts';
import { Ec2Provider } from './provider.ts';
import type { StandIn } from './stand-in/server.ts';

export const space = 'ec2.example.com';

export const apiOf = (endpoint: string, standIn: StandIn, about: Partial<Ec2Api> = {}): Ec2Api => ({
  kind: 'ec2',
  endpoint,
  region: standIn.account.region,
  accessKey: { from: 'text', text: standIn.account.accessKey },
  secretKey: { from: 'text', text: standIn.account.secretKey },
  subnets: [],
  securityGroups: [],
  spot: false,
  ...about,
});

export const providerOf = (api: Ec2Api): Ec2Provider =>
  new Ec2Provider({
    api,
    space,
    manager: 'manager.example.com',
    flavorNames: ['t3.small', 'm5.large'],
    readSecret: async (secret) => (secret.from === 'text' ? secret.text : ''),
    now: () => instant(Date.now()),
    pollMilliseconds: 5,
  });

/** `directory`: of all machines of the test. */
export function orderIn(directory: string, about: Partial<MachineOrder> = {}, remote: Partial<RemoteOrder> = {}): MachineOrder {
  return {
    ...plainOrder(directory, { name: 'vacua-prod-0123456789', machinetype: 'prod', processors: 2, memoryMb: 2048 }),
    remote: {
      userData: Buffer.from('#!/bin/sh\n'),
      metadata: new Map([['machinetype', 'prod']]),
      flavor: 't3.small',
      image: { kind: 'named', name: 'debian-12' },
      rootPublicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample me@example.com',
      createdAt: instant(1_800_000_000_000),
      shutdownTime: instant(1_800_086_400_000),
      ...remote,
    },
    ...about,
  };
}
