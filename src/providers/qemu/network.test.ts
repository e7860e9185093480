import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { packetFilter } from './network.ts';

const filter = (about: Partial<Parameters<typeof packetFilter>[0]> = {}): string =>
  packetFilter({ outbound: false, hostServices: [], hostAddresses: [], ...about });

describe('packet filter of a machine', () => {
  it('lets nothing out unless the site allows it', () => {
    assert.doesNotMatch(filter(), /tap0|masquerade|dnat/);
    assert.match(filter({ outbound: true }), /oifname "tap0" masquerade/);
  });

  it('opens the ports of host services, on one address only', () => {
    const ports = [...filter({ hostServices: [{ port: 3128, host: 'squid', targetPort: 1 }] }).matchAll(/^.*dport .*accept$/gm)].map(([line]) => line.trim());
    assert.deepEqual(ports, [
      'ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
      'iifname "vm0" udp dport 67 accept',
      'iifname "vm0" ip daddr { 169.254.169.253, 169.254.169.254 } tcp dport 80 accept',
      'iifname "vm0" ip daddr 169.254.169.253 tcp dport 3128 accept',
    ]);
  });

  it('closes every address of the host, before it opens the rest; ranges that are closed anyway are not named twice', () => {
    const lines = filter({ outbound: true, hostAddresses: ['127.0.0.1', '10.1.2.3', '169.254.7.7', '198.19.255.9', '192.0.2.2', '230.1.1.1'] }).split('\n');
    const closed = lines.findIndex((l) => l.includes('drop') && l.includes('127.0.0.0/8'));
    const open = lines.findIndex((l) => l.includes('meta nfproto ipv4 accept'));
    assert.ok(closed > 0 && closed < open);
    assert.equal(
      lines[closed]?.trim(),
      'ip daddr { 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 198.19.255.0/24, 224.0.0.0/4, 240.0.0.0/4, 10.1.2.3, 192.0.2.2 } drop',
    );
  });
});
