import { gzipSync } from 'node:zlib';
import type { RunInstancesCommandInput, Tag } from '@aws-sdk/client-ec2';
import type { Ec2Api } from '../../core/cloud/settings.ts';
import { type MachineOrder, ProviderError, type RemoteOrder } from '../contract.ts';
import { markMetadata } from '../cloud/marks.ts';
import { isPrintable } from '../cloud/one-line.ts';

/** Limit of EC2, before base64 (spec/cloud.md §6.2, project rule). */
const maxUserDataBytes = 16_384;
/** Limits of EC2 on tags. */
const maxValue = 256;

export interface Resolved {
  readonly imageId: string;
  /** Name of the image's root disk, needed to choose its size. */
  readonly rootDevice?: string;
  readonly keyName?: string;
}

/** What is too long goes as gzip, which cloud-init and the guests of this project take. */
const compact = (userData: Uint8Array): Buffer => (userData.byteLength > maxUserDataBytes ? gzipSync(userData) : Buffer.from(userData));

/** Refuses what the cloud would refuse, or would cut. */
export function checkedRemote(order: MachineOrder): RemoteOrder {
  const { remote } = order;
  const refuse = (code: Uppercase<string>, text: string): ProviderError => new ProviderError(code, text, { fault: 'tenant' });
  if (remote === undefined)
    throw new ProviderError('NO_REMOTE_ORDER', 'this provider makes machines at a cloud, and the order is for a host', { fault: 'host' });
  const { byteLength } = compact(remote.userData);
  if (byteLength > maxUserDataBytes) {
    throw refuse(
      'USER_DATA_TOO_LARGE',
      `user data of ${remote.userData.byteLength} bytes, ${byteLength} compressed; valid: at most ${maxUserDataBytes}, or a script that fetches the rest`,
    );
  }
  if (remote.image.kind === 'file')
    throw refuse('IMAGE_FILE', `root_image: EC2 takes no image files; valid: image:AMI or image:NAME of an image that is there`);
  for (const text of [order.name, order.machinetype, remote.flavor, remote.image.name]) {
    if (text.length > maxValue || !isPrintable(text)) throw refuse('UNPRINTABLE', 'a name in the order is longer than 256 characters or cannot be printed');
  }
  return remote;
}

/** One instance; `ClientToken` makes a repeated request the same request (spec/cloud.md §7.3, project rule). */
export function runRequest(
  order: MachineOrder,
  resolved: Resolved,
  about: { readonly api: Ec2Api; readonly space: string; readonly manager: string },
): RunInstancesCommandInput {
  const remote = checkedRemote(order);
  const { api, space, manager } = about;
  const { id, name, machinetype, processors } = order;
  const { createdAt, shutdownTime } = remote;
  const marks = markMetadata({ id, space, manager, machinetype, name, processors, createdAt, shutdownTime });
  const tags: Tag[] = Object.entries({ ...Object.fromEntries(remote.metadata), ...marks, Name: name }).map(([Key, Value]) => ({
    Key,
    Value: Value.slice(0, maxValue),
  }));
  const subnet = pick(api.subnets, id);
  const groups = api.securityGroups;
  const byId = groups.filter((g) => /^sg-[0-9a-f]+$/.test(g));
  const byName = groups.filter((g) => !byId.includes(g));
  return {
    ClientToken: id,
    MinCount: 1,
    MaxCount: 1,
    ImageId: resolved.imageId,
    InstanceType: remote.flavor as NonNullable<RunInstancesCommandInput['InstanceType']>,
    UserData: compact(remote.userData).toString('base64'),
    MetadataOptions: { HttpTokens: 'required', HttpEndpoint: 'enabled' },
    // A machine that has ended by itself stays to be looked at, but a one-time spot instance cannot be stopped.
    InstanceInitiatedShutdownBehavior: api.spot ? 'terminate' : 'stop',
    TagSpecifications: [
      { ResourceType: 'instance', Tags: tags },
      { ResourceType: 'volume', Tags: tags },
    ],
    ...(resolved.keyName !== undefined && { KeyName: resolved.keyName }),
    ...(subnet !== undefined && { SubnetId: subnet }),
    ...(byId.length > 0 && { SecurityGroupIds: byId }),
    ...(byName.length > 0 && { SecurityGroups: byName }),
    ...(api.launchTemplate !== undefined && {
      LaunchTemplate: /^lt-[0-9a-f]+$/.test(api.launchTemplate) ? { LaunchTemplateId: api.launchTemplate } : { LaunchTemplateName: api.launchTemplate },
    }),
    ...(api.spot && {
      InstanceMarketOptions: { MarketType: 'spot', SpotOptions: { SpotInstanceType: 'one-time', InstanceInterruptionBehavior: 'terminate' } },
    }),
    ...(remote.volumeGb !== undefined && {
      BlockDeviceMappings: [{ DeviceName: resolved.rootDevice ?? '/dev/sda1', Ebs: { VolumeSize: remote.volumeGb, DeleteOnTermination: true } }],
    }),
  };
}

/** The same for the same machine, also when it is asked for again. */
const pick = (all: readonly string[], id: string): string | undefined => (all.length === 0 ? undefined : all[Number.parseInt(id.slice(0, 8), 16) % all.length]);
