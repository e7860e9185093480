import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Scouting, scouting, seeded } from './scout-space.ts';

const trials = (count: number, factories: number, room: number, rule: 'vacua' | 'vac31' = 'vacua'): readonly Scouting[] => {
  const random = seeded(factories);
  return Array.from({ length: count }, () => scouting({ factories, rule, room, silent: 0.05, random }));
};
const mean = (of: readonly Scouting[]): number => of.reduce((sum, { scouts }) => sum + scouts, 0) / of.length;

for (const [factories, count] of [
  [10, 60],
  [100, 30],
  [1000, 3],
] as const) {
  test(`${factories} factories with room: about one scout in the whole space, and never none`, () => {
    const all = trials(count, factories, 1);
    assert.ok(all.every(({ scouts, after }) => scouts >= 1 && after !== undefined && after <= 60));
    assert.ok(mean(all) <= 1.5, `mean ${mean(all)}`);
  });
}

test('when few have room the next ones are reached, still about one of them', () => {
  const all = trials(30, 100, 0.1).filter(({ after }) => after !== undefined);
  assert.ok(all.length >= 25 && mean(all) <= 1.5, `${all.length} with a scout, mean ${mean(all)}`);
});

test('the rule of Vac 3.1 sends many', () => assert.ok(mean(trials(3, 1000, 1, 'vac31')) > 5));
