import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine, Outcome } from '../../core/machine.ts';
import { neutralMachinetype } from '../../core/situation/neutral.ts';
import { type Instant, instant, later, machineId, seconds } from '../../core/units.ts';
import { hostStatus, ownStatus } from './own-status.ts';
import { configurationOf, observedOf, spaceSettings } from './testing.ts';

const now = instant(Date.UTC(2030, 0, 1));
const factory = 'wn01.example.com';

const machine = (slot: number, state: object, more: Partial<Machine> = {}): Machine =>
  ({
    id: machineId(`00000000-0000-4000-8000-${String(slot).padStart(12, '0')}`),
    name: `wn01-0${slot}.example.com`,
    slot,
    machinetype: 'lhcb',
    machinegroup: 'lhcb',
    model: 'kernel',
    processors: 2,
    memoryMb: 4096,
    hs06PerProcessor: 10,
    fizzle: seconds(600),
    machinesDirDays: 3,
    createdAt: later(now, -5000),
    shutdownTime: later(now, 5000),
    ...state,
    ...more,
  }) as Machine;
const running = (slot: number, startedAgo: number, heartbeatAgo = 0): Machine =>
  machine(slot, { state: 'running', startedAt: later(now, -startedAgo), heartbeatAt: later(now, -heartbeatAgo), cpuSeconds: seconds(100), cpuPercent: 150 });
const finished = (slot: number, createdAgo: number, outcome: Partial<Outcome>): Machine =>
  machine(slot, { state: 'finished', createdAt: later(now, -createdAgo), finishedAt: now, outcome: { cause: 'power-off', abort: false, ...outcome } });
const ended = (code: number, ago: number): Partial<Outcome> => ({ code, message: `${code} said so`, abort: code >= 300, at: later(now, -ago) as Instant });

const backoff = seconds(600);
async function status(machines: readonly Machine[]) {
  const settings = { ...spaceSettings(factory, [factory], 995), hs06PerProcessor: 10 };
  const configuration = {
    ...configurationOf(settings, []),
    machinetypes: new Map([['lhcb', { ...neutralMachinetype, name: 'lhcb', backoff, fizzle: seconds(300) }]]),
  };
  return ownStatus(
    { ...observedOf(factory, { machines }), now, host: { factory, processors: 8, load: 0 } },
    configuration,
    await hostStatus('/'),
    'Vacua 0.1.0',
  );
}
const lhcb = async (machines: readonly Machine[]) => (await status(machines)).machinetypes[0] ?? assert.fail('no machinetype');

test('running machines count with all their processors, starting ones with one; fresh is who is younger than fizzle_seconds', async () => {
  const told = await lhcb([running(0, 5000), running(1, 200), machine(2, { state: 'creating', createdAt: later(now, -30) })]);
  assert.deepEqual([told.runningHs06, told.runningMachines, told.runningProcessors, told.numBeforeFizzle], [60, 3, 5, 2]);
});

test('a machine not seen alive for an hour, or being made for an hour, does not count', async () => {
  const told = await lhcb([running(0, 9000, 3700), machine(1, { state: 'creating', createdAt: later(now, -3700) })]);
  assert.deepEqual([told.runningHs06, told.runningMachines, told.numBeforeFizzle], [0, 0, 0]);
});

test('an abort inside the back-off is told although a younger machine ended well; afterwards the younger one is', async () => {
  const younger = finished(1, 50, ended(200, 10));
  assert.equal((await lhcb([finished(0, 900, ended(300, 500)), younger])).shutdownMessage, '300 said so');
  assert.equal((await lhcb([finished(0, 900, ended(300, 901)), younger])).shutdownMessage, '200 said so');
  assert.equal((await lhcb([])).shutdownMessage, undefined);
});

test('one status per processor of the host: live machines, what ended last in a slot, and empty slots', async () => {
  const { machines, factory: host } = await status([running(0, 700), finished(0, 9000, ended(200, 800)), finished(2, 9000, ended(300, 100))]);
  assert.equal(machines.length, 8);
  assert.deepEqual(
    machines.slice(0, 4).map((m) => [m.machine, m.state, m.machineModel, m.shutdownMessage]),
    [
      ['wn01-00.example.com', 'Running', 'vm-raw', undefined],
      ['wn01-01.example.com', 'Shut down', undefined, undefined],
      ['wn01-02.example.com', 'Shut down', 'vm-raw', '300 said so'],
      ['wn01-03.example.com', 'Shut down', undefined, undefined],
    ],
  );
  assert.deepEqual([host.runningProcessors, host.runningMachines, host.runningHs06, host.maxProcessors, host.maxHs06], [2, 1, 20, 8, 80]);
  assert.ok(host.memTotalKb > 0 && host.osIssue !== '' && host.bootTime < now);
});
