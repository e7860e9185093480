import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpaceState } from './state.ts';
import { progressLine, spaceView } from './view.ts';

const state: SpaceState = {
  elapsed: 65,
  act: 'the network parts: wn02 against the others',
  rows: [
    { id: 'wn01', provider: 'sim', mood: 'works', slots: 2, running: new Map([['red', 1]]), hears: 0, deaf: ['wn02'] },
    { id: 'wn02', provider: 'qemu', mood: 'killed', slots: 1, running: new Map(), hears: 0, deaf: [] },
  ],
  tenants: [{ name: 'red', running: 1, target: 1.5 }],
  messages: ['wn01: wn02 is silent'],
  checks: [{ name: 'shares converge', held: true, detail: '0.5 of 3' }],
};

test('the view names every factory, what it runs, and who is silent for it', () => {
  const lines = spaceView(state, 80, 24, false);
  assert.ok(lines.every((l) => l.length <= 80));
  assert.match(lines.join('\n'), /wn01 {5}sim {7}r· {16}0  works, silent for it: wn02/);
  assert.match(lines.join('\n'), /red {12}1 {5}1\.5/);
  assert.match(lines.join('\n'), /✓ shares converge: 0\.5 of 3/);
});

test('a small terminal gets as many lines and columns as it has', () => {
  const lines = spaceView(state, 46, 5, false);
  assert.equal(lines.length, 5);
  assert.ok(lines.every((l) => l.length <= 46));
});

test('without a terminal, one line tells where things stand', () => {
  assert.equal(progressLine(state), '1:05  red 1/1.5  factories up: 1 of 2');
});
