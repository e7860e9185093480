import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { Machine } from '../core/machine.ts';
import { instant, later, machineId, seconds } from '../core/units.ts';
import { difference, Screen } from './screen.ts';
import type { DemoState } from './state.ts';
import { clock, liveView } from './view.ts';

/** Escape characters as something that can be read. */
const visible = (text: string): string => text.replaceAll('\u001B', '␛');
const start = instant(1_000_000_000_000);
const machine = (slot: number, tenant: string): Machine => ({
  id: machineId(`00000000-0000-4000-8000-00000000000${slot}`),
  name: `host-0${slot}.demo.example.com`,
  slot,
  machinetype: `${tenant}-prod`,
  machinegroup: `${tenant}-prod`,
  model: 'kernel',
  processors: 1,
  memoryMb: 128,
  fizzle: seconds(15),
  machinesDirDays: 3,
  createdAt: start,
  shutdownTime: later(start, 900),
  state: 'running',
  startedAt: start,
  heartbeatAt: later(start, 10),
  cpuSeconds: seconds(9),
  contactAt: later(start, 3),
  heartbeatFileAt: later(start, 8),
});
const queue = { submitted: 20, waiting: 8, leased: 2, verified: 10, lost: 1, wrong: 0, hits: 785, points: 1000 };
const state: DemoState = {
  elapsed: seconds(65),
  now: later(start, 12),
  provider: 'qemu',
  slots: 4,
  machines: [machine(0, 'red'), machine(1, 'blue'), machine(3, 'red')],
  tenants: [
    {
      name: 'red',
      target: 0.75,
      current: 2 / 3,
      reached: 0.74,
      queue,
      outcomes: new Map([
        ['300', 1],
        ['200', 3],
      ]),
    },
    { name: 'blue', target: 0.25, current: 1 / 3, queue, outcomes: new Map() },
  ],
  why: ['blue-prod waits'],
  steps: [
    { text: 'jobs run in machines', seen: true },
    { text: 'a machine hung and was ended', seen: false },
  ],
};

test('the live view shows slots, shares against targets, queues, outcomes and reasons', () => {
  const text = liveView(state, 100, 50, false).join('\n');
  assert.match(text, /1:05/);
  assert.match(text, /^ {3}0 {2}host-00 +red +running +12s {2}4s ago$/m);
  assert.match(text, /^ {3}2 {2}free$/m);
  assert.match(text, /^red +█{20}·*\|·* +67 % +75 % +74 %$/m);
  assert.match(text, /^blue +.* 33 % +25 % +–$/m);
  assert.match(text, /10 of 20, 2 running, 8 waiting {3}π ≈ 3\.1400/);
  assert.match(text, /200 ×3 {2}300 ×1/);
  assert.match(text, /blue-prod waits/);
  assert.match(text, /✓ jobs run in machines\n {2}· a machine hung/);
});

test('the live view fits any terminal', () => {
  fc.assert(
    fc.property(fc.integer({ min: 46, max: 200 }), fc.nat(60), (width, height) => {
      const lines = liveView(state, width, height, false);
      assert.ok(lines.length <= height);
      for (const line of lines) assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
      assert.deepEqual(
        liveView(state, width, height, true).map((l) => visible(l).replaceAll(/␛\[\d+m/g, '')),
        lines,
        'colour changes nothing else',
      );
    }),
  );
});

test('durations are minutes and seconds', () => {
  assert.deepEqual([0, 9.9, 60, 125].map(clock), ['0:00', '0:09', '1:00', '2:05']);
});

test('a screen writes what has changed and gives the terminal back', () => {
  const written: string[] = [];
  const terminal = { columns: 80, rows: 24, write: (text: string) => written.push(text) };
  const screen = new Screen(terminal);
  screen.close();
  assert.deepEqual(written, [], 'nothing was taken');
  screen.draw(['one', 'two']);
  assert.match(visible(written.join('')), /^␛\[\?1049h␛\[\?25l␛\[2J.*one.*two/s);
  written.length = 0;
  screen.draw(['one', 'three']);
  assert.deepEqual(written, ['\u001B[2;1Hthree\u001B[K']);
  written.length = 0;
  screen.draw(['one', 'three']);
  assert.deepEqual(written, [], 'nothing has changed');
  terminal.columns = 100;
  screen.draw(['one', 'three']);
  assert.match(visible(written.join('')), /^␛\[2J.*one.*three/s, 'everything again in a new size');
  written.length = 0;
  screen.close();
  screen.close();
  assert.deepEqual(written, ['\u001B[?25h\u001B[?1049l']);
});

test('the difference of two screens, applied to the first, gives the second', () => {
  const lines = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ' '), maxLength: 5 }), { maxLength: 8 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const padded = (of: readonly string[]): string[] => Array.from({ length: 8 }, (_, i) => of[i] ?? '');
      const shown = padded(before);
      for (const [, row, text] of visible(difference(before, after)).matchAll(/␛\[(\d+);1H([^␛]*)␛\[K/g)) shown[Number(row) - 1] = text ?? '';
      assert.deepEqual(shown, padded(after));
    }),
  );
});
