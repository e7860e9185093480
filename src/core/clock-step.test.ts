import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { clockStep, shiftMachine } from './clock-step.ts';
import type { Machine } from './machine.ts';
import { instant, later, machineId, seconds } from './units.ts';

const before = { wall: instant(1_900_000_000_000), uptime: seconds(1000), bootId: 'one' };
const year = 365 * 86_400;

test('a step is what the wall clock moved beyond the time that passed', () => {
  const after = (passed: number, step: number, bootId = 'one') => ({ wall: later(before.wall, passed + step), uptime: seconds(1000 + passed), bootId });
  for (const step of [3600, -3600, year, -year, 6]) assert.equal(clockStep(before, after(60, step)), step);
  for (const drift of [0, 5, -5, 4.9]) assert.equal(clockStep(before, after(60, drift)), 0);
  assert.equal(clockStep(before, after(60, 3600, 'two')), 0, 'after a boot nothing is known');
});

const facts = {
  id: machineId('00000000-0000-4000-8000-000000000000'),
  name: 'wn01-00.example.com',
  slot: 0,
  machinetype: 'a',
  machinegroup: 'a',
  model: 'cernvm3',
  processors: 1,
  memoryMb: 2048,
  fizzle: seconds(600),
  machinesDirDays: 3,
  createdAt: later(before.wall, 1),
  shutdownTime: later(before.wall, 2),
  message: { text: '300', at: later(before.wall, 3) },
  heartbeatFileAt: later(before.wall, 4),
  contactAt: later(before.wall, 5),
} as const;
const ran = { startedAt: later(before.wall, 6), heartbeatAt: later(before.wall, 7), cpuSeconds: seconds(8) };
const machines: Machine[] = [
  { ...facts, state: 'creating' },
  { ...facts, ...ran, state: 'running' },
  { ...facts, ...ran, state: 'ending', killReason: 'wallclock', endingSince: later(before.wall, 9) },
  { ...facts, ...ran, state: 'finished', finishedAt: later(before.wall, 9), outcome: { cause: 'power-off', abort: true, at: later(before.wall, 3) } },
];

test('every instant of a record moves by the step, and nothing else does', () => {
  const isInstant = (n: number): boolean => n >= before.wall;
  const moved = (value: unknown, by: number): unknown => {
    if (typeof value === 'number') return isInstant(value) ? value + by * 1000 : value;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, moved(inner, by)]));
  };
  fc.assert(
    fc.property(fc.constantFrom(...machines), fc.integer({ min: -year, max: year }), (machine, by) => {
      assert.deepEqual(shiftMachine(machine, seconds(by)), moved(machine, by));
      assert.deepEqual(shiftMachine(shiftMachine(machine, seconds(by)), seconds(-by)), machine);
    }),
  );
});
