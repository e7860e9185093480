import { ipv4Number } from '../../core/config/option-types.ts';
import type { Ipv4Network } from '../../core/settings.ts';

/** Whether an IPv4 address lies in one of these networks. */
export function isWithin(host: string, networks: readonly Ipv4Network[]): boolean {
  const address = ipv4Number(host);
  return address !== undefined && networks.some((n) => Math.floor(address / 2 ** (32 - n.bits)) === Math.floor(n.address / 2 ** (32 - n.bits)));
}
