import { readFileSync, writeFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { instant, seconds } from '../../src/core/units.ts';
import { ManualClock } from '../../src/providers/sim/clock.ts';
import { SimProvider } from '../../src/providers/sim/provider.ts';
import { seeded } from '../../src/providers/sim/script.ts';
import { openWorldFile, readWorldFile, worldEvents } from '../../src/providers/sim/world-file.ts';
import { type Boundary, CrashableDaemon } from './daemon.ts';
import { comeToRest, deathWish, downtime, moodOf, scriptFor, stormyLife } from './play.ts';
import { GuestFiles } from './site.ts';

/**
 * One life of a daemon in a process of its own: `child.ts STATE_DIR SEED LIFE`, LIFE from 0, or `last`. It ends by SIGKILL from
 * its own hand at a boundary or after its turns; the last one comes to rest and exits with 0. World and clocks are files.
 */
const [stateDir = '', seed = '', life = ''] = process.argv.slice(2);
const worldFile = join(stateDir, 'world.jsonl');
const clockFile = join(stateDir, 'clock.json');

flushCompileCache(); // a killed process does not leave it to the next, as one that exits does

function readClock(): ManualClock {
  if (life === '0') return new ManualClock();
  const { wall, uptime } = JSON.parse(readFileSync(clockFile, 'utf8')) as { wall: number; uptime: number };
  return new ManualClock(instant(wall), 'manual', seconds(uptime));
}
const clock = readClock();
const writeClock = (): void => writeFileSync(clockFile, JSON.stringify({ wall: clock.wall(), uptime: clock.uptime() }));

const mood = moodOf(seeded(Number(seed)));
const random = seeded(Number(seed) * 1000 + (life === 'last' ? 999 : Number(life)));
if (life !== '0') downtime(clock, random);

const files = new GuestFiles();
for (const event of worldEvents(readWorldFile(worldFile))) files.follow(event);
const world = openWorldFile(worldFile, { clock, script: scriptFor(random, mood), onEvent: (event) => files.follow(event) });
const provider = new SimProvider(world);
await provider.open();

const wish = deathWish(random);
const dies = (at: Boundary): boolean => {
  writeClock();
  if (life !== 'last' && wish(at)) process.kill(process.pid, 'SIGKILL');
  return false;
};
const daemon = new CrashableDaemon({ stateDir, clock, provider, files, random, mood, dies });
if (life === 'last') await comeToRest(daemon, clock, random, mood, world);
else {
  await stormyLife(daemon, clock, random, mood);
  writeClock();
  process.kill(process.pid, 'SIGKILL');
}
