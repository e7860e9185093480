import { randomUUID } from 'node:crypto';
import type { OpenStackApi } from '../../core/cloud/settings.ts';
import { instant, later, type MachineId, machineId } from '../../core/units.ts';
import { type MachineOrder, ProviderError, type RemoteOrder } from '../contract.ts';
import { ManualClock } from '../sim/clock.ts';
import { markMetadata, markTag } from '../cloud/marks.ts';
import { type OpenStackOptions, OpenStackProvider } from './provider.ts';
import type { StoredServer } from './stand-in.ts';

export const space = 'space.example.com';
export const never = (): AbortSignal => new AbortController().signal;
/** The hour at which the stand-in lives. */
export const start = instant(Date.parse('2026-11-20T14:21:31Z'));

export interface Kit {
  readonly provider: OpenStackProvider;
  readonly clock: ManualClock;
  /** Milliseconds of all pauses, which pass at once. */
  readonly pauses: number[];
}

/** A provider whose pauses move its clock instead of waiting. */
export function kit(api: OpenStackApi, about: Partial<OpenStackOptions> = {}): Kit {
  const clock = new ManualClock(start);
  const pauses: number[] = [];
  const provider = new OpenStackProvider({
    api,
    space,
    manager: 'manager-1',
    readSecret: async (secret) => (secret.from === 'text' ? secret.text : ''),
    now: () => clock.wall(),
    consoleMaxBytes: 65_536,
    pause: async (milliseconds) => {
      pauses.push(milliseconds);
      clock.advance(milliseconds / 1000);
    },
    ...about,
  });
  return { provider, clock, pauses };
}

export function orderOf(remote: Partial<RemoteOrder> = {}, about: Partial<MachineOrder> = {}): MachineOrder {
  const id = machineId(randomUUID());
  return {
    id,
    name: `vacua-prod-${id.slice(0, 8)}`,
    slot: 0,
    machinetype: 'prod',
    model: 'vm-raw',
    processors: 1,
    memoryMb: 96,
    directory: '/nonexistent',
    rootImage: '',
    kernelArguments: '',
    rootDevice: 'vda',
    scratchDevice: 'vdb',
    consoleMaxBytes: 65_536,
    guestSocket: '/nonexistent/guest.sock',
    hostServices: [],
    outbound: true,
    remote: {
      userData: Buffer.from('#!/bin/sh\n'),
      metadata: new Map([['machinetype', 'prod']]),
      flavor: 't1.nano',
      image: { kind: 'named', name: 'tiny' },
      createdAt: start,
      shutdownTime: later(start, 3600),
      ...remote,
    },
    ...about,
  };
}

/** Labels as our own machine has them. */
export function labels(id: MachineId = machineId(randomUUID()), about: Partial<StoredServer> = {}): Partial<StoredServer> & { readonly ours: MachineId } {
  const name = `vacua-prod-${id.slice(0, 8)}`;
  const metadata = markMetadata({
    id,
    space,
    manager: 'manager-1',
    machinetype: 'prod',
    name,
    processors: 1,
    createdAt: start,
    shutdownTime: later(start, 3600),
  });
  return { ours: id, name, metadata: { ...metadata }, tags: [markTag(space, id)], ...about };
}

/** For `assert.rejects`: a {@link ProviderError} with this code and these properties. */
export function fails(code: string, about: Partial<Pick<ProviderError, 'fault' | 'lack' | 'whole' | 'retryAfter'>> = {}): (error: unknown) => true {
  return (error) => {
    if (!(error instanceof ProviderError)) throw error;
    const got = { code: error.code, fault: error.fault, lack: error.lack, whole: error.whole, retryAfter: error.retryAfter };
    for (const [key, value] of Object.entries({ code, ...about }))
      if (got[key as keyof typeof got] !== value)
        throw new Error(`${key}: expected ${String(value)}, got ${String(got[key as keyof typeof got])} (${error.message})`);
    return true;
  };
}
