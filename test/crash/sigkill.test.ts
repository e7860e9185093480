import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { seeded } from '../../src/providers/sim/script.ts';
import { readWorldFile, worldEvents } from '../../src/providers/sim/world-file.ts';
import { audit } from './audit.ts';
import { journalOf } from './daemon.ts';
import { moodOf } from './play.ts';
import { listLag } from './schedule.ts';
import { leastLifetime, processors, silentFrom } from './site.ts';

const child = join(import.meta.dirname, 'child.ts');
const compileCache = mkdtempSync(join(tmpdir(), 'vacua-compile-'));
after(() => rmSync(compileCache, { recursive: true, force: true }));
const schedules = 25;
const killsEach = 4;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
}

/** Runs one life to its end. */
function live(stateDir: string, seed: number, life: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [...process.execArgv, child, stateDir, String(seed), life], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    });
    let said = '';
    running.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    running.on('error', reject);
    running.on('close', (code, signal) => resolve({ code, signal, said }));
  });
}

/** Rejects with what was broken. Returns how many daemons were killed. */
async function play(seed: number): Promise<number> {
  const stateDir = mkdtempSync(join(tmpdir(), 'vacua-sigkill-'));
  try {
    for (let life = 0; life < killsEach; life++) {
      const ended = await live(stateDir, seed, String(life));
      assert.equal(ended.signal, 'SIGKILL', `seed ${seed}, life ${life}: ended with ${ended.code}: ${ended.said}`);
    }
    const last = await live(stateDir, seed, 'last');
    assert.equal(last.code, 0, `seed ${seed}, last life: ${last.signal ?? ''} ${last.said}`);
    const journal = journalOf(stateDir);
    const { superslots, staleLists } = moodOf(seeded(seed));
    const broken = audit({
      events: worldEvents(readWorldFile(join(stateDir, 'world.jsonl'))),
      records: journal.machines(),
      usage: journal.usage(),
      processors,
      listLag: staleLists ? listLag : 0,
      lifetime: leastLifetime(superslots),
      silentFrom,
    });
    journal.close();
    assert.deepEqual(broken, [], `seed ${seed}`);
    return killsEach;
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

describe('a daemon killed with SIGKILL', () => {
  it(`loses no record, leaks and harms no machine, in ${schedules} schedules of ${killsEach} kills each (design §4.7)`, { timeout: 600_000 }, async () => {
    const seeds = Array.from({ length: schedules }, (_, i) => i + 1);
    const worker = async (): Promise<number> => {
      let kills = 0;
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const made = await play(seed);
        kills += made;
      }
      return kills;
    };
    const [one = 0, other = 0] = await Promise.all([worker(), worker()]);
    assert.equal(one + other, schedules * killsEach);
  });
});
