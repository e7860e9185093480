import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { seconds } from '../../core/units.ts';
import { Names } from './names.ts';
import { clock, configurationOf, factoryAt, freePort, loopback, observedOf, spaceSettings, Stranger, until } from './testing.ts';
import { UdpSpace } from './udp-space.ts';

const directory = mkdtempSync(join(tmpdir(), 'vacua-space-'));
after(() => rmSync(directory, { recursive: true }));

const keyFile = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};
const query = (kind: string, cookie = 'c', space = 'vac01.example.com'): string => JSON.stringify({ message_type: kind, space, cookie });

test('two factories learn of each other over real sockets', async () => {
  const port = await freePort();
  const names = [loopback(1), loopback(2)];
  const [one, two] = await Promise.all(names.map((name) => factoryAt(spaceSettings(name, names, port), ['lhcb', 'atlas'])));
  assert.ok(one && two);
  try {
    await Promise.all([one.settled(seconds(5)), two.settled(seconds(5))]);
    const { peers, silent } = one.view(clock.wall());
    assert.deepEqual(peers.map((p) => `${p.factory} ${p.machinetype}`).sort(), [`${loopback(2)} atlas`, `${loopback(2)} lhcb`]);
    assert.deepEqual(silent, []);
    const answers = await one.ask('machines', { within: 5 });
    assert.deepEqual(
      answers.map((a) => [a.factory, a.answered, a.machines.length]),
      names.map((name) => [name, 'complete', 2]),
    );
    const [, facts] = await one.ask('factories', { within: 5 });
    assert.equal(facts?.factoryFacts?.maxProcessors, 2);
    assert.deepEqual(one.report().problems, []);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
});

test('a port that is taken: told what to do, and the space is seen all the same', async () => {
  const port = await freePort();
  const [mine, other] = [loopback(3), loopback(4)];
  await using squatter = await Stranger.at(mine, port);
  const neighbour = await factoryAt(spaceSettings(other, [mine, other], port), ['lhcb']);
  const space = await factoryAt(spaceSettings(mine, [mine, other], port), ['lhcb']);
  try {
    await space.settled(seconds(10));
    assert.match(space.report().problems?.join() ?? '', /UDP port \d+ of 127\.0\.77\.3 is taken by another program, perhaps vacd or a second vacua/);
    assert.deepEqual(
      space.view(clock.wall()).peers.map((p) => p.factory),
      [other],
    );
    assert.ok(squatter);
  } finally {
    await Promise.all([space.close(), neighbour.close()]);
  }
});

test('nothing that is sent ends or stalls the responder', async () => {
  const port = await freePort();
  const [mine, other] = [loopback(5), loopback(6)];
  const space = await factoryAt(spaceSettings(mine, [mine, other], port), ['lhcb']);
  const to = { host: mine, port };
  try {
    await using peer = await Stranger.at(other);
    const hostile: (string | Uint8Array)[] = [
      '',
      '7',
      'null',
      'NaN',
      '[]',
      '"x"',
      'true',
      '{',
      '{"a":NaN}',
      '['.repeat(60_000),
      `${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}`.slice(0, 65_507),
      Uint8Array.of(0xff, 0xfe, 0x80),
      new Uint8Array(65_507).fill(0x20),
      JSON.stringify({ pad: 'x'.repeat(65_000) }).slice(0, 65_507),
      '{"__proto__":{"space":"vac01.example.com"},"message_type":"machines_query","cookie":1}',
      '{"message_type":"machinetype_status","space":"vac01.example.com","cookie":"0","factory":"x","running_hs06":1e308}',
      '{"message_type":["machines_query"],"method":{},"space":null,"cookie":null}',
      query('machines_query', 'x', 'another.example.com'),
      query('machines_query', 'x'.repeat(900)),
    ];
    for (const payload of hostile) await peer.send(payload, to);
    await peer.send(query('machinetypes_query', 'still there'), to);
    await until(() => peer.got.some((text) => text.includes('still there')));
    const { ignored } = space.report();
    assert.ok((ignored['garbled'] ?? 0) >= 8, JSON.stringify(ignored));
    assert.equal(ignored['other_space'], 1);
    assert.equal(ignored['oversized'], 4);
    assert.equal(peer.got.length, 1);
  } finally {
    await space.close();
  }
});

test('a name server that fails or does not answer delays nobody and is told', async () => {
  const port = await freePort();
  const [mine, other] = [loopback(7), loopback(8)];
  const lookup = (name: string): Promise<string> =>
    name.startsWith('slow') ? new Promise(() => undefined) : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
  let now = 0;
  const names = new Names({ lookup, now: () => now });
  const neighbour = await factoryAt(spaceSettings(other, [mine, other], port), ['lhcb']);
  const factories = [mine, other, 'slow.example.com', 'gone.example.com'];
  const space = await factoryAt(spaceSettings(mine, factories, port, { udpTimeout: seconds(0.2) }), ['lhcb'], { names });
  try {
    await space.settled(seconds(10));
    now += 10_000;
    const { factories: told, problems } = space.report();
    assert.deepEqual(
      told.filter((f) => f.why !== undefined).map((f) => [f.factory, f.why]),
      [
        ['gone.example.com', 'its name does not resolve (ENOTFOUND)'],
        ['slow.example.com', 'the name server has not answered yet'],
      ],
    );
    assert.equal(problems?.length, 2);
    assert.deepEqual(
      space
        .view(clock.wall())
        .silent.map((s) => s.factory)
        .sort(),
      ['gone.example.com', 'slow.example.com'],
    );
    assert.deepEqual(
      space.view(clock.wall()).peers.map((p) => p.factory),
      [other],
    );
  } finally {
    await Promise.all([space.close(), neighbour.close()]);
  }
});

test('with keys that differ, both sides name the key of the other', async () => {
  const port = await freePort();
  const names = [loopback(9), loopback(10)];
  const files = names.map((name, i) => keyFile(name, `the secret of factory number ${i}`));
  const spaces = await Promise.all(names.map((name, i) => factoryAt(spaceSettings(name, names, port, { spaceKeyFiles: [files[i] ?? ''] }), ['lhcb'])));
  try {
    await until(() => spaces.every((s) => s.report().ignored['other_key'] !== undefined));
    for (const [i, space] of spaces.entries()) {
      const { key, factories, strangers } = space.report();
      const theirs = spaces[1 - i]?.report().key;
      assert.notEqual(key, theirs);
      assert.equal(factories.find((f) => f.factory === names[1 - i])?.why, `signed with another key: key ${theirs}`);
      assert.equal(strangers?.[0]?.why, `signed with another key: key ${theirs}`);
      assert.deepEqual(space.view(clock.wall()).peers, []);
    }
  } finally {
    await Promise.all(spaces.map((s) => s.close()));
  }
});

test('keys are rotated without a break: the first signs, all are believed', async () => {
  const port = await freePort();
  const names = [loopback(11), loopback(12)];
  const [old, fresh] = [keyFile('old', 'the old secret of this space'), keyFile('fresh', 'the fresh secret of this space')];
  const keys = [
    [old, fresh],
    [fresh, old],
  ];
  const spaces = await Promise.all(names.map((name, i) => factoryAt(spaceSettings(name, names, port, { spaceKeyFiles: keys[i] ?? [] }), ['lhcb'])));
  try {
    await Promise.all(spaces.map((s) => s.settled(seconds(10))));
    for (const [i, space] of spaces.entries())
      assert.deepEqual(
        space.view(clock.wall()).peers.map((p) => p.factory),
        [names[1 - i]],
      );
  } finally {
    await Promise.all(spaces.map((s) => s.close()));
  }
});

test('with a key, a factory that does not sign is believed only where the site says so', async () => {
  const port = await freePort();
  const names = [loopback(13), loopback(14), loopback(15)];
  const [strict, lax, old] = names as [string, string, string];
  const spaceKeyFiles = [keyFile('shared', 'one secret for the whole space')];
  const spaces = await Promise.all([
    factoryAt(spaceSettings(strict, names, port, { spaceKeyFiles }), ['lhcb']),
    factoryAt(spaceSettings(lax, names, port, { spaceKeyFiles, acceptUnsignedFrom: [old] }), ['lhcb']),
    factoryAt(spaceSettings(old, names, port), ['lhcb']),
  ]);
  try {
    const heard = (i: number): string[] =>
      spaces[i]
        ?.view(clock.wall())
        .peers.map((p) => p.factory)
        .sort() ?? [];
    await Promise.all(spaces.map((s) => s.settled(seconds(10))));
    assert.deepEqual(heard(0), [lax]);
    assert.deepEqual(heard(1), [strict, old]);
    assert.deepEqual(heard(2), [lax], 'a signed answer is understood by those without a key');
    assert.ok((spaces[0]?.report().ignored['unsigned'] ?? 0) > 0);
  } finally {
    await Promise.all(spaces.map((s) => s.close()));
  }
});

test('a key file that others can read, or that is empty, keeps the factory silent, with the reason', async () => {
  const [mine, other] = [loopback(16), loopback(17)];
  const open = keyFile('open', 'everybody can read this secret');
  const { chmodSync } = await import('node:fs');
  chmodSync(open, 0o644);
  for (const [path, reason] of [
    [open, /has mode 0644, so others can read or change the key; run: chmod 0600/],
    [keyFile('empty', ' \n'), /is empty; make one with: openssl rand -hex 32/],
    [join(directory, 'none'), /cannot be read \(ENOENT\)/],
  ] as const) {
    const space = new UdpSpace({ clock, settings: spaceSettings(mine, [mine, other], 995, { spaceKeyFiles: [path] }), environment: {} });
    await space.open();
    assert.match(space.report().problems?.join() ?? '', reason);
    await space.close();
  }
});

test('a factory is answered in full; one without others opens no port', async () => {
  const port = await freePort();
  const [mine, other] = [loopback(18), loopback(19)];
  const space = await factoryAt(spaceSettings(mine, [mine, other], port, { acceptQueriesFrom: [] }), ['a', 'b', 'c', 'd']);
  const lone = new UdpSpace({ clock, settings: spaceSettings(loopback(20), [loopback(20)], port), environment: {} });
  try {
    await lone.open();
    assert.deepEqual(lone.report().problems, [], 'a factory without others opens no port');
    await using factory = await Stranger.at(other);
    await factory.send(query('machinetypes_query'), { host: mine, port });
    await until(() => factory.got.length === 4);
    assert.deepEqual(factory.got.map((t) => (JSON.parse(t) as { machinetype: string }).machinetype).sort(), ['a', 'b', 'c', 'd']);
  } finally {
    await Promise.all([space.close(), lone.close()]);
  }
});

test('whoever waits for answers when the daemon stops has what there is', async () => {
  const port = await freePort();
  const [mine, dead] = [loopback(21), loopback(22)];
  const space = await factoryAt(spaceSettings(mine, [mine, dead], port), ['lhcb']);
  const asked = space.ask('factories', { within: 600 });
  await space.close();
  assert.deepEqual(
    (await asked).map((a) => [a.factory, a.answered]),
    [
      [mine, 'complete'],
      [dead, 'silent'],
    ],
  );
});

test('a changed configuration is followed: factories come and go, another port is opened', async () => {
  const [port, other] = [await freePort(), await freePort()];
  const names = [loopback(23), loopback(24)];
  const [one = '', two = ''] = names;
  const spaces = await Promise.all(names.map((name) => factoryAt(spaceSettings(name, [name], port), ['lhcb'])));
  const heard = (i: number): readonly string[] => spaces[i]?.view(clock.wall()).peers.map((p) => p.factory) ?? [];
  const configure = (factories: readonly string[], at: number): void => {
    for (const [i, name] of names.entries()) spaces[i]?.publish(observedOf(name), configurationOf(spaceSettings(name, factories, at), ['lhcb']));
  };
  try {
    assert.deepEqual([heard(0), heard(1)], [[], []]);
    configure(names, port);
    await until(() => heard(0).length === 1 && heard(1).length === 1);
    configure(names, other);
    await until(() => spaces.every((s) => s.report().port === other) && heard(0).length === 1 && heard(1).length === 1);
    assert.deepEqual([heard(0), heard(1)], [[two], [one]]);
    configure([], other);
    await until(() => heard(0).length === 0 && heard(1).length === 0);
  } finally {
    await Promise.all(spaces.map((s) => s.close()));
  }
});
