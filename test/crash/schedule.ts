import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isLive } from '../../src/core/machine.ts';
import type { MachineId } from '../../src/core/units.ts';
import { stepNames } from '../../src/factory/loop-parts.ts';
import { ManualClock } from '../../src/providers/sim/clock.ts';
import { SimProvider } from '../../src/providers/sim/provider.ts';
import { calm, type Random, seeded, seededScript, stormy } from '../../src/providers/sim/script.ts';
import { type SimEvent, SimWorld } from '../../src/providers/sim/world.ts';
import { audit, type Evidence } from './audit.ts';
import { type Boundary, CrashableDaemon, journalOf } from './daemon.ts';
import { GuestFiles, leastLifetime, processors, silentFrom } from './site.ts';

export const boundaries: readonly Boundary[] = [...stepNames, 'commit:before', 'commit:after'];

/** Turns without news after which a schedule has not come to rest. */
const tooManyTurns = 400;

export interface Report {
  readonly broken: readonly string[];
  /** For each machine with which something is wrong, what was written down and what happened, in order. */
  readonly stories: readonly string[];
  readonly machines: number;
  /** Where daemons died. */
  readonly deaths: readonly (Boundary | 'between')[];
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets simulated time pass, but only when nothing else can happen, until `work` has ended or the daemon has died. */
export async function pump(work: Promise<unknown>, daemon: CrashableDaemon, clock: ManualClock): Promise<void> {
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
export function clockStep(random: Random): number {
  const draw = random();
  if (draw > 0.06) return 0;
  return (draw < 0.03 ? 3600 : 365 * 86_400) * (random() < 0.5 ? -1 : 1);
}

/** Plays one seeded schedule of crashes and misfortunes on the real loop and journal, lets it come to rest, and audits it. */
export async function playSchedule(seed: number, directory: string): Promise<Report> {
  const random = seeded(seed);
  const stateDir = mkdtempSync(join(directory, 'vacua-crash-'));
  const clock = new ManualClock();
  const superslots = random() < 0.3;
  const staleLists = random() < 0.5;
  const events: SimEvent[] = [];
  const files = new GuestFiles();
  const mood = { storm: true, draining: false, diskFull: false };
  const world = new SimWorld({
    clock,
    script: seededScript(random, () => (mood.storm ? { ...stormy, ...(staleLists ? {} : { staleList: 0 }) } : calm)),
    onEvent: (event) => {
      events.push(event);
      tell('world', event);
      files.follow(event);
    },
  });
  const ends = new Map<MachineId, number>();
  const intents = new Map<MachineId, number>();
  const started = new Set<MachineId>();
  const deaths: (Boundary | 'between')[] = [];
  const ledger: string[] = [];
  const tell = (who: string, what: object): void => {
    ledger.push(`up ${clock.uptime().toFixed(1)} wall ${clock.wall().toFixed(0)} ${who} ${JSON.stringify(what)}`);
  };

  const daemonWith = async (dies: (at: Boundary) => boolean): Promise<CrashableDaemon> => {
    const provider = new SimProvider(world);
    await provider.open();
    return new CrashableDaemon({
      stateDir,
      clock,
      provider,
      files,
      random,
      superslots,
      draining: () => mood.draining,
      diskFull: () => mood.diskFull,
      dies: (at) => {
        if (!dies(at)) return false;
        deaths.push(at);
        tell('death', { at });
        return true;
      },
      onCommit: (change) => {
        tell('journal', change);
        if (change.kind === 'put' && !intents.has(change.machine.id)) intents.set(change.machine.id, clock.uptime());
        if (change.kind === 'finish') ends.set(change.machine.id, (ends.get(change.machine.id) ?? 0) + 1);
        if ((change.kind === 'put' || change.kind === 'finish') && 'startedAt' in change.machine && change.machine.startedAt !== undefined)
          started.add(change.machine.id);
      },
    });
  };
  const turn = async (daemon: CrashableDaemon): Promise<void> => {
    await pump(daemon.loop.turn(), daemon, clock);
    for (let i = Math.floor(random() * 30); i > 0; i--) await tick();
  };

  try {
    for (let life = 2 + Math.floor(random() * 4); life > 0; life--) {
      const daemon = await daemonWith(deathWish(random));
      await pump(daemon.loop.resume(), daemon, clock);
      for (let turns = 5 + Math.floor(random() * 20); turns > 0 && !daemon.dead; turns--) {
        mood.storm = random() < 0.7;
        mood.diskFull = random() < 0.1;
        clock.step(clockStep(random));
        await turn(daemon);
        clock.advance(random() * (random() < 0.2 ? 55 : 8));
      }
      if (!daemon.dead) deaths.push('between');
      daemon.kill();
      clock.step(clockStep(random));
      clock.advance(random() * (random() < 0.2 ? 600 : 5));
    }
    Object.assign(mood, { storm: false, diskFull: false });
    const last = await daemonWith(() => false);
    await pump(last.loop.resume(), last, clock);
    for (let turns = 0; ; turns++) {
      mood.draining = turns > 3;
      await turn(last);
      await pump(last.loop.idle(), last, clock);
      clock.advance(40);
      if (mood.draining && world.sightings().length === 0 && !(last.loop.last?.observed.machines ?? []).some(isLive)) break;
      if (turns > tooManyTurns)
        throw new Error(`does not come to rest: ${JSON.stringify(last.loop.last?.observed.machines)} ${JSON.stringify(world.sightings())}`);
    }
    await turn(last);
    await pump(last.loop.idle(), last, clock);
    last.kill();

    const journal = journalOf(stateDir);
    const evidence: Evidence = {
      events,
      records: journal.machines(),
      usage: journal.usage(),
      ends,
      intents,
      started,
      processors,
      listLag: staleLists ? 90 : 0,
      lifetime: leastLifetime(superslots),
      silentFrom,
    };
    journal.close();
    const broken = audit(evidence);
    const ids = new Set(broken.flatMap((line) => line.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []));
    const stories = [...ids].map((id) => ledger.filter((line) => line.includes(id) || line.includes(' death ')).join('\n'));
    return { broken, stories, machines: events.filter((e) => e.kind === 'accepted').length, deaths };
  } finally {
    world.close();
    rmSync(stateDir, { recursive: true, force: true });
  }
}
