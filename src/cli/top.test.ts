import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { fakeAnswer, fakeFactoryFacts } from '../core/space/fake-answers.ts';
import { ago, fakeNow } from '../factory/control/fake-view.ts';
import type { LiveTerminal } from './context.ts';
import { displayWidth } from './text.ts';
import { vacua, withFactory } from './testing.ts';
import { bar, firstTop, keysIn, pressed, type SortKey, sortedRows, sortKeys, type TopFacts, type TopState, topView } from './views/top.ts';

const silent = new Set([3, 17]);
function facts(count: number, types = 3): TopFacts {
  const name = (i: number): string => `wn${i}.example.com`;
  const answers = Array.from({ length: count }, (_, i) => {
    if (silent.has(i)) return fakeAnswer(name(i), 'silent');
    const mine = {
      runningProcessors: (i * 7) % 9,
      runningMachines: (i * 5) % 8,
      loadAverage15: (i * 3) % 11,
      daemonDiskAvailKb: 1e6 * (1 + ((i * 13) % 10)),
      memUsedKb: 1e6 * (i % 30),
    };
    return { ...fakeAnswer(name(i)), factoryFacts: { ...fakeFactoryFacts, ...mine } };
  });
  return {
    at: fakeNow,
    space: { space: 'vac01.example.com', answers, notes: new Map(), ignored: {} },
    silent: [...silent].filter((i) => i < count).map((i) => ({ factory: name(i), since: ago(7200), seenAt: ago(7300) })),
    shares: {
      space: 'vac01.example.com',
      rows: Array.from({ length: types }, (_, i) => ({ machinetype: `type-${i}`, targetShare: i + 1, hs06: 10 * i, machines: i })),
      counted: count,
      silent: [],
    },
  };
}
const names = (state: TopState): readonly string[] => sortedRows(state).map((r) => r.factory.split('.')[0] ?? '');

it('a frame fits every terminal, whatever there is to show', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 220 }),
      fc.nat(80),
      fc.nat(20),
      fc.constantFrom(...(Object.keys(sortKeys) as SortKey[])),
      fc.nat(100),
      fc.boolean(),
      (rows, columns, count, types, sort, offset, problem) => {
        const lines = topView(
          { facts: facts(count, types), sort, reverse: false, offset, ...(problem && { problem: 'x'.repeat(300) }) },
          { rows, columns },
          false,
        );
        assert.ok(lines.length <= rows, `${lines.length} lines`);
        for (const line of lines) assert.ok(displayWidth(line) <= columns, line);
      },
    ),
    { numRuns: 60 },
  );
});

it('80×24 shows shares, factories with every figure, and the keys', () => {
  const lines = topView({ ...firstTop, facts: facts(40) }, { rows: 24, columns: 79 }, false);
  assert.equal(lines.length, 24);
  assert.match(lines[0] ?? '', /^\d\d:\d\d:\d\d {2}vac01\.example\.com {2}38 factories, 2 silent {2}\d+\/304 cpus {2}\d+ machines$/);
  assert.match(lines[2] ?? '', /^type-0 {2}[█░│]+ +0\.0% of +16\.7% +0 machines$/);
  assert.match(lines[6] ?? '', /^FACTORY▾ +CPUS +MACHINES +LOAD +DISK +MEMORY +VERSION$/);
  assert.match(lines[7] ?? '', /^wn0 +0\/8 +0\/8 +0\.00 +977M +0K\/32\.0G +Vacua 0\.1\.0$/);
  assert.match(lines[10] ?? '', /^wn3 +- +- +- +- +- +silent for 2h 00m/);
  assert.equal(lines[23], 'q quit  n name  p cpus  m machines  l load  d disk  e mem  s silent  r reverse');
});

it('200×60 shows more of the same', () => {
  const lines = topView({ ...firstTop, facts: facts(80, 20) }, { rows: 60, columns: 199 }, false);
  assert.equal(lines.length, 60);
  assert.equal(lines.filter((l) => /^wn\d/.test(l)).length, 60 - 1 - 1 - 16 - 1 - 1 - 1);
  assert.ok(lines.includes('and 5 more machinetypes: vacua shares'));
  assert.match(lines.find((l) => l.startsWith('wn17 ')) ?? '', /silent for 2h 00m, last seen 2h 01m ago/);
});

it('each key sorts by its column, the greatest or scarcest first, names as tie-break, the silent last', () => {
  const all = { ...firstTop, facts: facts(30) };
  const figures: Record<string, (f: typeof fakeFactoryFacts) => number> = {
    p: (f) => -f.runningProcessors,
    m: (f) => -f.runningMachines,
    l: (f) => -f.loadAverage15,
    d: (f) => f.daemonDiskAvailKb,
    e: (f) => -f.memUsedKb,
  };
  for (const [key, figure] of Object.entries(figures)) {
    const state = pressed(all, key, 10);
    assert.ok(state !== 'quit');
    const rows = sortedRows(state);
    assert.deepEqual(
      rows.slice(-2).map((r) => r.factory),
      ['wn3.example.com', 'wn17.example.com'],
      key,
    );
    const numbers = rows.slice(0, -2).map((r) => (r.facts === undefined ? Number.NaN : figure(r.facts)));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      key,
    );
  }
  assert.deepEqual(names(all).slice(8, 12), ['wn8', 'wn9', 'wn10', 'wn11']);
  assert.deepEqual(names({ ...all, sort: 's' }).slice(0, 2), ['wn3', 'wn17']);
  assert.equal(names({ ...all, reverse: true })[0], 'wn29');
});

it('keys: the same one again reverses, r too; arrows and pages stay inside; others do nothing; q, Ctrl-C and Ctrl-D end it', () => {
  const state: TopState = { ...firstTop, facts: facts(30) };
  const after = (...keys: readonly string[]): TopState => {
    let present = state;
    for (const key of keys) {
      const next = pressed(present, key, 10);
      assert.ok(next !== 'quit');
      present = next;
    }
    return present;
  };
  assert.equal(after('l', 'l').reverse, true);
  assert.equal(after('l', 'p').reverse, false);
  assert.equal(after('r').reverse, true);
  assert.equal(after('\x1b[B', '\x1b[B', '\x1b[A').offset, 1);
  assert.equal(after('\x1b[A').offset, 0);
  assert.equal(after(' ', ' ', ' ', ' ', '\x1b[6~').offset, 29);
  assert.equal(after('\x1b[6~', '\x1b[5~').offset, 0);
  assert.deepEqual(after('x', 'toString', '\x1b[C', '\x1b'), state);
  for (const key of ['q', 'Q', '\x03', '\x04']) assert.equal(pressed(state, key, 10), 'quit');
  assert.deepEqual(keysIn('l\x1b[A\x1b[6~q\x1b'), ['l', '\x1b[A', '\x1b[6~', 'q', '\x1b']);
});

it('a bar is as wide as it may be, and shows part and target', () => {
  assert.equal(bar(50, 75, 8), '████░░│░');
  assert.equal(bar(0, undefined, 4), '░░░░');
  assert.equal(bar(1000, 1000, 4), '███│');
  assert.equal(bar(50, 50, 0), '');
});

/** A terminal of 80×24 that presses keys as soon as something is on it. */
function terminal(script: (written: string) => string | undefined) {
  const seen = { written: '', keys: 0, resized: 0, exits: 0 };
  let press: (key: string) => void = () => undefined;
  const live: LiveTerminal = {
    stream: {
      columns: 80,
      rows: 24,
      write(text) {
        seen.written += text;
        const key = script(seen.written);
        if (key !== undefined) setImmediate(() => press(key));
      },
    },
    onKey(listener) {
      press = listener;
      seen.keys += 1;
      return () => (seen.keys -= 1);
    },
    onResize() {
      seen.resized += 1;
      return () => (seen.resized -= 1);
    },
    onExit() {
      seen.exits += 1;
      return () => (seen.exits -= 1);
    },
  };
  return { live, seen };
}
const restored = '\x1b[?25h\x1b[?1049l';

it('on a terminal it sorts by keys, ends with q and gives the terminal back', async () => {
  await withFactory(async ({ runWith }) => {
    const { live, seen } = terminal((written) => (written.includes('LOAD▾') ? 'q' : written.includes('wn03') ? 'l' : undefined));
    const { code, out } = await runWith({ live, isTerminal: true, width: 80 }, 'top', '-i', '1000');
    assert.deepEqual([code, out], [0, '']);
    assert.ok(seen.written.startsWith('\x1b[?1049h\x1b[?25l') && seen.written.endsWith(restored), JSON.stringify(seen.written.slice(-40)));
    assert.deepEqual([seen.keys, seen.resized, seen.exits], [0, 0, 0]);
  });
});

it('a signal ends it too, and a question that cannot be asked is a line on the screen, not an end', async () => {
  const controller = new AbortController();
  const { live, seen } = terminal((written) => {
    if (written.includes('it is not known which factories')) controller.abort();
    return undefined;
  });
  const { code, err } = await vacua('/nonexistent', ['top', '--space', 'nobody.example.org'], { live, signal: controller.signal });
  assert.deepEqual([code, err], [0, '']);
  assert.ok(seen.written.endsWith(restored));
  assert.deepEqual([seen.keys, seen.resized, seen.exits], [0, 0, 0]);
});
