import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { forbiddenAddress, trialHost } from './pipe-address.ts';

const own = ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::7', 'fe80::7%eth0'];
const why = (address: string, pipeHost = 'vo.example.org'): string | undefined => forbiddenAddress(address, { pipeHost, own });

describe('addresses that a URL of a pipe may lead to', () => {
  it('servers of the world and of private networks, nothing that only this host can reach', () => {
    for (const address of ['10.0.0.1', '172.16.3.4', '192.168.1.1', '203.0.113.9', '2001:db8::8', 'fd00::1', '192.0.2.8', '128.0.0.1', '::ffff:10.0.0.1'])
      assert.equal(why(address), undefined, address);
    for (const [kind, ...addresses] of [
      [
        'a loopback address',
        '127.0.0.1',
        '127.255.255.254',
        '::1',
        '0:0:0:0:0:0:0:1',
        '::ffff:127.0.0.1',
        '::ffff:7f00:1',
        '::127.0.0.1',
        '64:ff9b::7f00:1',
        '2002:7f00:1::',
      ],
      ['a link-local address', '169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'febf::', '::ffff:a9fe:a9fe'],
      ['an unspecified address', '0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0'],
      ['a multicast address', '224.0.0.1', '239.255.255.250', 'ff02::1'],
      ['a reserved address', '240.0.0.1', '255.255.255.255'],
      ['an address of this host', '192.0.2.7', '2001:db8:0::7', '2001:DB8::7', '::ffff:192.0.2.7'],
      ['not an IP address', '', 'localhost', '1.2.3', '1.2.3.256', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::12345', ':::', '[::1]', '1.2.3.4:5'],
    ] as const)
      for (const address of addresses) assert.equal(why(address), kind, address);
  });

  it('the host that the site has written into the URL of the pipe, when it is an address or localhost', () => {
    for (const pipe of ['127.0.0.1', '127.0.0.2', '[::1]', 'localhost', 'vo.localhost']) {
      assert.equal(why('127.0.0.1', pipe), undefined, pipe);
      assert.equal(why('::1', pipe), undefined, pipe);
      assert.equal(why('169.254.169.254', pipe), 'a link-local address');
      assert.equal(why('192.0.2.7', pipe), 'an address of this host');
    }
    assert.equal(why('192.0.2.7', '192.0.2.7'), undefined);
    assert.equal(why('169.254.1.1', '169.254.1.1'), undefined);
    assert.equal(why('169.254.169.254', '169.254.1.1'), 'a link-local address');
    for (const pipe of ['192.0.2.7', 'localhost.example.org', 'notlocalhost', '10.0.0.1']) assert.equal(why('127.0.0.1', pipe), 'a loopback address', pipe);
  });

  it('only such a host is kept of the URL of a pipe', () => {
    for (const [url, host] of [
      ['http://127.0.0.1:8080/p', '127.0.0.1'],
      ['http://0x7f.1/p', '127.0.0.1'],
      ['http://[::1]/p', '[::1]'],
      ['http://LOCALHOST/p', 'localhost'],
      ['https://me:secret@vo.example.org/p', ''],
      ['nonsense', ''],
    ] as const)
      assert.equal(trialHost(url), host, url);
  });

  it('agrees with the list that Node keeps, for any address however it is written', () => {
    const list = new BlockList();
    for (const [start, length] of [
      ['0.0.0.0', 8],
      ['127.0.0.0', 8],
      ['169.254.0.0', 16],
      ['224.0.0.0', 3],
    ] as const)
      list.addSubnet(start, length, 'ipv4');
    list.addSubnet('fe80::', 10, 'ipv6');
    list.addSubnet('ff00::', 8, 'ipv6');
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 127, 169, 254, 224, 255));
    const ipv4 = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'));
    const v6 = fc.oneof(
      fc.ipV6(),
      fc.tuple(fc.constantFrom('fe80', 'febf', 'fec0', 'ff00', 'fe00'), fc.nat(0xffff)).map(([a, b]) => `${a}::${b.toString(16)}`),
    );
    fc.assert(
      fc.property(ipv4, (address) => {
        for (const written of [address, `::ffff:${address}`, `64:ff9b::${address}`]) {
          assert.equal(forbiddenAddress(written, { pipeHost: 'x', own: [] }) !== undefined, list.check(address, 'ipv4'), written);
        }
      }),
    );
    fc.assert(
      fc.property(v6, (address) => {
        fc.pre(isIP(address) === 6 && !/^(0*:)|^64:|^2002:/i.test(address));
        assert.equal(forbiddenAddress(address, { pipeHost: 'x', own: [] }) !== undefined, list.check(address, 'ipv6'), address);
      }),
    );
    fc.assert(
      fc.property(
        fc.string({ maxLength: 50 }),
        (text) => void (isIP(text) === 0 && !text.includes('%') && assert.equal(forbiddenAddress(text, { pipeHost: 'x', own: [] }), 'not an IP address')),
      ),
    );
  });
});
