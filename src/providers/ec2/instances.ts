import { DescribeInstancesCommand, type EC2Client, type Filter, type Instance } from '@aws-sdk/client-ec2';
import type { EndCause } from '../../core/machine.ts';
import type { Power, Sighting } from '../../core/observed.ts';
import { instant, type MachineId } from '../../core/units.ts';
import { ProviderError } from '../contract.ts';
import { identityOf, readMarks } from '../cloud/marks.ts';
import { oneLine } from '../cloud/one-line.ts';

/** Most that the API gives in one page. */
const pageSize = 1000;
/** 500,000 instances: an endless chain of pages is no answer. */
const maxPages = 500;

/**
 * All instances that the filters name, page by page. Rejects, and so is not believed, when a page fails, repeats a token or names an instance
 * twice (spec/cloud.md §2, project rule).
 */
export async function describeAll(client: EC2Client, filters: readonly Filter[], signal: AbortSignal): Promise<readonly Instance[]> {
  const found = new Map<string, Instance>();
  const tokens = new Set<string>();
  let next: string | undefined;
  do {
    const page = await client.send(
      new DescribeInstancesCommand({
        MaxResults: pageSize,
        ...(filters.length > 0 && { Filters: [...filters] }),
        ...(next !== undefined && { NextToken: next }),
      }),
      { abortSignal: signal },
    );
    if (page.Reservations === undefined && page.$metadata.requestId === undefined) throw broken('the answer has no instances and no request id');
    for (const instance of (page.Reservations ?? []).flatMap((r) => r.Instances ?? [])) {
      if (instance.InstanceId === undefined || instance.State?.Name === undefined) throw broken('an instance has no id or no state');
      if (found.has(instance.InstanceId)) throw broken(`instance ${oneLine(instance.InstanceId, 40)} is listed twice`);
      found.set(instance.InstanceId, instance);
    }
    next = page.NextToken || undefined;
    if (next !== undefined && (tokens.has(next) || tokens.size >= maxPages)) throw broken('its pages do not end');
    if (next !== undefined) tokens.add(next);
  } while (next !== undefined);
  return [...found.values()];
}

const broken = (text: string): ProviderError => new ProviderError('LIST_BROKEN', `DescribeInstances: ${text}`, { fault: 'provider', whole: true });

const tagsOf = (instance: Instance): Readonly<Record<string, string>> =>
  Object.fromEntries((instance.Tags ?? []).flatMap(({ Key, Value }) => (Key === undefined ? [] : [[Key, Value ?? '']])));

/** Which of our machines it is; undefined: somebody else's, whatever its name. */
export function machineOf(space: string, instance: Instance): MachineId | undefined {
  return identityOf(space, { name: '', metadata: tagsOf(instance) })?.id;
}

const powers: Readonly<Record<string, Power>> = {
  pending: 'starting',
  running: 'running',
  stopping: 'off',
  stopped: 'off',
  'shutting-down': 'deleting',
  error: 'failed',
};

/** It has ended by its guest's or the cloud's will, and nobody has removed it; a one-time spot instance goes from there to `terminated` by itself. */
const endedByItself = (instance: Instance): boolean =>
  /^(Client\.InstanceInitiatedShutdown|Server\.SpotInstance|Server\.InsufficientInstanceCapacity|Client\.VolumeLimitExceeded|Server\.InternalError|Client\.InternalError)/.test(
    instance.StateReason?.Code ?? '',
  );

/** States of spec/cloud.md §7.3. Undefined: it is over and removed, though EC2 shows it for another hour. */
export function sightingOf(id: MachineId, instance: Instance): Sighting | undefined {
  const state = instance.State?.Name ?? '';
  const reason = instance.StateReason;
  if (state === 'terminated' && !endedByItself(instance)) return undefined;
  const failed = (state === 'terminated' || state === 'stopped') && /^(Server\.|Client\.(Volume|Internal))/.test(reason?.Code ?? '');
  const power: Power = failed && instance.LaunchTime === undefined ? 'failed' : state === 'terminated' ? 'off' : (powers[state] ?? 'unknown');
  const marks = readMarks(tagsOf(instance));
  const address = instance.PublicIpAddress ?? instance.PrivateIpAddress;
  return {
    id,
    power,
    ...(power === 'off' && { cause: causeOf(reason?.Code) }),
    ...(instance.LaunchTime !== undefined && power !== 'starting' && { startedAt: instant(instance.LaunchTime.getTime()) }),
    ...(failed && { failure: oneLine(reason?.Message ?? reason?.Code ?? '') }),
    ...(failed && /Capacity/.test(reason?.Code ?? '') && { lack: 'capacity' as const }),
    ...(failed && /Limit/.test(reason?.Code ?? '') && { lack: 'quota' as const }),
    ...(marks && { marks }),
    ...(instance.InstanceId !== undefined && { providerId: instance.InstanceId }),
    ...(instance.Placement?.AvailabilityZone !== undefined && { zone: oneLine(instance.Placement.AvailabilityZone, 60) }),
    ...(address !== undefined && { address: oneLine(address, 60) }),
  };
}

function causeOf(code: string | undefined): EndCause {
  if (code === undefined) return 'unknown';
  if (code.startsWith('Client.InstanceInitiatedShutdown') || code.startsWith('Client.UserInitiatedShutdown')) return 'power-off';
  return code.startsWith('Server.') ? 'vanished' : 'unknown';
}

/** Processors that it uses; its flavor's where the cloud does not say. Ended ones use none. */
export function processorsOf(instance: Instance, flavors: ReadonlyMap<string, number>): number {
  if (['terminated', 'stopped'].includes(instance.State?.Name ?? '')) return 0;
  const { CoreCount, ThreadsPerCore } = instance.CpuOptions ?? {};
  if (CoreCount !== undefined && ThreadsPerCore !== undefined) return CoreCount * ThreadsPerCore;
  return flavors.get(instance.InstanceType ?? '') ?? 1;
}
