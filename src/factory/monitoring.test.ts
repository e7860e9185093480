import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { fakeAnswer } from '../core/space/fake-answers.ts';
import { instant, seconds } from '../core/units.ts';
import type { Clock } from './clock.ts';
import { fakeNow, FakeView } from './control/fake-view.ts';
import { EventBus } from './events.ts';
import { Monitoring } from './monitoring.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vacua-monitoring-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

class StoodClock implements Clock {
  readonly bootId = 'boot';
  passed = 0;
  wall = () => instant(fakeNow + this.passed * 1000);
  uptime = () => seconds(100 + this.passed);
  sleepUntil = () => Promise.reject(new Error('nobody sleeps here'));
}

function site(passed = 0, place = join(directory, 'space-census')) {
  const view = new FakeView('/nonexistent');
  const bus = new EventBus();
  const clock = new StoodClock();
  clock.passed = passed;
  const warnings: string[] = [];
  const monitoring = new Monitoring({
    view: () => view,
    bus,
    clock,
    census: place,
    log: { warn: (_fields, message) => void warnings.push(message) },
    random: () => 0,
  });
  const turn = async (): Promise<void> => {
    const decision = view.turn?.decision;
    assert.ok(decision !== undefined);
    bus.emit('decided', decision);
    await monitoring.idle();
  };
  return { view, bus, clock, monitoring, turn, warnings, place };
}

it('the census is taken a minute after the start, when others have started too, then hourly, of all factories', async () => {
  const { view, clock, turn, place, monitoring } = site();
  await turn();
  clock.passed = 59;
  await turn();
  assert.equal(view.commands.length, 0);
  clock.passed = 60;
  await turn();
  assert.deepEqual(view.commands, ['ask factories wn01.example.com wn02.example.com wn03.example.com within 10']);
  assert.deepEqual(readdirSync(place).sort(), ['wn01.example.com', 'wn03.example.com']);
  clock.passed = 3659;
  await turn();
  assert.equal(view.commands.length, 1);
  clock.passed = 3660;
  await turn();
  assert.equal(view.commands.length, 2);
  monitoring.close();
  clock.passed = 9000;
  await turn();
  assert.equal(view.commands.length, 2);
});

it('a restarted daemon does not ask again before the hour is over, and knows what was answered', async () => {
  const first = site();
  await first.turn();
  first.clock.passed = 60;
  await first.turn();
  const second = site(1800);
  await second.turn();
  assert.equal(second.view.commands.length, 0);
  const report = second.monitoring.completed(second.view.space());
  assert.deepEqual(
    report.factories.map((f) => [f.factory, f.facts?.maxProcessors, f.factsAt]),
    [
      ['wn01.example.com', 8, first.clock.wall()],
      ['wn02.example.com', undefined, undefined],
      ['wn03.example.com', 8, first.clock.wall()],
    ],
  );
  second.clock.passed = 3660;
  await second.turn();
  assert.equal(second.view.commands.length, 1);
});

it('a place that cannot be written is told and ends nothing', async () => {
  const place = join(directory, 'file', 'space-census');
  writeFileSync(join(directory, 'file'), '');
  const { turn, warnings, clock, view } = site(0, place);
  await turn();
  clock.passed = 60;
  await turn();
  assert.deepEqual(warnings, ['census cannot be written']);
  clock.passed = 3660;
  view.answer = (factory) => fakeAnswer(factory);
  await turn();
  assert.equal(warnings.length, 2);
});
