import { randomBytes } from 'node:crypto';
import type { Fault } from './parameters.ts';

export interface StandInstance {
  readonly id: string;
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
  reason?: { code: string; message: string };
  readonly type: string;
  readonly tags: Map<string, string>;
  readonly launchedAt: Date;
  readonly behavior: string;
  readonly request: string;
  deaf: boolean;
  /** It shows up in lists from here on; what is new may be invisible for a moment. */
  readonly userData: string;
}

export const flavors = [
  { name: 't3.small', processors: 2, memoryMb: 2048 },
  { name: 'm5.large', processors: 2, memoryMb: 8192 },
  { name: 'c5.9xlarge', processors: 36, memoryMb: 73_728 },
];
export const images = [{ id: 'ami-0123456789abcdef0', name: 'debian-12' }];
const newId = (kind: string): string => `${kind}-${randomBytes(8).toString('hex').padEnd(17, '0')}`;

/** Instances of one region: what happens to them, without HTTP. */
export class StandInCloud {
  readonly instances = new Map<string, StandInstance>();
  readonly tokens = new Map<string, { readonly request: string; readonly instance: string }>();
  readonly keyPairs = new Map<string, string>();
  readonly subnets = new Set(['subnet-0000000000000001']);
  readonly groups = new Map([['sg-0000000000000001', 'default']]);
  readonly templates = new Map([['lt-0000000000000001', 'vacua']]);
  vcpuLimit = 1000;
  pageSize = 1000;

  run(form: URLSearchParams): StandInstance | Fault {
    const get = (name: string): string => form.get(name) ?? '';
    const request = [...form]
      .filter(([name]) => name !== 'ClientToken')
      .map(String)
      .sort()
      .join('&');
    const token = get('ClientToken');
    const before = this.tokens.get(token);
    if (token !== '' && before) {
      if (before.request !== request)
        return { code: 'IdempotentParameterMismatch', message: 'The request uses the same client token as a previous, but non-identical request.' };
      const instance = this.instances.get(before.instance);
      if (instance) return instance;
    }
    const flavor = flavors.find((f) => f.name === get('InstanceType'));
    if (!flavor) return { code: 'InvalidInstanceType', message: `Invalid value '${get('InstanceType')}' for InstanceType.` };
    if (!images.some((i) => i.id === get('ImageId'))) return { code: 'InvalidAMIID.NotFound', message: `The image id '[${get('ImageId')}]' does not exist` };
    if (get('SubnetId') && !this.subnets.has(get('SubnetId')))
      return { code: 'InvalidSubnetID.NotFound', message: `The subnet ID '${get('SubnetId')}' does not exist` };
    const group = get('SecurityGroupId.1');
    if (group && !this.groups.has(group)) return { code: 'InvalidGroup.NotFound', message: `The security group '${group}' does not exist` };
    if (get('KeyName') && !this.keyPairs.has(get('KeyName')))
      return { code: 'InvalidKeyPair.NotFound', message: `The key pair '${get('KeyName')}' does not exist` };
    const template = get('LaunchTemplate.LaunchTemplateName');
    if (template && ![...this.templates.values()].includes(template))
      return { code: 'InvalidLaunchTemplateName.NotFoundException', message: 'At least one of the launch templates specified in the request does not exist.' };
    const used = [...this.instances.values()].filter((i) => i.state === 'pending' || i.state === 'running');
    const processors = used.reduce((sum, i) => sum + (flavors.find((f) => f.name === i.type)?.processors ?? 0), 0);
    if (processors + flavor.processors > this.vcpuLimit)
      return { code: 'VcpuLimitExceeded', message: `You have requested more vCPU capacity than your current vCPU limit of ${this.vcpuLimit} allows` };
    const instance: StandInstance = {
      id: newId('i'),
      state: 'pending',
      type: flavor.name,
      tags: tagsIn(form),
      launchedAt: new Date(),
      behavior: get('InstanceInitiatedShutdownBehavior'),
      request,
      deaf: false,
      userData: Buffer.from(get('UserData'), 'base64').toString(),
    };
    this.instances.set(instance.id, instance);
    if (token !== '') this.tokens.set(token, { request, instance: instance.id });
    return instance;
  }

  stop(id: string): Fault | undefined {
    const instance = this.instances.get(id);
    if (!instance) return { code: 'InvalidInstanceID.NotFound', message: `The instance ID '${id}' does not exist` };
    if (instance.behavior === 'terminate') return { code: 'UnsupportedOperation', message: 'You can not stop a one-time spot instance' };
    if (instance.state !== 'running')
      return { code: 'IncorrectInstanceState', message: `The instance '${id}' is not in a state from which it can be stopped.` };
    if (instance.deaf) return undefined;
    instance.state = 'stopping';
    instance.reason = { code: 'Client.UserInitiatedShutdown', message: 'User initiated shutdown' };
    return undefined;
  }

  terminate(id: string): Fault | undefined {
    const instance = this.instances.get(id);
    if (!instance) return { code: 'InvalidInstanceID.NotFound', message: `The instance ID '${id}' does not exist` };
    if (instance.state === 'terminated') return undefined;
    instance.state = 'shutting-down';
    instance.reason = { code: 'Client.UserInitiatedShutdown', message: 'Client.UserInitiatedShutdown: User initiated shutdown' };
    return undefined;
  }

  /** The guest has shut itself down. */
  powerOff(id: string): void {
    const instance = this.instances.get(id);
    if (!instance) return;
    instance.state = instance.behavior === 'terminate' ? 'terminated' : 'stopped';
    instance.reason = { code: 'Client.InstanceInitiatedShutdown', message: 'Instance initiated shutdown' };
  }

  /** What is under way comes to its end. */
  settle(): void {
    const after = { pending: 'running', stopping: 'stopped', 'shutting-down': 'terminated' } as const;
    for (const instance of this.instances.values()) {
      const { state } = instance;
      if (state === 'pending' || state === 'stopping' || state === 'shutting-down') instance.state = after[state];
    }
  }
}

function tagsIn(form: URLSearchParams): Map<string, string> {
  const tags = new Map<string, string>();
  for (const [name, key] of form) {
    if (/^TagSpecification\.\d+\.Tag\.\d+\.Key$/.test(name) && form.get(name.replace(/Tag\.\d+\.Key$/, 'ResourceType')) === 'instance') {
      tags.set(key, form.get(name.replace(/Key$/, 'Value')) ?? '');
    }
  }
  return tags;
}
