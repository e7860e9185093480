import { isLive } from '../../src/core/machine.ts';
import { stepNames } from '../../src/factory/loop-parts.ts';
import type { ManualClock } from '../../src/providers/sim/clock.ts';
import { calm, type Random, type SimScript, seededScript, stormy } from '../../src/providers/sim/script.ts';
import type { SimWorld } from '../../src/providers/sim/world.ts';
import type { Boundary, CrashableDaemon } from './daemon.ts';

export const boundaries: readonly Boundary[] = [...stepNames, 'commit:before', 'commit:after'];

/** Turns without news after which a schedule has not come to rest. */
const tooManyTurns = 400;

/** What the schedule does to the world at the moment. */
export interface Mood {
  storm: boolean;
  draining: boolean;
  diskFull: boolean;
  /** Whether listings may lag behind at all in this schedule. */
  readonly staleLists: boolean;
  readonly superslots: boolean;
}

export const moodOf = (random: Random): Mood => ({ storm: true, draining: false, diskFull: false, superslots: random() < 0.3, staleLists: random() < 0.5 });

export const scriptFor = (random: Random, mood: Mood): SimScript =>
  seededScript(random, () => (mood.storm ? { ...stormy, ...(mood.staleLists ? {} : { staleList: 0 }) } : calm));

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets simulated time pass, but only when nothing else can happen, until `work` has ended or the daemon has died. */
async function pump(work: Promise<unknown>, daemon: CrashableDaemon, clock: ManualClock): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  void work.then(end, end);
  void daemon.died.then(end);
  for (let idle = 0; !over.signal.aborted; idle++) {
    await tick();
    if (idle > 20 && !over.signal.aborted) clock.advance(clock.nextDue() ?? 0);
  }
}

/** A boundary to die at, and the how-manieth passage of it. */
export function deathWish(random: Random): (at: Boundary) => boolean {
  const where = boundaries[Math.floor(random() * boundaries.length)];
  let left = 1 + Math.floor(random() * 4);
  return (at) => at === where && --left === 0;
}

/** A step of the wall clock by somebody's hand: mostly none, otherwise an hour or a year, either way. */
function stepOf(random: Random): number {
  const draw = random();
  if (draw > 0.06) return 0;
  return (draw < 0.03 ? 3600 : 365 * 86_400) * (random() < 0.5 ? -1 : 1);
}

async function turn(daemon: CrashableDaemon, clock: ManualClock, random: Random): Promise<void> {
  await pump(daemon.loop.turn(), daemon, clock);
  for (let i = Math.floor(random() * 30); i > 0; i--) await tick();
}

/** One life of a daemon among misfortunes; returns when it has died, or has had its turns. */
export async function stormyLife(daemon: CrashableDaemon, clock: ManualClock, random: Random, mood: Mood): Promise<void> {
  await pump(daemon.loop.resume(), daemon, clock);
  for (let turns = 5 + Math.floor(random() * 20); turns > 0 && !daemon.dead; turns--) {
    mood.storm = random() < 0.7;
    mood.diskFull = random() < 0.1;
    clock.step(stepOf(random));
    await turn(daemon, clock, random);
    clock.advance(random() * (random() < 0.2 ? 55 : 8));
  }
}

/** The time until somebody starts the daemon again. */
export function downtime(clock: ManualClock, random: Random): void {
  clock.step(stepOf(random));
  clock.advance(random() * (random() < 0.2 ? 600 : 5));
}

/** A last daemon in good weather, which drains until there is nothing left to do. Rejects when that never comes. */
export async function comeToRest(daemon: CrashableDaemon, clock: ManualClock, random: Random, mood: Mood, world: SimWorld): Promise<void> {
  Object.assign(mood, { storm: false, diskFull: false });
  const quiet = (): boolean => mood.draining && world.sightings().length === 0 && !(daemon.loop.last?.observed.machines ?? []).some(isLive);
  await pump(daemon.loop.resume(), daemon, clock);
  for (let turns = 0; !quiet(); turns++) {
    mood.draining = turns > 3;
    await turn(daemon, clock, random);
    await pump(daemon.loop.idle(), daemon, clock);
    clock.advance(40);
    if (turns > tooManyTurns)
      throw new Error(`does not come to rest: ${JSON.stringify(daemon.loop.last?.observed.machines)} ${JSON.stringify(world.sightings())}`);
  }
  await turn(daemon, clock, random);
  await pump(daemon.loop.idle(), daemon, clock);
}
