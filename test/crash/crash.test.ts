import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { boundaries } from './play.ts';
import { playSchedule } from './schedule.ts';

/** `VACUA_CRASH_SEED=N` plays that schedule alone; `VACUA_CRASH_SCHEDULES=N` that many. */
const only = process.env['VACUA_CRASH_SEED'];
const first = only === undefined ? 1 : Number(only);
const schedules = only === undefined ? Number(process.env['VACUA_CRASH_SCHEDULES'] ?? 2000) : 1;
const together = 500;
/** Seconds on an idle host; many times that where others work too. */
const timeout = 600_000;

/** Thousands of journals are written with fsync: in memory where the host allows it. */
function fastDirectory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

describe('crashes at every boundary', () => {
  const directory = fastDirectory();
  const deaths = new Set<string>();
  for (let from = first; from < first + schedules; from += together) {
    const to = Math.min(from + together, first + schedules) - 1;
    it(`no leak, no double, no lost usage record, no machine restarted or harmed (design §4): seeds ${from} to ${to}`, { timeout }, async (t) => {
      let machines = 0;
      for (let seed = from; seed <= to; seed++) {
        const report = await playSchedule(seed, directory);
        machines += report.machines;
        for (const where of report.deaths) deaths.add(where);
        assert.deepEqual(report.broken, [], `VACUA_CRASH_SEED=${seed}\n${report.stories.join('\n')}`);
      }
      t.diagnostic(`${machines} machines`);
    });
  }

  it('in these schedules a daemon died at every boundary there is', { skip: schedules < 1000 ? 'too few schedules were asked for' : false }, () => {
    assert.deepEqual(
      boundaries.filter((b) => !deaths.has(b)),
      [],
    );
  });
});
