import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { problemLine } from '../../core/config/problem.ts';
import { elapsed } from '../../core/units.ts';
import { scenarioOf } from '../testing.ts';
import { readScenario } from './read.ts';
import { durationOf, jobLength, rate } from './value-types.ts';

const least = '[hosts wn]\ncount = 3\n[machinetype red]\ntarget_share = 1\n';
const lines = (text: string): string[] => readScenario('s.conf', text).problems.map(problemLine);

it('durations are read with their units, alone or together', () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ['90', 90],
    ['90s', 90],
    ['10min', 600],
    ['1.5h', 5400],
    ['2d', 172_800],
    ['1h 30min', 5400],
    ['1h30min', 5400],
    ['250ms', 0.25],
    ['', undefined],
    ['10 minutes', undefined],
    ['h', undefined],
    ['-5s', undefined],
    ['1e9s', undefined],
  ];
  for (const [text, expected] of table) assert.equal(durationOf(text), expected, text);
});

it('rates and lengths are read in all their forms', () => {
  assert.deepEqual(rate.read('08:00 400/h, 00:00 60/min'), {
    value: [
      { from: 0, perSecond: 1 },
      { from: 28_800, perSecond: 400 / 3600 },
    ],
  });
  assert.ok('wrong' in rate.read('08:00 many'));
  assert.deepEqual(jobLength.read('uniform 2h 6h'), { value: { kind: 'uniform', least: 7200, most: 21_600 } });
  assert.ok('wrong' in jobLength.read('uniform 6h 2h'));
  assert.deepEqual(jobLength.read('lognormal 4h 0.5'), { value: { kind: 'lognormal', median: 14_400, sigma: 0.5 } });
});

it('every problem is told at once with its place and what would be valid', () => {
  const text =
    '[simulation]\nduraton = 2h\nloss = 5 percent\n[hosts wn]\ncount = many\n[machinetype red]\ntarget_share = 1\n[work rad]\nwaiting = 5\n' +
    '[fault x]\nkind = crsh\nat = noon\nhosts = wm\n[falt y]\nat = 1h\n';
  assert.deepEqual(lines(text), [
    's.conf:2:1: duraton: not an option of [simulation] and ignored; did you mean duration? (warning)',
    's.conf:3:8: loss: "5 percent" is not a part of a whole; valid: a part from 0 to 1, or a percentage such as 5%',
    's.conf:5:9: count: "many" is not a whole number; valid: a whole number from 1 to 100000',
    's.conf:8:1: [work rad]: there is no [machinetype rad]; did you mean red?',
    's.conf:11:8: kind: "crsh" is not one of the words; did you mean crash?; valid: crash, daemon, reboot, partition, clock, loss, black_hole',
    's.conf:12:6: at: "noon" is not a time; valid: a duration such as 90s, 10min, 1.5h or 2d after the start, or a time of day such as 06:00',
    's.conf:13:9: hosts: "wm" is no host; valid: a group, a host such as wn-1, a range A..B, or all; did you mean wn?',
    's.conf:14:1: [falt] is not a section of a scenario; valid: simulation, hosts, work, fault, settings, machinetype, vmtype, DEFAULT; did you mean fault?',
  ]);
});

it('problems of the site part are those that a factory would tell, once for all groups', () => {
  assert.deepEqual(lines(`${least}[hosts big]\ncount = 1\n[settings]\nboot_concurency = 3\n`), [
    's.conf:8:1: boot_concurency: not an option of [settings] and ignored; did you mean boot_concurrency? (warning)',
  ]);
  assert.deepEqual(lines('[machinetype red]\ntarget_share = 1\n'), ['s.conf: no hosts; add a section such as [hosts wn] with count = 10']);
});

it('hosts are named by group, and faults find them by group, name, range or all', () => {
  const fault = (hosts: string): number[] => [
    ...(scenarioOf(`${least}[hosts old]\ncount = 12\n[fault x]\nkind = crash\nat = 1h\nhosts = ${hosts}\n`).faults[0]?.hosts ?? []),
  ];
  assert.equal(scenarioOf(least).hosts[1]?.name, 'wn-2.example.com');
  assert.deepEqual(fault('wn'), [0, 1, 2]);
  assert.deepEqual(fault('wn-3 old-01..old-02'), [2, 3, 4]);
  assert.equal(fault('all').length, 15);
});

it('a time of day is its next occurrence', () => {
  const scenario = scenarioOf(`[simulation]\nbegin = 18:00\n${least.replace('count = 3', 'count = 3\nleaves = 06:00\njoins = 10min')}`);
  const [group] = scenario.groups;
  assert.equal(elapsed(scenario.start, group?.leaves ?? scenario.start), 12 * 3600);
  assert.equal(elapsed(scenario.start, group?.joins ?? scenario.start), 600);
});

it('any bytes are read without a throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => Array.isArray(readScenario('s.conf', bytes).problems)),
    { numRuns: 200 },
  );
});

it('the scenarios that come with the project have no problems', () => {
  const directory = join(import.meta.dirname, '..', '..', '..', 'examples', 'scenarios');
  const files = readdirSync(directory).filter((file) => file.endsWith('.conf'));
  assert.ok(files.length >= 7);
  for (const file of files) scenarioOf(readFileSync(join(directory, file), 'utf8'));
});
