import { seconds } from '../../core/units.ts';
import { type FaultAbout, ProviderError } from '../contract.ts';
import { oneLine } from '../cloud/one-line.ts';

type Known = Readonly<{ code: Uppercase<string> } & Pick<FaultAbout, 'fault' | 'lack' | 'whole' | 'retryAfter'>>;

const credentials: Known = { code: 'CREDENTIALS_REFUSED', fault: 'host', whole: true };
const clock: Known = { code: 'CLOCK_SKEW', fault: 'host', whole: true };
const notAllowed: Known = { code: 'NOT_ALLOWED', fault: 'host', whole: true };
const quota: Known = { code: 'QUOTA_EXCEEDED', fault: 'provider', lack: 'quota', whole: true };
const capacity: Known = { code: 'NO_CAPACITY', fault: 'provider', lack: 'capacity' };
const throttled: Known = { code: 'ASKED_TO_WAIT', fault: 'provider', whole: true, retryAfter: seconds(30) };
const image: Known = { code: 'IMAGE_MISSING', fault: 'tenant' };

/** Error codes of the EC2 API by their owner. What stands here is what `faults.test.ts` provokes at the stand-in. */
const known: Readonly<Record<string, Known>> = {
  AuthFailure: credentials,
  InvalidClientTokenId: credentials,
  SignatureDoesNotMatch: credentials,
  ExpiredToken: credentials,
  OptInRequired: credentials,
  CredentialsProviderError: credentials,
  RequestExpired: clock,
  RequestTimeTooSkewed: clock,
  UnauthorizedOperation: notAllowed,
  'InvalidAMIID.NotFound': image,
  'InvalidAMIID.Malformed': image,
  'InvalidAMIID.Unavailable': image,
  InvalidInstanceType: { code: 'FLAVOR_MISSING', fault: 'host' },
  'InvalidSubnetID.NotFound': { code: 'NETWORK_MISSING', fault: 'host', whole: true },
  'InvalidGroup.NotFound': { code: 'SECURITY_GROUP_MISSING', fault: 'host', whole: true },
  'InvalidKeyPair.NotFound': { code: 'KEY_PAIR_MISSING', fault: 'host' },
  'InvalidLaunchTemplateId.NotFound': { code: 'LAUNCH_TEMPLATE_MISSING', fault: 'host', whole: true },
  'InvalidLaunchTemplateName.NotFoundException': { code: 'LAUNCH_TEMPLATE_MISSING', fault: 'host', whole: true },
  InsufficientInstanceCapacity: capacity,
  InsufficientHostCapacity: capacity,
  InsufficientFreeAddressesInSubnet: { ...capacity, whole: true },
  InsufficientCapacityOnHost: capacity,
  InstanceLimitExceeded: quota,
  VcpuLimitExceeded: { ...quota, whole: false },
  MaxSpotInstanceCountExceeded: quota,
  VolumeLimitExceeded: quota,
  RequestLimitExceeded: throttled,
  Throttling: throttled,
  ThrottlingException: throttled,
  InternalError: { code: 'PROVIDER_ERROR', fault: 'provider', whole: true },
  InternalFailure: { code: 'PROVIDER_ERROR', fault: 'provider', whole: true },
  Unavailable: { code: 'UNAVAILABLE', fault: 'provider', whole: true },
  ServiceUnavailable: { code: 'UNAVAILABLE', fault: 'provider', whole: true },
};

export const codeOf = (error: unknown): string => (error instanceof Error ? error.name : '');

/** Whatever a call has thrown, as a typed fault with its owner. `what`: the call, for people. */
export function faultOf(what: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  const about = Object.hasOwn(known, name) ? known[name] : unknownFault(error);
  const text = `${what}: ${name === 'Error' ? '' : `${oneLine(name, 80)}: `}${oneLine(message)}`;
  const { code, ...rest } = about ?? { code: 'PROVIDER_ERROR', fault: 'provider' as const };
  return new ProviderError(code, text, { ...rest, cause: error });
}

/** A refusal that we do not know is ours where the answer was 4xx. What is no EC2 answer at all is somebody's on the way. */
function unknownFault(error: unknown): Known {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status === 503 || status === 429) return { code: 'UNAVAILABLE', fault: 'provider', whole: true, retryAfter: seconds(30) };
  if (status !== undefined && status >= 500) return { code: 'PROVIDER_ERROR', fault: 'provider', whole: true };
  if (status !== undefined && status >= 400) return { code: 'REQUEST_REFUSED', fault: 'host' };
  return { code: status === undefined ? 'UNREACHABLE' : 'NOT_EC2', fault: 'provider', whole: true };
}
