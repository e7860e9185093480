import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { it } from 'node:test';
import type { Endpoint } from '../core/space/types.ts';
import { later } from '../core/units.ts';
import { ago, fakeNow, FakeView, finishedMachine, runningMachine } from './control/fake-view.ts';
import { Names } from './space/names.ts';
import { VacMon } from './vacmon.ts';

const host = {
  loadAverage15: 1.5,
  rootDiskAvailKb: 1,
  rootDiskAvailInodes: 2,
  daemonDiskAvailKb: 3,
  daemonDiskAvailInodes: 4,
  kernelVersion: '6.8.0',
  osIssue: 'Example Linux',
  swapUsedKb: 0,
  swapFreeKb: 0,
  memUsedKb: 5,
  memTotalKb: 6,
  uptime: 1000,
};

type Message = Readonly<Record<string, unknown>>;

function monitored(...hostports: readonly string[]) {
  const view = new FakeView('/nonexistent');
  const { configuration } = view.configuration();
  assert.ok(configuration !== undefined);
  view.configuration = () => ({
    configuration: { ...configuration, settings: { ...configuration.settings, vacmonHostports: hostports } },
    problems: [],
    pipes: [],
  });
  const sent: { readonly to: Endpoint; readonly message: Message }[] = [];
  const clock = { uptime: 1000 };
  const lookups: string[] = [];
  const names = new Names({
    now: () => clock.uptime * 1000,
    lookup: (name) => {
      lookups.push(name);
      return name.endsWith('.invalid') ? Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })) : Promise.resolve('192.0.2.88');
    },
  });
  const vacmon = new VacMon({
    view: () => view,
    uptime: () => clock.uptime,
    wall: () => fakeNow,
    names,
    hostStatus: () => Promise.resolve(host),
    send: (payload, to) => sent.push({ to, message: JSON.parse(new TextDecoder().decode(payload)) as Message }),
  });
  return { view, vacmon, sent, clock, lookups };
}

it('at the end of a turn one factory_status and one machinetype_status per machinetype go to each monitor, at most once a minute', async () => {
  const { vacmon, sent, clock } = monitored('192.0.2.1:8884', '192.0.2.2:8885');
  await vacmon.turned();
  assert.deepEqual(
    sent.map(({ to, message }) => `${to.host}:${to.port} ${String(message['message_type'])} ${String(message['machinetype'] ?? '')}`.trimEnd()).toSorted(),
    ['192.0.2.1:8884', '192.0.2.2:8885'].flatMap((to) => [`${to} factory_status`, `${to} machinetype_status blue`, `${to} machinetype_status red-prod`]),
  );
  for (const { message } of sent) {
    assert.equal(message['cookie'], '0');
    assert.match(String(message['daemon_version']), /^Vacua \S+ vacd-factory$/);
    assert.equal(message['vac_version'], message['daemon_version']);
    assert.equal(message['factory'], 'wn01.example.com');
    assert.equal(message['space'], 'vac01.example.com');
    assert.equal(message['site'], 'example.com');
    assert.equal(message['time_sent'], fakeNow / 1000);
  }
  assert.equal(sent[0]?.message['running_machines'], 1);
  clock.uptime += 59;
  await vacmon.turned();
  assert.equal(sent.length, 6);
  clock.uptime += 1;
  await vacmon.turned();
  assert.equal(sent.length, 12);
});

it('not sent when the cycle stops early: no configuration, no turn, a provider that does not answer', async () => {
  const { vacmon, view, sent } = monitored('192.0.2.1:8884');
  const { turn } = view;
  view.turn = undefined;
  await vacmon.turned();
  assert.ok(turn !== undefined);
  view.turn = { ...turn, observed: { ...turn.observed, listing: { state: 'unknown', since: ago(5), why: 'gone' } } };
  await vacmon.turned();
  const configured = view.configuration;
  view.configuration = () => ({ configuration: undefined, problems: [], pipes: [] });
  view.turn = turn;
  await vacmon.turned();
  assert.equal(sent.length, 0);
  view.configuration = configured;
  await vacmon.turned();
  assert.equal(sent.length, 3);
});

it('the final machine_status says Shut down and carries the message, once for every machine', () => {
  const { vacmon, sent } = monitored('192.0.2.1:8884');
  const machine = finishedMachine(2, 'blue', '300 No more work');
  vacmon.finished(machine);
  vacmon.finished(machine);
  assert.equal(sent.length, 1);
  const message = sent[0]?.message;
  assert.deepEqual(
    ['message_type', 'cookie', 'state', 'shutdown_message', 'shutdown_time', 'machine', 'uuid', 'num_machines'].map((key) => message?.[key]),
    ['machine_status', '0', 'Shut down', '300 No more work', ago(300) / 1000, 'wn01-02.example.com', machine.id, 4],
  );
});

it('a machine that never started, or that has not ended, is not told', () => {
  const { vacmon, sent } = monitored('192.0.2.1:8884');
  const {
    startedAt: _never,
    heartbeatAt: _none,
    ...unborn
  } = finishedMachine(3, 'blue', '300 x') as ReturnType<typeof finishedMachine> & { startedAt?: unknown; heartbeatAt?: unknown };
  vacmon.finished(unborn as ReturnType<typeof finishedMachine>);
  vacmon.finished(runningMachine(0, 'red-prod'));
  assert.equal(sent.length, 0);
});

it('a monitor whose name does not resolve is a fact; it is told as soon as it does, and others meanwhile', async () => {
  const { vacmon, sent, clock, lookups } = monitored('mon.invalid:8884', 'mon.example.com:8884', '192.0.2.1:8884');
  await vacmon.turned();
  assert.deepEqual(new Set(sent.map((s) => s.to.host)), new Set(['192.0.2.1']));
  assert.deepEqual(lookups.toSorted(), ['mon.example.com', 'mon.invalid']);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(vacmon.faults(), ['monitor mon.invalid: its name does not resolve (ENOTFOUND)']);
  clock.uptime += 60;
  await vacmon.turned();
  assert.deepEqual(new Set(sent.slice(3).map((s) => s.to.host)), new Set(['192.0.2.1', '192.0.2.88']));
});

it('no monitor is configured: nothing is sent and nobody is looked up', async () => {
  const { vacmon, sent, lookups } = monitored();
  await vacmon.turned();
  vacmon.finished(finishedMachine(2, 'blue', '300 x'));
  assert.deepEqual([sent.length, lookups.length], [0, 0]);
});

it('real datagrams reach a real monitor; one that does not listen disturbs nobody', async () => {
  const monitor = createSocket('udp4');
  await new Promise<void>((resolve) => monitor.bind(0, '127.0.0.1', resolve));
  const { view } = monitored('127.0.0.1:9', `127.0.0.1:${monitor.address().port}`);
  const vacmon = new VacMon({ view: () => view, uptime: () => 0, wall: () => later(fakeNow, 1), hostStatus: () => Promise.resolve(host) });
  try {
    const heard = new Promise<string>((resolve) => monitor.once('message', (payload) => resolve(payload.toString())));
    await vacmon.turned();
    assert.match(await heard, /"message_type": "(factory|machinetype)_status"/);
  } finally {
    vacmon.close();
    await new Promise<void>((resolve) => monitor.close(resolve));
  }
});
