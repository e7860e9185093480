import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4Number } from './option-types.ts';
import { settingsText } from './show.ts';
import { configured, settings } from './testing.ts';

const of = (line: string, environment = {}) => configured(`${settings}${line}\n`, {}, environment);

test('factories of a space: names, the dot, and a multicast group beside them', () => {
  const { configuration, lines } = of('factories = . wn02 wn03.example.org multicast:239.255.99.5');
  assert.deepEqual(lines, []);
  assert.deepEqual(configuration?.settings.factories, ['wn01.example.com', 'wn02.example.com', 'wn03.example.org']);
  assert.deepEqual(configuration?.settings.discovery, { group: '239.255.99.5', port: 9955 });
  assert.deepEqual(of('factories = multicast:239.255.99.5:7000').configuration?.settings.discovery, { group: '239.255.99.5', port: 7000 });
  assert.deepEqual(of('factories = multicast:239.255.99.5').configuration?.settings.factories, []);
  for (const wrong of ['multicast:10.0.0.1', 'multicast:', 'multicast:host.example.com'])
    assert.match(of(`factories = ${wrong}`).lines.join(), /cannot stand in this list/);
});

test('accept_queries_from: addresses and networks', () => {
  const networks = of('accept_queries_from = 10.1.0.0/16 192.0.2.7').configuration?.settings.acceptQueriesFrom;
  assert.deepEqual(networks, [
    { address: ipv4Number('10.1.0.0'), bits: 16 },
    { address: ipv4Number('192.0.2.7'), bits: 32 },
  ]);
  for (const wrong of ['10.1.0.0/33', '10.1', 'host', '256.0.0.1', '10.0.0.1/']) {
    assert.match(of(`accept_queries_from = ${wrong}`).lines.join(), /is not a network of the form ADDRESS\/BITS; valid: IPv4 networks such as/, wrong);
  }
});

test('accept_unsigned_from: short names get the domain, addresses stay', () => {
  assert.deepEqual(of('accept_unsigned_from = WN90 10.1.2.3').configuration?.settings.acceptUnsignedFrom, ['wn90.example.com', '10.1.2.3']);
});

test('a key file that must not be used refuses the configuration; without one, push has no effect', () => {
  const { configuration, lines } = of('space_key_file = /etc/key', { keyFileFault: (path: string) => `${path} is empty` });
  assert.equal(configuration, undefined);
  assert.deepEqual(lines, ['vac.conf:3:18: space_key_file: /etc/key is empty']);
  assert.match(of('push = yes').lines.join(), /push: has no effect without space_key_file/);
  assert.deepEqual(of('space_key_file = /a /b', { keyFileFault: () => undefined }).configuration?.settings.spaceKeyFiles, ['/a', '/b']);
});

test('what is shown could stand in a file', () => {
  const line =
    'factories = . multicast:239.255.99.5:9955\naccept_queries_from = 10.1.0.0/16 255.255.255.255/32\nvacquery_port = 9995\nvacquery_address = 10.0.0.7\npush = no';
  const { configuration } = of(line);
  assert.ok(configuration);
  const shown = settingsText(configuration.settings);
  const again = configured(`[settings]\n${[...shown].map(([name, value]) => `${name} = ${value}`).join('\n')}\n`).configuration;
  for (const key of ['factories', 'discovery', 'acceptQueriesFrom', 'vacqueryPort', 'vacqueryAddress', 'spaceRefresh', 'push'] as const) {
    assert.deepEqual(again?.settings[key], configuration.settings[key], key);
  }
});
