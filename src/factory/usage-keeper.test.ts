import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { configurationWith, now, observedWith, running, typeNamed } from '../../test/decisions/world.ts';
import { later, seconds } from '../core/units.ts';
import { Journal } from './journal.ts';
import { UsageKeeper } from './usage-keeper.ts';

const remembering = configurationWith([typeNamed('a')], { shareMemory: { halfLife: seconds(3600), maxCredit: 0.5 } });
const machine = running(0, { hs06PerProcessor: 10, startedAt: now } as object);
const turn = (keeper: UsageKeeper, after: number): number =>
  keeper.observe(observedWith([machine], undefined, { now: later(now, after) }), remembering).usage?.get('a') ?? 0;

test('usage survives a restart; what was not written is counted again from the machines, and nothing twice', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vacua-usage-'));
  try {
    const journal = new Journal(join(dir, 'journal'));
    const first = new UsageKeeper(journal);
    turn(first, 600);
    journal.commit(first.changes());
    const whole = turn(first, 1800);
    assert.ok(Math.abs(whole - (10 / Math.LN2) * (1 - 2 ** -0.5)) < 1e-6);
    assert.ok(Math.abs(turn(new UsageKeeper(journal), 1800) - whole) < 1e-9, 'after a crash');
    journal.commit(first.changes());
    assert.ok(Math.abs(turn(new UsageKeeper(journal), 1800) - whole) < 1e-9, 'after a stop');
    journal.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('a step of the clock changes nothing, and without a memory of shares nothing is kept', () => {
  const keeper = new UsageKeeper({ fact: () => undefined });
  const before = turn(keeper, 1800);
  keeper.shift(seconds(3600));
  const shifted = running(0, { hs06PerProcessor: 10, startedAt: later(now, 3600) } as object);
  const after = keeper.observe(observedWith([shifted], undefined, { now: later(now, 5400) }), remembering).usage?.get('a');
  assert.equal(after, before);
  const plain = new UsageKeeper({ fact: () => undefined });
  assert.equal(plain.observe(observedWith([machine]), configurationWith([])).usage, undefined);
  assert.deepEqual(plain.changes(), []);
});
