import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { elapsed, seconds } from '../../core/units.ts';
import { clock, factoryAt, freePort, loopback, spaceSettings, Stranger, until } from './testing.ts';

/** Vac 3.1 as spec/vacquery.md describes it, on the other end of real sockets. */

const space = 'vac01.example.com';
/** Its clock is an hour behind. */
const vacNow = (): number => Math.floor(Date.now() / 1000) - 3600;

/** Answers as the reference does: floats for whole numbers, no min_* keys, a message of several lines (spec/vacquery.md §6.3, §13). */
const vacAnswer = (factory: string, cookie: string, machinetype: string, of: number): string =>
  `{"cookie": "${cookie}", "num_machinetypes": ${of}, "space": "${space}", "machinetype": "${machinetype}", "running_hs06": 21.000000, "running_cpus": 2.0,
    "message_type": "machinetype_status", "vac_version": "Vac 03.01 vacd-responder", "vacquery_version": "VacQuery 01.03", "factory": "${factory}",
    "time_sent": ${vacNow()}, "site": "EXAMPLE-SITE", "running_machines": 2, "running_processors": 2.0, "num_before_fizzle": 0, "fqan": "/lhcb/Role=pilot",
    "shutdown_message": "300 No work\\nsecond line", "shutdown_time": ${vacNow() - 50}, "shutdown_machine": "wn-01", "bytes_per_processor": 2147483648,
    "max_wallclock_seconds": 100000, "max_processors": 1}`;

test('we ask a Vac 3.1 whose clock is an hour behind: its machines and its abort count', async () => {
  const port = await freePort();
  const [mine, vac] = [loopback(41), loopback(42)];
  await using responder = await Stranger.at(vac, port);
  responder.onMessage((payload, from) => {
    assert.ok(payload.length <= 1024);
    const query = JSON.parse(payload.toString('ascii')) as Record<string, string>;
    assert.equal(query['method'] === 'machinetypes' || query['message_type'] === 'machinetypes_query', true);
    for (const type of ['lhcb', 'atlas']) void responder.send(vacAnswer(vac, query['cookie'] ?? '', type, 2), from);
  });
  const ours = await factoryAt(spaceSettings(mine, [mine, vac], port), ['lhcb']);
  try {
    await ours.settled(seconds(10));
    const { peers } = ours.view(clock.wall());
    assert.deepEqual(peers.map((p) => [p.machinetype, p.runningHs06, p.runningProcessors, p.shutdownMessage]).sort(), [
      ['atlas', 21, 2, '300 No work'],
      ['lhcb', 21, 2, '300 No work'],
    ]);
    const ago = elapsed(peers[0]?.shutdownAt ?? clock.wall(), clock.wall());
    assert.ok(ago > 45 && ago < 75, `${ago} s`);
  } finally {
    await ours.close();
  }
});

test('a Vac 3.1 asks us, with and without a key on our side: it believes every answer', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vacua-vac31-'));
  const key = join(directory, 'key');
  writeFileSync(key, 'one secret for the whole space', { mode: 0o600 });
  try {
    for (const more of [{}, { spaceKeyFiles: [key], acceptUnsignedFrom: [loopback(44)] }]) {
      const port = await freePort();
      const [mine, vac] = [loopback(43), loopback(44)];
      const ours = await factoryAt(spaceSettings(mine, [mine, vac], port, more), ['lhcb', 'atlas']);
      await using querier = await Stranger.at(vac);
      const salt = randomBytes(32).toString('base64');
      const cookie = createHash('sha256')
        .update(salt + mine)
        .digest('hex');
      const query = { message_type: 'machinetypes_query', space, cookie, vac_version: 'Vac 03.01 vacd-factory', vacquery_version: 'VacQuery 01.03' };
      try {
        await querier.send(JSON.stringify(query), { host: mine, port });
        await querier.send(JSON.stringify({ method: 'machines', space, cookie }), { host: mine, port });
        await querier.send(JSON.stringify({ method: 'factories', space, cookie }), { host: mine, port });
        await querier.send(JSON.stringify({ method: 'status', space, cookie }), { host: mine, port });
        await until(() => querier.got.length === 7);
        const told = querier.got.map((text) => JSON.parse(text) as Record<string, unknown>);
        for (const text of querier.got) assert.match(text, /^[ -~]{1,1399}$/);
        for (const reply of told) {
          assert.equal(
            reply['cookie'],
            createHash('sha256')
              .update(`${salt}${String(reply['factory'])}`)
              .digest('hex'),
          );
          assert.equal(reply['space'], space);
        }
        const types = told.filter((t) => t['message_type'] === 'machinetype_status');
        assert.deepEqual(
          types.map((t) => [t['machinetype'], t['num_machinetypes'], typeof t['running_hs06'], typeof t['num_before_fizzle']]),
          [
            ['lhcb', 2, 'number', 'number'],
            ['atlas', 2, 'number', 'number'],
          ],
        );
        for (const t of types) for (const name of ['shutdown_message', 'shutdown_time', 'shutdown_machine']) assert.equal(t[name], null);
        const host = told.find((t) => t['message_type'] === 'factory_status');
        for (const name of [
          'running_cpus',
          'total_cpus',
          'running_machines',
          'total_machines',
          'load_average',
          'root_disk_avail_kb',
          'vac_disk_avail_kb',
          'mem_used_kb',
          'mem_total_kb',
        ])
          assert.equal(typeof host?.[name], 'number', name);
        assert.equal(typeof host?.['vac_version'], 'string');
        assert.equal(told.filter((t) => t['message_type'] === 'machine_status' && t['num_machines'] === 2).length, 2);
      } finally {
        await ours.close();
      }
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
