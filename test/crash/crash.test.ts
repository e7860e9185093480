import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { boundaries } from './play.ts';
import { playSchedule } from './schedule.ts';

/** `VACUA_CRASH_SEED=N` plays that schedule alone; `VACUA_CRASH_SCHEDULES=N` that many. */
const only = process.env['VACUA_CRASH_SEED'];
const seeds = only === undefined ? Array.from({ length: Number(process.env['VACUA_CRASH_SCHEDULES'] ?? 2000) }, (_, i) => i + 1) : [Number(only)];

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
  it('no leak, no double, no lost usage record, no machine restarted or harmed (design §4)', { timeout: 230_000 }, async (t) => {
    const directory = fastDirectory();
    const deaths = new Set<string>();
    let machines = 0;
    for (const seed of seeds) {
      const report = await playSchedule(seed, directory);
      machines += report.machines;
      for (const where of report.deaths) deaths.add(where);
      assert.deepEqual(report.broken, [], `VACUA_CRASH_SEED=${seed}\n${report.stories.join('\n')}`);
    }
    t.diagnostic(`${seeds.length} schedules, ${machines} machines`);
    if (seeds.length < 1000) return;
    assert.deepEqual(
      boundaries.filter((b) => !deaths.has(b)),
      [],
      'a daemon died at every boundary',
    );
  });
});
