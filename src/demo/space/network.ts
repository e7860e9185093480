import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, hostsFile } from './site.ts';

const ip = (...args: readonly string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const portOf = (host: Host): string => `v-${host.id}`;
export const namespaceOf = (host: Host): string => `/run/netns/${host.id}`;
const within = (host: Host, ...command: readonly string[]): readonly string[] => [`--net=${namespaceOf(host)}`, '--', ...command];
const inside = (host: Host, ...command: readonly string[]): void =>
  void execFileSync('nsenter', within(host, ...command), { stdio: ['ignore', 'pipe', 'pipe'] });

/**
 * One network namespace per host, joined by a bridge. Must run in namespaces of its own for network, mounts and processes
 * (scripts/demo-space.sh): everything vanishes with them, and the network of this host is never touched.
 */
export class Network {
  /** @throws Error when a command of iproute2 or nftables fails */
  constructor(hosts: readonly Host[], directory: string) {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
    const names = join(directory, 'hosts');
    writeFileSync(names, hostsFile(hosts));
    execFileSync('mount', ['--bind', names, '/etc/hosts']);
    for (const bridge of ['left', 'right']) {
      ip('link', 'add', bridge, 'type', 'bridge');
      ip('link', 'set', bridge, 'up');
    }
    for (const host of hosts) {
      ip('netns', 'add', host.id);
      ip('link', 'add', portOf(host), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.id);
      ip('link', 'set', portOf(host), 'master', 'left', 'up');
      inside(host, 'ip', 'link', 'set', 'lo', 'up');
      inside(host, 'ip', 'addr', 'add', `${host.address}/24`, 'dev', 'eth0');
      inside(host, 'ip', 'link', 'set', 'eth0', 'up');
    }
  }

  /** These hosts move to a second bridge: they hear each other and nobody else. */
  part(hosts: readonly Host[]): void {
    for (const host of hosts) ip('link', 'set', portOf(host), 'master', 'right');
  }

  heal(hosts: readonly Host[]): void {
    for (const host of hosts) ip('link', 'set', portOf(host), 'master', 'left');
  }

  /** From now on so many of 100 datagrams that come to a host are lost. */
  lose(host: Host, percent: number): void {
    inside(host, 'nft', 'add', 'table', 'inet', 'loss');
    inside(host, 'nft', 'add', 'chain', 'inet', 'loss', 'input', '{ type filter hook input priority 0; }');
    inside(host, 'nft', 'add', 'rule', 'inet', 'loss', 'input', 'meta', 'l4proto', 'udp', 'numgen', 'random', 'mod', '100', '<', String(percent), 'drop');
  }

  loseNothing(host: Host): void {
    inside(host, 'nft', 'delete', 'table', 'inet', 'loss');
  }
}
