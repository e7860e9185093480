/** Parameters of each action that EC2's own description knows and a provider like ours may send. Any other is refused, as EC2 does. */
const filter = [/^Filter\.\d+\.Name$/, /^Filter\.\d+\.Value\.\d+$/];
const paged = [/^MaxResults$/, /^NextToken$/];
const allowed: Readonly<Record<string, readonly RegExp[]>> = {
  DescribeInstances: [...filter, ...paged, /^InstanceId\.\d+$/],
  DescribeInstanceTypes: [...filter, ...paged, /^InstanceType\.\d+$/],
  DescribeImages: [...filter, /^ImageId\.\d+$/],
  DescribeKeyPairs: [...filter],
  DescribeSubnets: [/^SubnetId\.\d+$/],
  DescribeSecurityGroups: [/^GroupId\.\d+$/, /^GroupName\.\d+$/],
  DescribeLaunchTemplates: [/^LaunchTemplateId\.\d+$/, /^LaunchTemplateName\.\d+$/],
  ImportKeyPair: [/^KeyName$/, /^PublicKeyMaterial$/],
  GetConsoleOutput: [/^InstanceId$/],
  StopInstances: [/^InstanceId\.\d+$/],
  TerminateInstances: [/^InstanceId\.\d+$/],
  RunInstances: [
    /^(ClientToken|MinCount|MaxCount|ImageId|InstanceType|UserData|KeyName|SubnetId|InstanceInitiatedShutdownBehavior)$/,
    /^SecurityGroup(Id)?\.\d+$/,
    /^TagSpecification\.\d+\.(ResourceType|Tag\.\d+\.(Key|Value))$/,
    /^MetadataOptions\.(HttpTokens|HttpEndpoint)$/,
    /^LaunchTemplate\.(LaunchTemplateId|LaunchTemplateName)$/,
    /^InstanceMarketOptions\.(MarketType|SpotOptions\.(SpotInstanceType|InstanceInterruptionBehavior))$/,
    /^BlockDeviceMapping\.\d+\.(DeviceName|Ebs\.(VolumeSize|DeleteOnTermination))$/,
  ],
};

export const apiVersion = '2016-11-15';

export interface Fault {
  readonly code: string;
  readonly message: string;
}

/** What EC2 would object to before it looks at anything else. */
export function parameterFault(form: URLSearchParams): Fault | undefined {
  const action = form.get('Action') ?? '';
  const known = Object.hasOwn(allowed, action) ? allowed[action] : undefined;
  if (!known) return { code: 'InvalidAction', message: `The action ${action} is not valid for this web service.` };
  if (form.get('Version') !== apiVersion) return { code: 'NoSuchVersion', message: `The requested version (${form.get('Version')}) is not valid` };
  for (const name of form.keys()) {
    if (name !== 'Action' && name !== 'Version' && !known.some((r) => r.test(name))) {
      return { code: 'UnknownParameter', message: `The parameter ${name} is not recognized` };
    }
  }
  return action === 'RunInstances' ? runFault(form) : undefined;
}

function runFault(form: URLSearchParams): Fault | undefined {
  for (const name of ['ImageId', 'InstanceType', 'MinCount', 'MaxCount']) {
    if (!form.get(name)) return { code: 'MissingParameter', message: `The request must contain the parameter ${name}` };
  }
  if (Buffer.byteLength(form.get('UserData') ?? '', 'utf8') > 25_600) return { code: 'InvalidParameterValue', message: 'User data is limited to 16384 bytes' };
  if (Buffer.from(form.get('UserData') ?? '', 'base64').byteLength > 16_384)
    return { code: 'InvalidParameterValue', message: 'User data is limited to 16384 bytes' };
  if ((form.get('ClientToken') ?? '').length > 64) return { code: 'InvalidParameterValue', message: 'ClientToken is limited to 64 characters' };
  if (form.get('SubnetId') && form.get('SecurityGroup.1')) {
    return { code: 'InvalidParameterCombination', message: 'The parameter groupName cannot be used with the parameter subnet' };
  }
  if (form.get('InstanceMarketOptions.MarketType') === 'spot' && form.get('InstanceInitiatedShutdownBehavior') === 'stop') {
    return { code: 'InvalidParameterCombination', message: 'A one-time spot instance cannot be stopped' };
  }
  for (const [name, value] of form)
    if (/Tag\.\d+\.Value$/.test(name) && value.length > 256) return { code: 'InvalidParameterValue', message: 'Tag value exceeds 256' };
  return undefined;
}
