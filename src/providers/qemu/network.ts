import { networkInterfaces } from 'node:os';
import type { HostService } from '../../core/settings.ts';

/** Every machine sees the same small world, as its network is its own (docs/networking.md; spec/factory.md §11.2). */
export const guestAddress = '169.254.169.1';
export const guestMac = '56:4d:a9:fe:a9:01';
export const hostAddress = '169.254.169.253';
export const metadataAddress = '169.254.169.254';
/** slirp4netns' own network, from the range for benchmarks so that it hides no network of a site; its DNS is at .3. */
const slirp = { network: '198.19.255.0/24', dns: '198.19.255.3' };

/** Addresses of the host itself, IPv4. Guests must not reach them through the outbound network. */
export const hostAddresses = (): string[] => [
  ...new Set(
    Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter((a) => a.family === 'IPv4')
      .map((a) => a.address),
  ),
];

/** `ip -batch`: the machine's interface in its namespace. */
export const interfaceCommands = `link set lo up
tuntap add vm0 mode tap user 0
link set vm0 addrgenmode none
addr add ${hostAddress}/16 dev vm0
addr add ${metadataAddress}/32 dev vm0
link set vm0 up
`;

export const dhcpConfiguration = `interface vm0
start ${guestAddress}
end ${guestAddress}
static_lease ${guestMac} ${guestAddress}
max_leases 1
lease_file /dev/null
pidfile /dev/null
opt subnet 255.255.0.0
opt router ${hostAddress}
opt dns ${hostAddress}
opt lease 864000
`;

/**
 * Packet filter of one machine's namespace. From the machine: its own MAC and address only, no IPv6; in the namespace DHCP, the
 * guest service and host services; outside, if at all, everything but the host's addresses, loopback and link-local.
 */
export function packetFilter(options: {
  readonly outbound: boolean;
  readonly hostServices: readonly HostService[];
  readonly hostAddresses: readonly string[];
}): string {
  const services = options.hostServices.map((s) => `    iifname "vm0" ip daddr ${hostAddress} tcp dport ${s.port} accept`);
  const closed = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', slirp.network, '224.0.0.0/4', '240.0.0.0/4'];
  const own = options.hostAddresses.filter((a) => !/^(0|127|169\.254|198\.19\.255|22[4-9]|2[345][0-9])\./.test(a));
  const forward = [
    '    ct state { established, related } accept',
    '    iifname "vm0" oifname "tap0" ct status dnat accept',
    `    ip daddr { ${[...closed, ...own].join(', ')} } drop`,
    '    iifname "vm0" oifname "tap0" meta nfproto ipv4 accept',
  ];
  const nat = `table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "vm0" ip daddr ${hostAddress} meta l4proto { tcp, udp } th dport 53 dnat to ${slirp.dns}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "tap0" masquerade
  }
}
`;
  return `table netdev guard {
  chain from_machine {
    type filter hook ingress device vm0 priority 0; policy drop;
    ether saddr != ${guestMac} drop
    ip saddr ${guestAddress} accept
    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
    arp saddr ether ${guestMac} arp saddr ip { 0.0.0.0, ${guestAddress} } accept
  }
}
table inet machine {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname "vm0" udp dport 67 accept
    iifname "vm0" ip daddr { ${hostAddress}, ${metadataAddress} } tcp dport 80 accept
${services.map((s) => `${s}\n`).join('')}  }
  chain forward {
    type filter hook forward priority 0; policy drop;
${options.outbound ? forward.map((f) => `${f}\n`).join('') : ''}  }
}
${options.outbound ? nat : ''}`;
}
