import { DescribeLaunchTemplatesCommand, DescribeSecurityGroupsCommand, DescribeSubnetsCommand, type EC2Client } from '@aws-sdk/client-ec2';
import type { Ec2Api } from '../../core/cloud/settings.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import type { Finding } from '../contract.ts';
import { faultOf } from './faults.ts';
import { describeAll } from './instances.ts';
import type { Resources } from './resources.ts';

export interface VerifyParts {
  readonly client: EC2Client;
  readonly resources: Resources;
  readonly api: Ec2Api;
  readonly flavorNames: readonly string[];
}

/** Everything that a creation will need, asked for without making anything. */
export async function* verify(
  { client, resources, api, flavorNames }: VerifyParts,
  machinetypes: readonly Machinetype[],
  signal: AbortSignal,
): AsyncIterable<Finding> {
  const look = async (what: string, work: () => Promise<string>): Promise<Finding> => {
    try {
      return { what, state: 'ok', text: await work() };
    } catch (error) {
      const fault = faultOf(api.endpoint ?? api.region, error);
      return { what, state: fault.fault === 'provider' ? 'unknown' : 'wrong', text: fault.message };
    }
  };
  const about = { abortSignal: signal };
  const credentials = await look('credentials', async () => `${(await describeAll(client, [], signal)).length} instances in ${api.region}`);
  yield credentials;
  if (credentials.state !== 'ok') return;
  const wanted = new Set([...flavorNames, ...machinetypes.flatMap((m) => m.cloud?.flavorNames ?? [])]);
  for (const name of wanted) {
    yield await look(`flavor ${name}`, async () => {
      const [flavor] = await resources.flavors([name], signal);
      if (!flavor) throw new Error('the region has no such instance type');
      return `${flavor.processors} processors, ${flavor.memoryMb} MiB`;
    });
  }
  for (const image of new Set(machinetypes.flatMap((m) => (m.rootImage?.startsWith('image:') ? [m.rootImage.slice('image:'.length)] : [])))) {
    yield await look(`image ${image}`, async () => (await resources.image(image, signal)).imageId);
  }
  for (const m of machinetypes) {
    if (m.rootImage !== undefined && !m.rootImage.startsWith('image:')) {
      yield { what: `image of ${m.name}`, state: 'wrong', text: `${m.rootImage}: EC2 takes no image files; valid: image:AMI or image:NAME` };
    }
  }
  for (const subnet of api.subnets) {
    yield await look(`subnet ${subnet}`, async () => {
      const { Subnets = [] } = await client.send(new DescribeSubnetsCommand({ SubnetIds: [subnet] }), about);
      return `${Subnets[0]?.AvailableIpAddressCount ?? 0} free addresses`;
    });
  }
  for (const group of api.securityGroups) {
    const by = /^sg-[0-9a-f]+$/.test(group) ? { GroupIds: [group] } : { GroupNames: [group] };
    yield await look(`security group ${group}`, async () => {
      const { SecurityGroups = [] } = await client.send(new DescribeSecurityGroupsCommand(by), about);
      return SecurityGroups[0]?.GroupId ?? 'there';
    });
  }
  const { launchTemplate } = api;
  if (launchTemplate !== undefined) {
    const by = /^lt-[0-9a-f]+$/.test(launchTemplate) ? { LaunchTemplateIds: [launchTemplate] } : { LaunchTemplateNames: [launchTemplate] };
    yield await look(`launch template ${launchTemplate}`, async () => {
      const { LaunchTemplates = [] } = await client.send(new DescribeLaunchTemplatesCommand(by), about);
      return `version ${LaunchTemplates[0]?.DefaultVersionNumber ?? '?'}`;
    });
  }
}
